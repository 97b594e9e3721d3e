import type { ChangeRecord, VariableRecord } from '../commit/record.js'
import type { ChangeBody } from '../contract/variables.js'

/** Only where there is something to say: elsewhere the bodies are as NoETL documents them. */
export function sensitivityOf({ sealed }: Pick<VariableRecord, 'sealed'>): { sensitive?: true } {
  return sealed === null ? {} : { sensitive: true }
}

/** One change as event streams, long-polls and webhooks send it. */
export function changeBody(change: ChangeRecord): ChangeBody {
  return {
    name: change.name,
    operation: change.operation,
    value: change.value,
    previous_value: change.previousValue,
    ...sensitivityOf(change),
    type: change.type,
    source_step: change.sourceStep,
    actor: change.actor,
    changed_at: change.changedAt.toISOString(),
  }
}
