import type { JsonObject } from '../../core/json.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import { taskLocation } from '../../sealing/location.js'
import type { TaskRecord } from '../../tasks/record.js'

/** What a task was given, also where it is kept encrypted. @throws TransientError INTERNAL when its key is lost */
export function inputOf({ executionId, run, attempt, input, sealed }: TaskRecord, keyRing: KeyRing): JsonObject | null {
  return sealed === null ? input : (keyRing.open(sealed, taskLocation(executionId, run, attempt)) as JsonObject)
}
