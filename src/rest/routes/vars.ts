import type { Context, Hono } from 'hono'
import type { VariableRecord, VariableWrite } from '../../commit/record.js'
import { checkSourceStep } from '../../commit/record.js'
import type { VariableListResponse, VariableValueResponse } from '../../contract/variables.js'
import {
  type DeleteVariableResponse,
  type DeleteVariablesResponse,
  type SetVariablesRequest,
  type SetVariablesResponse,
  setVariablesRequest,
} from '../../contract/variables.js'
import { TransientError } from '../../core/errors.js'
import type { JsonObject, JsonValue } from '../../core/json.js'
import type { VariableStream } from '../../variables/stream.js'
import { variableBody } from '../bodies.js'
import { readJson } from '../body.js'
import { entityTag, expectedVersion, isNotModified, type WriteConditions } from '../conditions.js'
import { actorOf, jsonResponse, type RestEnv } from '../context.js'
import { answerProblem, refuseOtherMethods } from '../problem.js'
import { variableType } from '../query.js'
import { identity, type OfStream, STREAM_PATHS, streamIn } from '../stream.js'

/** Any name: a database taken over from NoETL may hold some that no new variable could have. The service decides. */
function nameOf(context: Context): string {
  return context.req.param('var_name') ?? ''
}

function conditionsOf(context: Context): WriteConditions {
  return { ifMatch: context.req.header('if-match'), ifNoneMatch: context.req.header('if-none-match') }
}

/** Forms of the list that may wait. */
interface LongReads {
  readonly poll: (context: Context<RestEnv>) => Promise<Response>
  readonly until: (context: Context<RestEnv>, condition: string) => Promise<Response>
}

/** NoETL's five calls, and the same for a space. The event stream is a route of its own. */
export function addVarsRoutes(app: Hono<RestEnv>, { poll, until }: LongReads): void {
  for (const path of STREAM_PATHS) {
    app.get(path, (context) => {
      const condition = context.req.query('until')
      if (condition !== undefined) return until(context, condition)
      return context.req.query('after_revision') === undefined ? list(context) : poll(context)
    })
    app.post(path, (context) => setVariables(context))
    app.delete(path, (context) => deleteVariables(context))
    refuseOtherMethods(app, path, ['GET', 'POST', 'DELETE'])
    const single = `${path}/:var_name`
    app.get(single, (context) => readVariable(context))
    app.delete(single, (context) => deleteVariable(context))
    refuseOtherMethods(app, single, ['GET', 'DELETE'])
    const reveal = `${single}/reveal`
    app.post(reveal, (context) => revealVariable(context))
    refuseOtherMethods(app, reveal, ['POST'])
  }
}

async function list(context: Context<RestEnv>): Promise<Response> {
  const stream = streamIn(context)
  const { revision, variables } = await stream.all(context.req.raw.signal)
  const body: OfStream<VariableListResponse> = {
    ...identity(stream),
    variables: Object.fromEntries(variables.map((variable) => [variable.name, variableBody(variable)])),
    count: variables.length,
  }
  return jsonResponse(body as JsonObject, { headers: { revision: String(revision) } })
}

async function readVariable(context: Context<RestEnv>): Promise<Response> {
  const stream = streamIn(context)
  const name = nameOf(context)
  const variable = await stream.read(name)
  if (variable === null) return answerMissing(stream, name)
  const headers = { etag: entityTag(variable.version) }
  if (isNotModified(context.req.header('if-none-match'), variable.version)) return new Response(null, { status: 304, headers })
  return jsonResponse(valueBody(stream, variable), { headers })
}

/** A POST, as the audit keeps it, and no cache may. */
async function revealVariable(context: Context<RestEnv>): Promise<Response> {
  const stream = streamIn(context)
  const name = nameOf(context)
  const variable = await stream.reveal(name)
  return variable === null ? answerMissing(stream, name) : jsonResponse(valueBody(stream, variable))
}

function answerMissing({ title }: VariableStream, name: string): Response {
  const message = `${title} has no variable "${name}"`
  return answerProblem(new TransientError('NOT_FOUND', message, { details: { name } }))
}

function valueBody(stream: VariableStream, variable: VariableRecord): JsonObject {
  const body: OfStream<VariableValueResponse> = {
    ...identity(stream),
    var_name: variable.name,
    ...variableBody(variable),
  }
  return body as JsonObject
}

async function setVariables(context: Context<RestEnv>): Promise<Response> {
  const stream = streamIn(context)
  const request = await readJson(context, setVariablesRequest)
  const type = variableType(request.var_type ?? 'user_defined', 'var_type')
  const sourceStep = request.source_step ?? null
  checkSourceStep(sourceStep, 'source_step')
  const entries: [string, JsonValue][] = Object.entries(request.variables)
  if (entries.length === 0) {
    throw new TransientError('BAD_REQUEST', 'variables: it is empty; send at least one name with its value', {
      details: { field: 'variables' },
    })
  }
  const names = entries.map(([name]) => name)
  const isSensitive = sensitiveNames(request.sensitive ?? undefined, names)
  const expected = await expectedVersion(conditionsOf(context), { stream, names })
  const writes = entries.map(
    ([name, value]): VariableWrite => ({
      ...{ operation: 'set', name, value, type, sourceStep, expectedVersion: expected },
      isSensitive: isSensitive(name),
      ...(request.ttl == null ? {} : { ttl: request.ttl }),
    }),
  )
  const { revision, outcomes } = await stream.write(writes, actorOf(context))
  const single = outcomes.length === 1 ? outcomes[0]?.variable : null
  const body: OfStream<SetVariablesResponse> = {
    ...identity(stream),
    variables_set: names.length,
    var_names: names,
  }
  const headers = { revision: String(revision), ...(single ? { etag: entityTag(single.version) } : {}) }
  return jsonResponse(body as JsonObject, { headers })
}

/** @throws TransientError VALIDATION for a name that is not written */
function sensitiveNames(
  given: SetVariablesRequest['sensitive'],
  names: readonly string[],
): (name: string) => boolean | undefined {
  if (!Array.isArray(given)) return () => given ?? undefined
  const written = new Set(names)
  const sensitive = new Set(given)
  const unknown = given.find((name) => !written.has(name))
  if (unknown !== undefined) {
    const message = `sensitive: "${unknown.slice(0, 255)}" is none of the variables`
    throw new TransientError('VALIDATION', message, { details: { field: 'sensitive' } })
  }
  return (name) => (sensitive.has(name) ? true : undefined)
}

async function deleteVariable(context: Context<RestEnv>): Promise<Response> {
  const stream = streamIn(context)
  const name = nameOf(context)
  const conditions = conditionsOf(context)
  if (conditions.ifNoneMatch !== undefined) throw new TransientError('BAD_REQUEST', 'If-None-Match: a DELETE knows only If-Match')
  const expected = await expectedVersion(conditions, { stream, names: [name] })
  const { revision, outcomes } = await stream.write([{ operation: 'delete', name, expectedVersion: expected }], actorOf(context))
  const body: OfStream<DeleteVariableResponse> = {
    ...identity(stream),
    var_name: name,
    deleted: outcomes[0]?.isChanged ?? false,
  }
  return jsonResponse(body as JsonObject, { headers: { revision: String(revision) } })
}

async function deleteVariables(context: Context<RestEnv>): Promise<Response> {
  const stream = streamIn(context)
  const { ifMatch, ifNoneMatch } = conditionsOf(context)
  if (ifMatch !== undefined || ifNoneMatch !== undefined) {
    throw new TransientError('BAD_REQUEST', 'If-Match and If-None-Match are about one variable; delete it by its name')
  }
  const { revision, deletedCount } = await stream.deleteAll(actorOf(context))
  const body: OfStream<DeleteVariablesResponse> = { ...identity(stream), deleted_count: deletedCount }
  return jsonResponse(body as JsonObject, { headers: { revision: String(revision) } })
}
