import { TransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import type { WaitingFilter, WaitingStep } from '../../executions/service.js'
import { builder } from '../builder.js'
import { StringFilterInput } from './filters.js'
import { connectionType, pageArguments, pageRequest } from './page.js'
import { StepRunType, WaitStateType } from './step-run.js'

const WaitingStepType = builder.objectRef<WaitingStep>('WaitingStep').implement({
  description: 'A step, or an iteration, that waits now.',
  fields: (t) => ({
    executionId: t.exposeID('executionId'),
    path: t.exposeString('path', { description: "The playbook's." }),
    step: t.exposeString('step'),
    run: t.exposeInt('run', { description: 'For `answerStep`.' }),
    since: t.expose('since', { type: 'DateTime' }),
    wait: t.expose('wait', { type: WaitStateType }),
  }),
})
const WaitingStepConnection = connectionType<WaitingStep>('WaitingStep', WaitingStepType)

const WaitingFilterInput = builder.inputType('WaitingFilter', {
  description: 'All that is given must hold.',
  fields: (t) => ({
    executionId: t.id(),
    path: t.field({ type: StringFilterInput }),
    isAsking: t.boolean({ description: 'true: those that ask people. false: the others.' }),
  }),
})

function filterOf(filter: typeof WaitingFilterInput.$inferInput | null | undefined): WaitingFilter | null {
  if (!filter) return null
  const { executionId } = filter
  return { ...filter, executionId: executionId == null ? null : parseExecutionId(executionId, 'filter.executionId') }
}

/** @throws TransientError VALIDATION when they are no object */
function answerOf(values: JsonValue | undefined): JsonObject {
  if (values !== undefined && isJsonObject(values)) return values
  throw new TransientError('VALIDATION', 'values: not a JSON object', { details: { field: 'values' } })
}

builder.queryField('waitingSteps', (t) =>
  t.field({
    type: WaitingStepConnection,
    authScopes: { read: true },
    description: 'What waits, the oldest executions first. With `isAsking` the questions that people have not answered yet.',
    args: { ...pageArguments, filter: t.arg({ type: WaitingFilterInput }) },
    resolve: (_root, { filter, ...page }, context, info) =>
      context.services.executions.waiting(filterOf(filter), pageRequest(page, context, info)),
  }),
)

builder.mutationField('answerStep', (t) =>
  t.field({
    type: StepRunType,
    authScopes: { answer: true },
    description:
      'Answers what a step asks: the values become variables, as one revision. A form that they do not fit is VALIDATION with `problems`; a wait that is over is CONFLICT with `answeredBy`.',
    args: {
      executionId: t.arg.id({ required: true }),
      run: t.arg.int({ required: true }),
      values: t.arg({ type: 'JSON', required: true }),
    },
    resolve: async (_root, { executionId, run, values }, { services, actor }) => {
      const id = parseExecutionId(executionId, 'executionId')
      await services.orchestrator.answer({ executionId: id, run, values: answerOf(values), actor })
      const answered = await services.executions.stepRun(id, run)
      if (answered === null) throw new TransientError('NOT_FOUND', `execution ${id} has no run ${run}`)
      return answered
    },
  }),
)
