import './types/audit.js'
import './types/execution.js'
import './types/execution-runs.js'
import './types/key.js'
import './types/me.js'
import './types/node.js'
import './types/playbook.js'
import './types/rotation.js'
import './types/step-run.js'
import './types/event.js'
import './types/task.js'
import './types/template.js'
import './types/variable.js'
import './types/variable-watch.js'
import './types/variable-writes.js'
import { builder, withExactNumbers } from './builder.js'

/** The schema that schema.graphql prints. */
export const schema = withExactNumbers(builder.toSchema({ sortSchema: false }))
