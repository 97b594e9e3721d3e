import { type JsonValue, parseJson, stringifyJson } from '../../core/json.js'
import type { ExecutionFilter, ExecutionStatus, JsonFilter, VariableFilter } from '../generated/graphql.js'

export const STATUSES: readonly ExecutionStatus[] = ['RUNNING', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED', 'PENDING']
export const OPERATORS = ['=', '>', '>=', '<', '<=', 'contains', 'exists'] as const
export type Operator = (typeof OPERATORS)[number]

/** One condition on a variable: `total > 5`, `order/customer = "Ann"` (a path below the value). */
export interface Condition {
  readonly name: string
  readonly operator: Operator
  readonly value: JsonValue
}

/** What the list shows; all of it in the address. */
export interface Filters {
  readonly statuses: readonly ExecutionStatus[]
  readonly path: string
  /** Of an input of type datetime-local; empty: open. */
  readonly from: string
  readonly until: string
  readonly conditions: readonly Condition[]
  /** Only those that this execution started; empty: all. */
  readonly parent: string
}

export function readFilters(search: URLSearchParams): Filters {
  const statuses = (search.get('status') ?? '').split(',').filter((text) => STATUSES.includes(text as never))
  return {
    statuses: statuses as ExecutionStatus[],
    path: search.get('playbook') ?? '',
    from: search.get('from') ?? '',
    until: search.get('until') ?? '',
    conditions: search.getAll('var').flatMap((text) => parseCondition(text) ?? []),
    parent: search.get('parent') ?? '',
  }
}

export function writeFilters({ statuses, path, from, until, conditions, parent }: Filters): URLSearchParams {
  const search = new URLSearchParams()
  if (statuses.length > 0) search.set('status', statuses.join())
  if (path !== '') search.set('playbook', path)
  if (from !== '') search.set('from', from)
  if (until !== '') search.set('until', until)
  if (parent !== '') search.set('parent', parent)
  for (const condition of conditions) search.append('var', formatCondition(condition))
  return search
}

const CONDITION = /^\s*([A-Za-z_][\w-]*(?:\/[^\s=<>]*)?)\s*(>=|<=|=|>|<|contains\b|exists\b)\s*(.*)$/s

/** `name operator value`; the value as JSON, or else as a string. Null when it is none. */
export function parseCondition(text: string): Condition | null {
  const [, name, operator, rest = ''] = CONDITION.exec(text) ?? []
  if (name === undefined || operator === undefined) return null
  if (operator === 'exists') return { name, operator, value: true }
  if (rest.trim() === '') return null
  return { name, operator: operator as Operator, value: readValue(rest.trim()) }
}

function readValue(text: string): JsonValue {
  try {
    return parseJson(text)
  } catch {
    return text
  }
}

export function formatCondition({ name, operator, value }: Condition): string {
  return operator === 'exists' ? `${name} exists` : `${name} ${operator} ${stringifyJson(value)}`
}

const KEYS: Readonly<Record<Operator, keyof JsonFilter>> = {
  '=': 'eq',
  '>': 'gt',
  '>=': 'gte',
  '<': 'lt',
  '<=': 'lte',
  contains: 'contains',
  exists: 'exists',
}

function toVariableFilter({ name, operator, value }: Condition): VariableFilter {
  const [variable = '', ...path] = name.split('/')
  const pointer = path.length === 0 ? '' : `/${path.join('/')}`
  return { name: { eq: variable }, value: { path: pointer, [KEYS[operator]]: value } }
}

const toIso = (local: string): string | undefined => {
  const date = new Date(local)
  return local === '' || Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** As the server takes it. */
export function toQuery({ statuses, path, from, until, conditions, parent }: Filters): ExecutionFilter {
  const startedAfter = toIso(from)
  const startedBefore = toIso(until)
  return {
    ...(statuses.length > 0 && { status: [...statuses] }),
    ...(path !== '' && { path: { contains: path } }),
    ...(parent !== '' && { parentId: parent }),
    ...(startedAfter && { startedAfter }),
    ...(startedBefore && { startedBefore }),
    ...(conditions.length > 0 && { variables: conditions.map(toVariableFilter) }),
  }
}
