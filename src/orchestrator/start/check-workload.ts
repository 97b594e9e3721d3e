import { TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import type { PlaybookSchema } from '../../playbook/model.js'
import { fillDefaults } from '../../schema/defaults.js'
import { pointerParts, pointerTo, type SchemaProblem } from '../../schema/problem.js'
import { MASK } from '../../sealing/mask.js'
import { workloadKeys } from './sealed-input.js'

/**
 * A workload, merged and rendered, with the defaults of its schema.
 * @throws TransientError VALIDATION with `problems` (path, keyword, message) when it does not fit; of a child execution SCHEMA
 */
export function checkedWorkload(
  { block, workload: check }: PlaybookSchema,
  {
    workload,
    sensitive,
    isChild,
  }: { readonly workload: JsonObject; readonly sensitive: readonly string[]; readonly isChild: boolean },
): JsonObject {
  if (check === null) return workload
  const filled = fillDefaults(block, block['workload'] ?? true, workload) as JsonObject
  const secrets = new Set(workloadKeys(sensitive))
  const problems = check(filled).map((problem) => shown(problem, secrets))
  const [first] = problems
  if (!first) return filled
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  const message = `workload: does not fit the playbook's schema: ${first.path === '' ? '' : `${first.path} `}${first.message}${more}`
  throw new TransientError(isChild ? 'SCHEMA' : 'VALIDATION', message, {
    details: { field: 'workload', problems: problems.map((problem): JsonObject => ({ ...problem })) },
  })
}

/** Of a sensitive key nothing is told but that its value does not fit. */
function shown(problem: SchemaProblem, secrets: ReadonlySet<string>): SchemaProblem {
  const [key] = pointerParts(problem.path)
  if (key === undefined || !secrets.has(key)) return problem
  return { path: pointerTo('', key), keyword: problem.keyword, message: `${MASK} does not fit its schema` }
}
