import { notLoaded } from '../../commit/change-set.js'
import { computedReach } from '../../commit/computed.js'
import type { Draft } from '../../commit/draft.js'
import type { Needs } from '../../commit/load.js'
import { NO_OPERATIONS } from '../../playbook/operations.js'
import { joinsOf, type Reach } from '../decide/needs.js'
import type { Decision } from '../decide/types.js'
import type { KnownExecution } from '../run/lookup.js'
import { ancestorNeeds, missingAncestors } from './ancestors.js'

const NONE: ReadonlySet<string> = new Set()

/** What never changes of an execution, for its draft. */
export function inputOf({ input, sensitive }: KnownExecution): NonNullable<Needs['input']> {
  return { inherited: input.inherited, sensitive }
}

/** What is to be locked and loaded before a decision that reaches so far. */
export function needsOf(known: KnownExecution, { vars, steps, written, globals, outside }: Reach): Needs {
  const { space, steps: all } = known.playbook
  const names = all.map(({ name }) => name)
  const needs = { vars, written, input: inputOf(known), steps: steps === 'all' ? names : names.filter((name) => steps.has(name)) }
  const isUsed = globals === 'all' || globals.size + outside.globals.length > 0
  const ofSpace = isUsed ? { globals: { space, read: globals, written: new Set(outside.globals) } } : {}
  return { ...needs, ...ofSpace, ancestors: ancestorNeeds(known, outside) }
}

/** What a decision needs beyond what is loaded; null: nothing. */
export function unforeseen(
  draft: Draft,
  known: KnownExecution,
  { writes, commands, operations = NO_OPERATIONS }: Decision,
): Needs | null {
  const { playbook } = known
  const joins = joinsOf(playbook)
  const isLeading = commands.some((command) => command.type === 'finish_run' && draft.runs.get(command.run)?.iteration === null)
  if (isLeading && joins.length > 0 && !draft.loaded.branches) return { branches: joins }
  const names = writes.map(({ name }) => name)
  const written = notLoaded(draft, [...names, ...computedReach(playbook.computed, names)])
  const ofSpace = operations.globals.map(({ name }) => name).filter((name) => !draft.space?.loaded.written.has(name))
  const ancestors = missingAncestors(draft, known, operations)
  if (written.length + ofSpace.length + ancestors.length === 0) return null
  if (ofSpace.length === 0) return { written, ancestors }
  return { written, ancestors, globals: { space: playbook.space, read: NONE, written: new Set(ofSpace) } }
}
