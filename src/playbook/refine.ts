import type { JsonValue } from '../core/json.js'
import { referencesOf } from '../template/index.js'
import type { References } from '../template/types.js'
import type { VarsBlock } from './model.js'
import { reportKey } from './reader.js'
import type { WrittenVar, WrittenVars } from './vars.js'

export interface RefineRequest {
  readonly written: WrittenVars
  readonly stepName: string
  /** Every template of the step's own tool input: parameters, collection, options, timeout. */
  readonly input: readonly JsonValue[]
  /** The names that an iterator's task assigns; null for a step that is not an iterator. */
  readonly taskVars: ReadonlySet<string> | null
}

/** What only exists once the tool has run. */
const OUTCOME_ROOTS = ['result', 'this', 'response', 'error', 'event', 'loop']

/**
 * When each entry is evaluated (playbooks.md, "vars", When). Of the plain form two kinds go before the tool: in an
 * iterator step the initial values of what its task assigns, and what the tool's own input reads.
 */
export function refineVars({ written, stepName, input, taskVars }: RefineRequest): VarsBlock {
  const entries = (list: readonly WrittenVar[]) => list.map(({ entry }) => entry)
  if (written.isExplicit || written.after.length === 0) return { before: entries(written.before), after: entries(written.after) }
  const isInitial = (item: WrittenVar) => taskVars?.has(item.entry.name) ?? false
  const rest = written.after.filter((item) => !isInitial(item))
  const read = readByInput({ block: rest, stepName, input, isIterator: taskVars !== null })
  for (const item of written.after) {
    if (isInitial(item)) say(item, `is evaluated once before the first iteration, because the task's own vars assign it too`)
    else if (read.has(item)) say(item, `is evaluated before the tool runs, because the step's own input reads it`)
  }
  const isEarly = (item: WrittenVar) => isInitial(item) || read.has(item)
  return { before: entries(written.after.filter(isEarly)), after: entries(written.after.filter((item) => !isEarly(item))) }
}

function say({ entry, field }: WrittenVar, what: string): void {
  reportKey(field, `"${entry.name}" ${what}; write vars.before to say so yourself, vars.after to have it the other way`, 'info')
}

interface InputRequest {
  readonly block: readonly WrittenVar[]
  readonly stepName: string
  readonly input: readonly JsonValue[]
  readonly isIterator: boolean
}

function readByInput({ block, stepName, input, isIterator }: InputRequest): Set<WrittenVar> {
  const early = new Set<WrittenVar>()
  const inputReads = safeReferences(input)
  if (!inputReads) return early
  const reads = new Map(block.map((item) => [item, safeReferences([item.entry.value])]))
  const positions = new Map(block.map((item, index) => [item.entry.name, index]))
  const movable = findMovable({ block, positions, reads, stepName, isIterator })
  const needed = block.filter((item) => readsVariable(inputReads, item.entry.name))
  for (let item = needed.pop(); item; item = needed.pop()) {
    if (early.has(item) || !movable.has(item)) continue
    early.add(item)
    for (const other of readAbove({ block, positions, reads }, item)) needed.push(other)
  }
  return early
}

interface Block {
  readonly block: readonly WrittenVar[]
  readonly positions: ReadonlyMap<string, number>
  readonly reads: ReadonlyMap<WrittenVar, References | null>
}

/** The entries above one that it reads by name. */
function readAbove({ block, positions, reads }: Block, item: WrittenVar): WrittenVar[] {
  const own = reads.get(item)
  const members = own?.members.get('vars') ?? []
  const names = new Set([...(own?.roots ?? []), ...(members === 'all' ? [] : members)])
  const at = positions.get(item.entry.name) ?? 0
  return [...names].flatMap((name) => {
    const position = positions.get(name) ?? at
    return position < at ? (block[position] ?? []) : []
  })
}

interface MovableRequest extends Block, Pick<InputRequest, 'stepName' | 'isIterator'> {}

/** Entries that depend neither on the tool's outcome nor on themselves, nor through one above them. */
function findMovable(request: MovableRequest): Set<WrittenVar> {
  const { block, reads, stepName, isIterator } = request
  const movable = new Set<WrittenVar>()
  for (const item of block) {
    const own = reads.get(item)
    if (!own || readsVariable(own, item.entry.name) || readsOutcome(own, { stepName, isIterator })) continue
    if (readAbove(request, item).every((other) => movable.has(other))) movable.add(item)
  }
  return movable
}

function readsOutcome(reads: References, { stepName, isIterator }: { stepName: string; isIterator: boolean }): boolean {
  if (OUTCOME_ROOTS.some((root) => reads.roots.has(root)) || reads.roots.has(stepName)) return true
  if (readsMember(reads, 'results', stepName)) return true
  return isIterator && ['index', 'item', 'count', 'total'].some((suffix) => readsVariable(reads, `${stepName}_${suffix}`))
}

/** `vars.name`, `vars` as a whole, or the bare name. */
function readsVariable(reads: References, name: string): boolean {
  return reads.roots.has(name) || readsMember(reads, 'vars', name)
}

function readsMember({ roots, members }: References, root: string, name: string): boolean {
  if (!roots.has(root)) return false
  const names = members.get(root) ?? 'all'
  return names === 'all' || names.has(name)
}

/** null where a template does not compile: its problem is said already. */
function safeReferences(values: readonly JsonValue[]): References | null {
  try {
    return referencesOf([...values])
  } catch {
    return null
  }
}
