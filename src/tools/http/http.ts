import { STATUS_CODES } from 'node:http'
import { type Agent, request } from 'undici'
import { errorMessage } from '../../core/errors.js'
import { isJsonNumber, type JsonObject, type JsonValue, numberText } from '../../core/json.js'
import { linkSignals } from '../../core/linked-signal.js'
import { failed } from '../outcome.js'
import type { RunningTool, ToolCallContext, ToolEnvironment, ToolOutcome } from '../tool.js'
import { createAddressPolicy } from './address-policy.js'
import { authHeaders } from './auth.js'
import { BadInput } from './bad-input.js'
import { createAgent } from './connect.js'
import { AnswerTooLarge } from './content-encoding.js'
import { describeFault } from './fault.js'
import { follow, MAX_REDIRECTS } from './redirect.js'
import { buildRequest, type HttpRequest } from './request.js'
import { type Body, headersToJson, NO_BODY, readBody } from './response.js'

/** Opens the http tool: two pools of connections, with and without the check of certificates. */
export function createHttpTool(environment: ToolEnvironment): RunningTool {
  const policy = createAddressPolicy(environment)
  const agents = new Map<boolean, Agent>()
  const agentFor = (isCertificateChecked: boolean): Agent => {
    const agent = agents.get(isCertificateChecked) ?? createAgent({ policy, isCertificateChecked })
    agents.set(isCertificateChecked, agent)
    return agent
  }
  return {
    run: async (input, call) => {
      try {
        const plain = await buildRequest(input, call.idempotencyKey)
        const auth = authHeaders(input.auth ?? null, environment.credentials)
        const first = { ...plain, headers: { ...plain.headers, ...auth } }
        if (first.body !== null && first.method === 'GET')
          call.log('warning: a payload with GET is sent as a body, which many servers ignore\n')
        const secretHeaders = new Set(['authorization', 'cookie', ...Object.keys(auth)])
        return await sendAll({
          first,
          secretHeaders,
          agent: agentFor(input.verify_ssl !== false),
          call,
          timeoutMs: ownTimeout(input.timeout ?? null),
        })
      } catch (error) {
        if (error instanceof BadInput) return failed('TOOL_FAILED', error.message)
        throw error
      }
    },
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()))
    },
  }
}

/** The step's `timeout` in milliseconds; the toolbox has its own watch over the whole call. */
function ownTimeout(value: JsonValue): number | null {
  if (value === null) return null
  const text = isJsonNumber(value) ? numberText(value) : typeof value === 'string' ? value : ''
  const seconds = Number(text)
  if (text.trim() !== '' && seconds > 0) return Math.min(seconds * 1000, 2 ** 31 - 1)
  throw new BadInput('timeout: a number of seconds above 0 is needed')
}

interface SendOptions {
  readonly first: HttpRequest
  readonly secretHeaders: ReadonlySet<string>
  readonly agent: Agent
  readonly call: ToolCallContext
  readonly timeoutMs: number | null
}

async function sendAll({ first, secretHeaders, agent, call, timeoutMs }: SendOptions): Promise<ToolOutcome> {
  const { signal, release } = linkSignals([call.signal], { timeoutMs: timeoutMs ?? undefined })
  let current = first
  try {
    for (let redirects = 0; ; redirects += 1) {
      const { statusCode, headers, body } = await send(current, agent, signal)
      const next = follow({ current, statusCode, headers, secretHeaders })
      if (next === null) {
        if (body.note !== null) call.log(`warning: the answer's ${body.note}\n`)
        return responseOutcome(current, { statusCode, headers: headersToJson(headers), body })
      }
      if (redirects === MAX_REDIRECTS) return failed('TOOL_FAILED', `${shown(first)} led to more than ${MAX_REDIRECTS} redirects`)
      current = next
    }
  } catch (error) {
    if (error instanceof BadInput) throw error
    if (call.signal.aborted) return failed('TOOL_FAILED', 'stopped')
    if (signal.aborted) return failed('TIMEOUT', `${shown(current)} gave no answer after ${(timeoutMs ?? 0) / 1000} s`)
    if (error instanceof AnswerTooLarge)
      return failed('TOOL_FAILED', `the answer of ${shown(current)} is over the limit of 10 MiB`)
    return failed('TOOL_FAILED', describeFault(error, current.url) ?? `${shown(current)} failed: ${errorMessage(error)}`)
  } finally {
    release()
  }
}

async function send({ method, url, headers, body }: HttpRequest, agent: Agent, signal: AbortSignal) {
  const response = await request(url, { method, headers, body, dispatcher: agent, signal })
  const { statusCode } = response
  try {
    const isBodiless = method === 'HEAD' || BODILESS.has(statusCode)
    return { statusCode, headers: response.headers, body: isBodiless ? NO_BODY : await readBody(response.body, response.headers) }
  } finally {
    // What is wrong with a body that nobody reads is nobody's error.
    response.body.on('error', () => {}).destroy()
  }
}

/** No Content and Not Modified have no body, whatever their headers say of its length. */
const BODILESS = new Set([204, 304])

interface HttpResponse {
  readonly statusCode: number
  readonly headers: JsonObject
  readonly body: Body
}

function responseOutcome(sent: HttpRequest, { statusCode, headers, body: { data, isBase64, fault } }: HttpResponse): ToolOutcome {
  const extras = { status_code: statusCode, headers, ...(isBase64 ? { encoding: 'base64' } : {}) }
  if (statusCode < 200 || statusCode >= 300) {
    const reason = STATUS_CODES[statusCode] ?? ''
    return failed('TOOL_FAILED', `${shown(sent)} answered ${`${statusCode} ${reason}`.trim()}`, { data, extras })
  }
  if (fault !== null) return failed('TOOL_FAILED', `the answer of ${shown(sent)} ${fault}`, { data, extras })
  return { status: 'success', data, extras }
}

/** A request as messages name it: without its query, which may hold what is nobody's business. */
function shown({ method, url }: HttpRequest): string {
  return `${method} ${url.origin}${url.pathname}`
}
