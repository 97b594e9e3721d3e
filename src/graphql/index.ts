import './scalars.js'
import './types/execution.js'
import './types/execution-runs.js'
import './types/me.js'
import './types/node.js'
import './types/playbook.js'
import './types/step-run.js'
import './types/event.js'
import './types/task.js'
import './types/template.js'
import './types/variable.js'
import './types/variable-watch.js'
import './types/variable-writes.js'
import { withDeclaredRights } from './authorized.js'
import { builder } from './builder.js'
import { withExactNumbers } from './exact-numbers.js'

/** The schema that schema.graphql prints. */
export const schema = withExactNumbers(withDeclaredRights(builder.toSchema({ sortSchema: false })))
