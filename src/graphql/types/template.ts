import { TransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import type { RenderError, RenderResult } from '../../orchestrator/playground.js'
import { builder } from '../builder.js'

const RenderErrorType = builder.objectRef<RenderError>('RenderError').implement({
  fields: (t) => ({
    code: t.exposeString('code'),
    message: t.exposeString('message'),
    line: t.exposeInt('line', { nullable: true }),
    column: t.exposeInt('column', { nullable: true }),
  }),
})

const RenderResultType = builder.objectRef<RenderResult>('RenderResult').implement({
  fields: (t) => ({
    value: t.expose('value', { type: 'JSON', nullable: true, description: 'null also when it failed: see error.' }),
    error: t.expose('error', { type: RenderErrorType, nullable: true }),
  }),
})

/** @throws TransientError VALIDATION when it is given and no object */
function checkedContext(context: JsonValue | undefined): JsonObject {
  if (context === undefined || context === null) return {}
  if (isJsonObject(context)) return context
  throw new TransientError('VALIDATION', 'context: not a JSON object', { details: { field: 'context' } })
}

builder.queryField('renderTemplate', (t) =>
  t.field({
    type: RenderResultType,
    authScopes: { run: true },
    description:
      "The expression playground: renders one template, with the given context or with an execution's (asOf optional). Same engine, same locks.",
    args: {
      template: t.arg.string({ required: true }),
      context: t.arg({ type: 'JSON' }),
      executionId: t.arg.id(),
      asOf: t.arg({ type: 'Revision' }),
    },
    resolve: (_root, { template, context, executionId, asOf }, { services }) =>
      services.templates.render({
        template,
        context: checkedContext(context),
        executionId: executionId == null ? null : parseExecutionId(executionId),
        asOf: asOf ?? null,
      }),
  }),
)
