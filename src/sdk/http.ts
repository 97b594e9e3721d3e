import { fromProblem, PROBLEM_MEDIA_TYPE } from '../contract/problem.js'
import { errorMessage } from '../core/errors.js'
import { type JsonValue, parseJson, stringifyJson } from '../core/json.js'

export interface ClientOptions {
  /** `http://127.0.0.1:4000` */
  readonly url: string
  readonly key?: string | null | undefined
}

/** No server answered at all. */
export class UnreachableError extends Error {
  readonly url: string

  constructor(url: string, cause: unknown) {
    super(`no Transient server answers at ${url}`, { cause })
    this.name = 'UnreachableError'
    this.url = url
  }
}

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly body?: JsonValue
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

export interface Http {
  /** @throws UnreachableError; aborting rejects with the signal's reason */
  send(request: HttpRequest): Promise<Response>
}

export function createHttp({ url, key }: ClientOptions): Http {
  const base = url.replace(/\/+$/, '')
  const credential: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {}
  return {
    async send({ method, path, body, headers = {}, signal }) {
      try {
        return await fetch(`${base}${path}`, {
          method,
          redirect: 'error',
          headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...credential, ...headers },
          body: body === undefined ? null : stringifyJson(body),
          signal: signal ?? null,
        })
      } catch (error) {
        if (signal?.aborted) throw error
        throw new UnreachableError(base, error)
      }
    },
  }
}

export function isMediaType(response: Response, type: string): boolean {
  return (response.headers.get('content-type') ?? '').startsWith(type)
}

/** The error that a response tells of. */
export async function responseError(response: Response): Promise<Error> {
  const text = await response.text()
  if (!isMediaType(response, PROBLEM_MEDIA_TYPE)) return fromProblem(null, response.status)
  try {
    return fromProblem(parseJson(text), response.status)
  } catch (error) {
    return new Error(`the server's problem could not be read: ${errorMessage(error)}`)
  }
}
