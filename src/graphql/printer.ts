import {
  defaultFieldResolver,
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
} from 'graphql'
import { stringifyLeaf } from './result-text.js'
import type { Restricted } from './rights-plugin.js'

/** Prints what a resolver gave, as the selection asks for it. @throws PrintFault */
export type Printer = (value: unknown) => string

/** Given to fields whose resolver is a pure, synchronous function of the parent alone (fields that expose a property of their own name are known to be). */
export const PLAIN = { isPlain: true } as const

/** Given to plain fields whose parent may have their JSON text already; it returns null where the parent has not. */
export function textFrom<Parent>(text: (parent: Parent) => string | null) {
  return { ...PLAIN, textFrom: text }
}

/** What went wrong while printing, and where below the printed field. */
export class PrintFault extends Error {
  readonly keys: (string | number)[] = []

  constructor(cause: unknown) {
    super('a selection could not be printed', { cause })
  }
}

/**
 * A printer for the selection of a field; null when not all of it is plain: fields without arguments, fragments or directives
 * whose value comes from the parent alone. `fieldName` names the field where a null is at fault.
 */
export function createPrinter(type: GraphQLOutputType, node: FieldNode, fieldName: string): Printer | null {
  if (isNonNullType(type)) {
    const print = createPrinter(type.ofType, node, fieldName)
    return print && ((value) => (value === null || value === undefined ? refuseNull(fieldName) : print(value)))
  }
  if (isListType(type)) return listPrinter(createPrinter(type.ofType, node, fieldName))
  if (isLeafType(type)) return orNull((value) => stringifyLeaf(type.serialize(value)))
  return isObjectType(type) ? objectPrinter(type, node) : null
}

function listPrinter(print: Printer | null): Printer | null {
  if (print === null) return null
  return orNull((value) => {
    let text = '['
    let index = 0
    for (const item of value as Iterable<unknown>) {
      text += index === 0 ? '' : ','
      try {
        text += print(item)
      } catch (error) {
        throw faultAt(index, error)
      }
      index += 1
    }
    return `${text}]`
  })
}

interface Part {
  readonly key: string
  /** `"key":`, with a comma before it where it is not the first. */
  readonly head: string
  readonly read: (source: unknown) => unknown
  readonly print: Printer
}

function objectPrinter(type: GraphQLObjectType, { selectionSet }: FieldNode): Printer | null {
  if (isRestricted(type)) return null
  const parts: Part[] = []
  for (const selection of selectionSet?.selections ?? []) {
    if (selection.kind !== Kind.FIELD || selection.directives?.length || selection.arguments?.length) return null
    const key = (selection.alias ?? selection.name).value
    const source = selection.name.value === '__typename' ? typenamePart(type) : fieldPart(type, selection)
    if (source === null || parts.some((part) => part.key === key)) return null
    parts.push({ ...source, key, head: `${parts.length === 0 ? '' : ','}${JSON.stringify(key)}:` })
  }
  return orNull((value) => {
    let text = '{'
    for (const { key, head, read, print } of parts) {
      try {
        text += head + print(read(value))
      } catch (error) {
        throw faultAt(key, error)
      }
    }
    return `${text}}`
  })
}

function typenamePart({ name }: GraphQLObjectType): Pick<Part, 'read' | 'print'> {
  return { read: () => name, print: () => JSON.stringify(name) }
}

function fieldPart(type: GraphQLObjectType, node: FieldNode): Pick<Part, 'read' | 'print'> | null {
  const field = type.getFields()[node.name.value]
  const read = field && readerOf(field)
  const print = field && read && createPrinter(field.type, node, `${type.name}.${field.name}`)
  if (!read || !print) return null
  const text = field.extensions['textFrom'] as ((source: unknown) => string | null) | undefined
  if (text === undefined) return { read, print }
  return { read: (source) => source, print: (source) => text(source) ?? print(read(source)) }
}

/** How a plain field is read from its parent; null for any other. */
function readerOf(field: GraphQLField<unknown, unknown>): Part['read'] | null {
  const { name, args, resolve = defaultFieldResolver, extensions } = field
  if (isRestricted(field)) return null
  if (resolve === defaultFieldResolver) return (source) => (source as Record<string, unknown>)[name]
  if (extensions['isPlain'] !== true || args.length > 0) return null
  return (source) => resolve(source, {}, undefined, undefined as never)
}

function isRestricted({ extensions }: { readonly extensions: Restricted }): boolean {
  return extensions.isRestricted === true
}

function orNull(print: Printer): Printer {
  return (value) => (value === null || value === undefined ? 'null' : print(value))
}

function refuseNull(fieldName: string): never {
  throw new Error(`Cannot return null for non-nullable field ${fieldName}.`)
}

function faultAt(key: string | number, error: unknown): PrintFault {
  const fault = error instanceof PrintFault ? error : new PrintFault(error)
  fault.keys.unshift(key)
  return fault
}
