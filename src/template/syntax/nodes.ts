import nodes, { type Node, type NodeClass } from 'nunjucks/src/nodes.js'
import type { Position } from '../run.js'
import type { Value } from '../values/values.js'

/** nunjucks' own nodes, and those that Jinja2's grammar needs beside them. */
const KINDS = {
  Literal: nodes['Literal'] as NodeClass,
  Symbol: nodes['Symbol'] as NodeClass,
  Array: nodes['Array'] as NodeClass,
  Dict: nodes['Dict'] as NodeClass,
  Pair: nodes['Pair'] as NodeClass,
  LookupVal: nodes['LookupVal'] as NodeClass,
  InlineIf: nodes['InlineIf'] as NodeClass,
  FunCall: nodes['FunCall'] as NodeClass,
  Not: nodes['Not'] as NodeClass,
  Neg: nodes['Neg'] as NodeClass,
  Pos: nodes['Pos'] as NodeClass,
  Add: nodes['Add'] as NodeClass,
  Sub: nodes['Sub'] as NodeClass,
  Mul: nodes['Mul'] as NodeClass,
  Div: nodes['Div'] as NodeClass,
  FloorDiv: nodes['FloorDiv'] as NodeClass,
  Mod: nodes['Mod'] as NodeClass,
  Pow: nodes['Pow'] as NodeClass,
  Concat: nodes['Concat'] as NodeClass,
  Compare: nodes['Compare'] as NodeClass,
  CompareOperand: nodes['CompareOperand'] as NodeClass,
  NodeList: nodes.NodeList,
  Output: nodes['Output'] as NodeClass,
  TemplateData: nodes['TemplateData'] as NodeClass,
  Tuple: nodes.NodeList.extend('Tuple'),
  Slice: nodes.Node.extend('Slice', { fields: ['start', 'stop', 'step'] }),
  Arguments: nodes.Node.extend('Arguments', { fields: ['positional', 'keywords', 'rest', 'restKeywords'] }),
  Apply: nodes.Node.extend('Apply', { fields: ['target', 'name', 'args'] }),
  Test: nodes.Node.extend('Test', { fields: ['target', 'name', 'args'] }),
  ForIn: nodes.Node.extend('ForIn', { fields: ['target', 'items', 'test', 'isRecursive', 'body', 'otherwise'] }),
  Assign: nodes.Node.extend('Assign', { fields: ['target', 'value'] }),
  AssignBlock: nodes.Node.extend('AssignBlock', { fields: ['target', 'filters', 'body'] }),
  MacroDefinition: nodes.Node.extend('MacroDefinition', { fields: ['name', 'parameters', 'body'] }),
  CallBlock: nodes.Node.extend('CallBlock', { fields: ['call', 'parameters', 'body'] }),
  FilterBlock: nodes.Node.extend('FilterBlock', { fields: ['filters', 'body'] }),
  With: nodes.Node.extend('With', { fields: ['assignments', 'body'] }),
  Placeholder: nodes.Node.extend('Placeholder', { fields: [] }),
} as const

type Kind = keyof typeof KINDS

/** Makes a node at a position; its fields are those of the AST types below, in order. */
export function make<K extends Kind>(kind: K, at: Position, ...fields: unknown[]): Extract<Ast, { typename: K }> {
  return new KINDS[kind](at.lineno, at.colno, ...fields) as Node as Extract<Ast, { typename: K }>
}

interface Of<K extends string> extends Position {
  readonly typename: K
}

export interface SymbolNode extends Of<'Symbol'> {
  readonly value: string
}
export interface LiteralNode extends Of<'Literal'> {
  readonly value: Value
}
export interface LookupNode extends Of<'LookupVal'> {
  readonly target: Expression
  readonly val: Expression | SliceNode
}
export interface SliceNode extends Of<'Slice'> {
  readonly start: Expression | null
  readonly stop: Expression | null
  readonly step: Expression | null
}
export interface PairNode extends Of<'Pair'> {
  readonly key: Expression
  readonly value: Expression
}
export interface ListNode<K extends string, T> extends Of<K> {
  readonly children: T[]
}
export interface ArgumentsNode extends Of<'Arguments'> {
  readonly positional: readonly Expression[]
  readonly keywords: readonly { readonly name: string; readonly value: Expression }[]
  readonly rest: Expression | null
  readonly restKeywords: Expression | null
}
export interface CallNode extends Of<'FunCall'> {
  readonly name: Expression
  readonly args: ArgumentsNode
}
export interface ApplyNode<K extends 'Apply' | 'Test'> extends Of<K> {
  readonly target: Expression
  readonly name: string
  readonly args: ArgumentsNode
}
export interface InlineIfNode extends Of<'InlineIf'> {
  readonly cond: Expression
  readonly body: Expression
  readonly else_: Expression | null
}
export type BinaryKind = 'Add' | 'Sub' | 'Mul' | 'Div' | 'FloorDiv' | 'Mod' | 'Pow'
export interface PairedNode<K extends string> extends Of<K> {
  readonly left: Expression
  readonly right: Expression
}
export interface UnaryNode extends Of<'Not' | 'Neg' | 'Pos'> {
  readonly target: Expression
}
export interface CompareOperandNode extends Of<'CompareOperand'> {
  readonly expr: Expression
  readonly type: string
}
export interface CompareNode extends Of<'Compare'> {
  readonly expr: Expression
  readonly ops: readonly CompareOperandNode[]
}

export type Expression =
  | LiteralNode
  | SymbolNode
  | ListNode<'Array', Expression>
  | ListNode<'Tuple', Expression>
  | ListNode<'Dict', PairNode>
  | LookupNode
  | CallNode
  | ApplyNode<'Apply'>
  | ApplyNode<'Test'>
  | InlineIfNode
  | PairedNode<BinaryKind>
  | PairedNode<'Concat'>
  | PairedNode<'Or' | 'And'>
  | UnaryNode
  | CompareNode
  | Of<'Placeholder'>

export interface Parameter {
  readonly name: string
  readonly fallback: Expression | null
}
export interface ForNode extends Of<'ForIn'> {
  readonly target: Expression
  readonly items: Expression
  readonly test: Expression | null
  readonly isRecursive: boolean
  readonly body: BodyNode
  readonly otherwise: BodyNode | null
}
export interface IfNode extends Of<'If'> {
  readonly cond: Expression
  readonly body: BodyNode
  readonly else_: BodyNode | IfNode | null
}
export interface AssignNode extends Of<'Assign'> {
  readonly target: Expression
  readonly value: Expression
}
export interface AssignBlockNode extends Of<'AssignBlock'> {
  readonly target: Expression
  readonly filters: Expression
  readonly body: BodyNode
}
export interface MacroNode extends Of<'MacroDefinition'> {
  readonly name: string
  readonly parameters: readonly Parameter[]
  readonly body: BodyNode
}
export interface CallBlockNode extends Of<'CallBlock'> {
  readonly call: CallNode
  readonly parameters: readonly Parameter[]
  readonly body: BodyNode
}
export interface FilterBlockNode extends Of<'FilterBlock'> {
  readonly filters: Expression
  readonly body: BodyNode
}
export interface WithNode extends Of<'With'> {
  readonly assignments: readonly AssignNode[]
  readonly body: BodyNode
}
export interface DataNode extends Of<'TemplateData'> {
  readonly value: string
}
export type OutputNode = ListNode<'Output', Expression | DataNode>
export type BodyNode = ListNode<'NodeList', Statement>
export type Statement =
  | OutputNode
  | IfNode
  | ForNode
  | AssignNode
  | AssignBlockNode
  | MacroNode
  | CallBlockNode
  | FilterBlockNode
  | WithNode
  | BodyNode

export type Ast = Expression | Statement | DataNode | SliceNode | PairNode | ArgumentsNode | CompareOperandNode
