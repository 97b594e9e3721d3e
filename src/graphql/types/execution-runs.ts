import { TransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { builder } from '../builder.js'
import { ExecutionType } from './execution.js'
import { givenValue, VariableValueInput } from './variable-writes.js'

const StartExecutionInput = builder.inputType('StartExecutionInput', {
  description: 'The same idempotencyKey, path and workload return the same execution; another workload is CONFLICT.',
  fields: (t) => ({
    path: t.string({ required: true }),
    version: t.int(),
    workload: t.field({ type: 'JSON' }),
    idempotencyKey: t.string(),
  }),
})

/** @throws TransientError VALIDATION when it is given and no object */
function checkedWorkload(workload: JsonValue | undefined, input = 'input'): JsonObject | null {
  if (workload === undefined || workload === null) return null
  if (isJsonObject(workload)) return workload
  const field = `${input}.workload`
  throw new TransientError('VALIDATION', `${field}: not a JSON object`, { details: { field } })
}

builder.mutationFields((t) => ({
  startExecution: t.field({
    type: ExecutionType,
    authScopes: { run: true },
    args: { input: t.arg({ type: StartExecutionInput, required: true }) },
    resolve: (_root, { input }, { services }) =>
      services.orchestrator.start({ ...input, workload: checkedWorkload(input.workload) }),
  }),
  startExecutions: t.field({
    type: [ExecutionType],
    authScopes: { run: true },
    description: '1 to 250, in their order. When one cannot start, none is. With idempotency keys the call may be repeated.',
    args: { inputs: t.arg({ type: [StartExecutionInput], required: true }) },
    resolve: async (_root, { inputs }, { services }) => {
      const requests = inputs.map((input, index) => ({ ...input, workload: checkedWorkload(input.workload, `inputs[${index}]`) }))
      return [...(await services.orchestrator.startSeveral(requests))]
    },
  }),
  cancelExecution: t.field({
    type: ExecutionType,
    authScopes: { run: true },
    args: { id: t.arg.id({ required: true }), reason: t.arg.string() },
    resolve: (_root, { id, reason }, { services, actor }) =>
      services.orchestrator.cancel(parseExecutionId(id, 'id'), reason ?? null, actor),
  }),
  pauseExecution: t.field({
    type: ExecutionType,
    authScopes: { run: true },
    description: 'Nothing new of it begins: what runs may end, and writes go on.',
    args: { id: t.arg.id({ required: true }), reason: t.arg.string() },
    resolve: (_root, { id, reason }, { services, actor }) =>
      services.orchestrator.pause(parseExecutionId(id, 'id'), reason ?? null, actor),
  }),
  resumeExecution: t.field({
    type: ExecutionType,
    authScopes: { run: true },
    description: 'It goes on where it stood.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { services, actor }) => services.orchestrator.resume(parseExecutionId(id, 'id'), actor),
  }),
  rerunExecution: t.field({
    type: ExecutionType,
    authScopes: { run: true },
    description: 'A new execution, linked to the old one: same playbook version and workload, from a step on with `fromStep`.',
    args: {
      id: t.arg.id({ required: true }),
      fromStep: t.arg.string(),
      variables: t.arg({ type: [VariableValueInput] }),
    },
    resolve: (_root, { id, fromStep, variables }, { services, actor }) =>
      services.orchestrator.rerun({
        id: parseExecutionId(id, 'id'),
        fromStep,
        variables: variables?.map(({ name, value, expectedVersion, sensitive }, index) => {
          const field = `variables[${index}]`
          if (typeof expectedVersion === 'number') throw newExecutionHasNoVersions(field)
          return { name, value: givenValue(name, value, field), isSensitive: sensitive ?? undefined }
        }),
        actor,
      }),
  }),
}))

function newExecutionHasNoVersions(field: string): TransientError {
  return new TransientError('VALIDATION', `${field}.expectedVersion: a rerun writes into a new execution; leave it out`, {
    details: { field: `${field}.expectedVersion` },
  })
}
