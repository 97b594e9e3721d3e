import { computedWrites } from '../../commit/computed.js'
import { isSameJson, type JsonObject } from '../../core/json.js'
import { type Sensitive, withoutSensitive, withSensitive } from '../../sealing/sensitive.js'
import { computingOf } from './context.js'
import type { Snapshot } from './types.js'

interface Changed {
  /** Variables after what was changed of them. */
  readonly vars: JsonObject
  readonly sensitive: Sensitive | null
  /** Variables that were set. */
  readonly names: Iterable<string>
}

/**
 * Variables as they will be, with what is computed from those that were set: the templates that follow must not see old outcomes beside new inputs. Pure.
 * @throws TransientError COMPUTED_FAILED
 */
export function withComputed(snapshot: Snapshot, changed: Changed): Pick<Changed, 'vars' | 'sensitive'> {
  const { playbook, workload, execution } = snapshot
  const computing = computingOf(playbook, { workload, sensitive: snapshot.sensitive ?? null }, execution)
  if (!computing) return changed
  const vars = { ...changed.vars }
  let { sensitive } = changed
  const isSensitive = (name: string) => sensitive?.vars.has(name) === true
  const isChanged = (name: string, before: JsonObject) =>
    isSensitive(name) ||
    !isSameJson(vars[name] ?? null, before[name] ?? null) ||
    Object.hasOwn(vars, name) !== Object.hasOwn(before, name)
  const names = new Set([...changed.names].filter((name) => isChanged(name, snapshot.vars)))
  const find = (name: string) =>
    Object.hasOwn(vars, name) ? { value: vars[name] ?? null, isSensitive: isSensitive(name) } : null
  for (const write of computedWrites(computing, { executionId: execution.id, isFirst: false, changed: names, find })) {
    const { name } = write
    const named = [{ kind: 'vars', name } as const]
    if (write.operation !== 'set') delete vars[name]
    else vars[name] = write.value
    sensitive =
      write.operation === 'set' && write.isSensitive ? withSensitive(sensitive, named) : withoutSensitive(sensitive, named)
    if (isChanged(name, snapshot.vars)) names.add(name)
  }
  return { vars, sensitive }
}
