import { computedReach } from '../../commit/computed.js'
import type { Draft } from '../../commit/draft.js'
import type { AncestorNeeds } from '../../commit/load.js'
import type { OtherWrite } from '../../commit/others.js'
import type { VariableWrite } from '../../commit/record.js'
import { TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import type { Operations } from '../../playbook/model.js'
import { computingOf } from '../decide/context.js'
import type { Ancestor, KnownExecution } from '../run/lookup.js'

type Named = Operations<{ readonly name: string }>

/** The ancestors that operations are for, the nearest first; where parent and root are one, once. */
function byAncestor<T>({ parent, root }: Pick<KnownExecution, 'parent' | 'root'>, operations: Operations<T>): [Ancestor, T[]][] {
  const isOne = parent !== null && parent.executionId === root?.executionId
  const ofParent = isOne ? [...operations.parent, ...operations.root] : [...operations.parent]
  const ofRoot = isOne ? [] : [...operations.root]
  return [
    ...(parent && ofParent.length > 0 ? [[parent, ofParent] as [Ancestor, T[]]] : []),
    ...(root && ofRoot.length > 0 ? [[root, ofRoot] as [Ancestor, T[]]] : []),
  ]
}

const NOBODY: readonly AncestorNeeds[] = []

/** What is to be locked and loaded of ancestors before operations on these names. */
export function ancestorNeeds(known: KnownExecution, { globals, parent, root }: Operations<string>): readonly AncestorNeeds[] {
  if (parent.length + root.length === 0) return NOBODY
  const asNamed = (names: readonly string[]) => names.map((name) => ({ name }))
  return byAncestor(known, { globals: asNamed(globals), parent: asNamed(parent), root: asNamed(root) }).map(needsOfOne)
}

function needsOfOne([{ executionId, known }, operations]: [Ancestor, { readonly name: string }[]]): AncestorNeeds {
  const names = operations.map(({ name }) => name)
  return { executionId, written: [...new Set([...names, ...computedReach(known.playbook.computed, names)])] }
}

/** What nobody foresaw. */
export function missingAncestors({ ancestors }: Draft, known: KnownExecution, operations: Named): readonly AncestorNeeds[] {
  if (operations.parent.length + operations.root.length === 0) return NOBODY
  const all = byAncestor<{ readonly name: string }>(known, operations).map(needsOfOne)
  return all.filter(({ executionId, written }) => {
    const draft = ancestors.get(executionId)
    return draft === undefined || (draft !== null && written.some((name) => !draft.loaded.written.has(name)))
  })
}

interface Writing {
  readonly actor: string
  readonly now: Date
}

/**
 * A step's operations on its parent and on the root, as change sets of these. Those of one that is gone are left out.
 * @throws TransientError VALIDATION for a variable that the ancestor's step does not accept
 */
export function ancestorWrites(
  draft: Draft,
  known: KnownExecution,
  { operations, ...writing }: Writing & { readonly operations: Operations<VariableWrite> },
): OtherWrite[] {
  return byAncestor(known, operations).flatMap(([ancestor, writes]) => {
    checkAccepted(ancestor, writes)
    const target = draft.ancestors.get(ancestor.executionId)
    if (!target) return []
    const { playbook, input, sensitive } = ancestor.known
    const given = { workload: (input.workload ?? {}) as JsonObject, sensitive }
    const computing = computingOf(playbook, given, target.execution)
    const data = { child: draft.execution.id }
    return [{ target, writes, schema: playbook.schema, computing, data, ...writing }]
  })
}

function checkAccepted({ executionId, step, accept }: Ancestor, writes: readonly VariableWrite[]): void {
  const seen = new Set<string>()
  for (const { name } of writes) {
    if (!accept.includes(name)) {
      const message = `"${name}" is not accepted by step "${step}" of execution ${executionId}: list it in the step's "accept"`
      throw new TransientError('VALIDATION', message)
    }
    if (seen.has(name)) throw new TransientError('VALIDATION', `"${name}" is written twice: its parent is the root of all`)
    seen.add(name)
  }
}
