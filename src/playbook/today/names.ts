import { isMap, isScalar, isSeq, type Node } from 'yaml'
import { type Rename, type Replacement, renameReferences } from '../../template/index.js'
import { keyText } from '../reader.js'

const STATUSES = new Map([['ok', 'success']])
const EVENTS = new Map([
  ['step.done', 'call.done'],
  ['step.failed', 'call.error'],
])
const ENVELOPE = new Set(['status', 'data', 'error', 'headers', 'status_code', 'row_count', 'columns'])
/** What NoETL calls an error that may pass: no answer, or one that asks to come again. */
const RETRYABLE =
  "(this.status == 'error' and (this.error.code == 'TIMEOUT' or (this.status_code | default(503)) in [408, 425, 429, 500, 502, 503, 504]))"
const RAW_KEYS = new Set(['code'])
const CONDITIONS = new Set(['when', 'where', 'order_by'])

/** What gave a value that playbooks read as more than the value itself. */
export type OutputKind = 'http' | 'postgres' | 'loop'

/** Where names of today's templates lead. */
export interface Names {
  /** What the step's loop calls its element. */
  readonly element: string | null
  /** Whether `iter.x` and `step.x` are names of the list's own run, and not variables. */
  readonly hasLocals: boolean
  /** Names that were set to the whole output of a tool, and the tool. */
  readonly aliases: ReadonlyMap<string, string>
  /** Steps and tools whose output is more than its value. */
  readonly outputs: ReadonlyMap<string, OutputKind>
  /** In what a tool is given: the tool before it, whose output `output` and `_prev` are. */
  readonly before: string | null
  /** Inputs of a tool that takes none: the expressions that stand for them. */
  readonly inputs: ReadonlyMap<string, string>
}

/** The names of today's templates as they are here. */
export function renameFor(names: Names): Rename {
  const { element, hasLocals, aliases, before, inputs } = names
  return ([root = '', first, second, third]) => {
    const scoped = root === 'iter' || root === 'step' ? aliases.get(`${root}.${first}`) : undefined
    const part = scoped === undefined ? null : memberOf(scoped, { first: second, second: third, names, isOutput: true })
    if (part) return { ...part, used: part.used + 1 }
    if (root === 'ctx') return { text: 'vars', used: 1 }
    if (root === 'step' && first !== undefined) return local(first, hasLocals)
    if (root === 'iter' && first !== undefined) return iteration(first, { element, hasLocals })
    if (root === 'args' && first !== undefined) return { text: first, used: 2 }
    if (root === 'event' && first === 'name') return { text: 'event.name', used: 2, values: EVENTS }
    if (root === 'loop_index' && element !== null) return { text: 'loop.index0', used: 1 }
    if (root === '_attempt') return { text: 'this.attempt', used: 1 }
    if (root === 'output' || root === 'outcome') {
      if (before === null) return outputOf(root, { first, second })
      if (first === 'data' || first === 'body' || (first === 'result' && root === 'outcome')) return { text: before, used: 2 }
      return memberOf(before, { first, second, names, isOutput: true })
    }
    if (root === '_prev' && before !== null) return { text: before, used: 1 }
    const input = inputs.get(root)
    if (input !== undefined) return { text: input, used: 1 }
    const tool = aliases.get(root)
    if (tool !== undefined) return memberOf(tool, { first, second, names, isOutput: true })
    return names.outputs.has(root) ? memberOf(root, { first, second, names, isOutput: false }) : null
  }
}

interface Member {
  readonly first: string | undefined
  readonly second: string | undefined
  readonly names: Names
  /** Whether the name stood for the whole output, which is not called so here. */
  readonly isOutput: boolean
}

/** A part of what a step or tool gave. Its answer is the value here, whatever keys that has. */
function memberOf(name: string, { first, second, names, isOutput }: Member): Replacement | null {
  const kind = names.outputs.get(name)
  const isHttp = kind === 'http'
  if (isHttp && (first === 'data' || first === 'body')) return { text: name, used: 2 }
  if (isHttp && first === 'http' && second !== undefined)
    return { text: `${name}.${second === 'status' ? 'status_code' : second}`, used: 3 }
  if (kind === 'loop' && first === 'results') return { text: name, used: 2 }
  return isOutput ? { text: name, used: 1 } : null
}

function outputOf(root: string, { first, second }: Pick<Member, 'first' | 'second'>): Replacement | null {
  if (first === undefined) return { text: 'result', used: 1 }
  if (first === 'status') return { text: 'this.status', used: 2, values: STATUSES }
  if (first === 'error' && second === 'retryable') return { text: RETRYABLE, used: 3 }
  if (first === 'body' || (first === 'result' && root === 'outcome')) return { text: 'this.data', used: 2 }
  if (first !== 'http') return { text: ENVELOPE.has(first) ? 'this' : 'result', used: 1 }
  if (second === 'status' || second === 'status_code') return { text: '(this.status_code | default(none))', used: 3 }
  return second === undefined ? null : { text: `this.${second}`, used: 3 }
}

function iteration(name: string, { element, hasLocals }: Pick<Names, 'element' | 'hasLocals'>): Replacement {
  if (name === element) return { text: name, used: 2 }
  if (name === '_index' || name === 'index') return { text: 'loop.index0', used: 2 }
  return local(name, hasLocals)
}

function local(name: string, hasLocals: boolean): Replacement {
  return hasLocals ? { text: name, used: 2 } : { text: 'vars', used: 1 }
}

/** Renames in every template of a tree, code apart. */
export function renameTree(node: Node | null, rename: Rename, key = ''): void {
  if (isSeq(node)) for (const item of node.items) renameTree(item as Node, rename)
  if (isMap(node))
    for (const pair of node.items) {
      const name = keyText(pair.key) ?? ''
      if (!RAW_KEYS.has(name)) renameTree(pair.value as Node | null, rename, name)
    }
  if (!isScalar(node) || typeof node.value !== 'string') return
  const isBare = CONDITIONS.has(key) && !node.value.includes('{')
  const text = renameReferences(node.value, rename, isBare)
  if (text === node.value) return
  node.value = text
  node.source = text
}

/** The whole output of a step or tool as NoETL hands it to a program: its value is only a part of that. */
export function wholeOutput(name: string, kind: OutputKind): string {
  if (kind === 'postgres') {
    const parts = `'status': ${name}.status, 'rows': ${name}, 'row_count': ${name}.row_count, 'data': ${name}`
    return `{{ dict({${parts}}, **${name}.commands) }}`
  }
  const parts = {
    http: `'status': ${name}.status, 'status_code': ${name}.status_code, 'headers': ${name}.headers, 'body': ${name}, 'data': ${name}`,
    loop: `'status': ${name}.status, 'data': ${name}, 'results': ${name}, 'stats': ${name}.stats`,
  }
  return `{{ {${parts[kind]}} }}`
}
