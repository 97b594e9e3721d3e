import { z } from 'zod'
import { isJsonObject, type JsonValue, parseGivenJson } from '../core/json.js'
import { isIdentifier } from '../core/text.js'

/** The parts of a text between commas. */
export const listOf = (given: string): string[] => given.split(',').flatMap((part) => part.trim() || [])

export const text = z.string()
export const list = z.string().transform(listOf)

/** A text that is changed, and may be wrong in several ways; what else is wrong is found all the same. */
export function parsed<T>(parse: (given: string, fault: (message: string) => void) => T) {
  return z
    .string()
    .transform((given, { addIssue }) => parse(given, (message) => addIssue({ code: 'custom', message, continue: true })))
}

const number = (isRight: (value: number) => boolean, range: string) =>
  parsed((given, fault) => {
    const value = Number(given)
    if (!isRight(value)) fault(`"${given}" is not ${range}`)
    return value
  })

export const integer = (min: number, max: number) =>
  number((value) => Number.isInteger(value) && value >= min && value <= max, `a whole number from ${min} to ${max}`)

/** Read in seconds, kept in milliseconds. */
export const seconds = (max: number) =>
  number((value) => value > 0 && value <= max, `a number of seconds above 0, up to ${max}`).transform((value) => 1000 * value)

export const flag = parsed((given, fault) => {
  if (!['0', '1', 'false', 'true'].includes(given)) fault(`"${given}" is neither 1 nor 0`)
  return given === '1' || given === 'true'
})

const oneOf = <const Name extends string>(names: readonly [Name, ...Name[]], message: (given: string) => string) =>
  parsed((given, fault): Name => {
    const found = names.find((name) => name === given)
    if (found === undefined) fault(message(given))
    return found ?? names[0]
  })

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export const logLevel = oneOf(LOG_LEVELS, (given) => `"${given}" is none of ${LOG_LEVELS.join(', ')}`)

const SANDBOXES = ['auto', 'required', 'off'] as const
export const pythonSandbox = oneOf(SANDBOXES, () => `none of ${SANDBOXES.join(', ')}`)

/** null where it is not set. */
export const key = parsed((given, fault) => {
  if (given !== '' && given.length < 16) fault('a key needs at least 16 characters')
  return given || null
})

function objectOf(given: string, fault: (message: string) => void): Record<string, JsonValue> {
  try {
    const value = parseGivenJson(given)
    if (isJsonObject(value)) return value
  } catch {
    // reported below, without the parser's words, which may show a secret
  }
  fault('not a JSON object from name to value')
  return {}
}

export const jsonObject = parsed((given, fault) => new Map(Object.entries(objectOf(given, fault))))

export const connections = parsed((given, fault) => {
  const urls = new Map<string, string>()
  for (const [name, url] of Object.entries(objectOf(given, fault))) {
    if (typeof url === 'string' && databaseIdentity(url) !== null) urls.set(name, url)
    else fault(`"${name}" is not a postgresql:// URL`)
  }
  return urls
})

export const postgresUrl = parsed((given, fault) => {
  if (given === '') return null
  if (databaseIdentity(given) === null) fault('not a postgresql:// URL')
  return given
})

/** Each costs every write that changes a variable. */
const MAX_SEARCHABLE = 20
export const variableNames = parsed((given, fault) => {
  const names = [...new Set(listOf(given))]
  for (const name of names) if (!isIdentifier(name)) fault(`"${name.slice(0, 40)}" is not the name of a variable`)
  if (names.length > MAX_SEARCHABLE) fault(`has ${names.length} names, at most ${MAX_SEARCHABLE} are possible`)
  return names
})

export const natsPrefix = text.regex(/^[A-Za-z0-9_-]{0,50}$/, 'may hold letters, digits, _ and - only, at most 50')

export const natsUrls = parsed((given, fault) => {
  const urls = listOf(given)
  const isRight = (url: string) => /^(nats|tls):\/\/[^/]+/.test(url) && URL.canParse(url)
  // The URL itself may hold a password.
  if (!urls.every(isRight)) fault('not a nats:// (or tls://) URL, or several by comma')
  return urls.length === 0 ? null : urls.join(',')
})

export const origins = parsed((given, fault) => {
  const found = listOf(given)
  for (const origin of found) {
    const isOrigin = /^https?:\/\//.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin
    if (!isOrigin) fault(`"${origin}" is not an origin like https://console.example (scheme, host and port only)`)
  }
  return found
})

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}

/** Host, port and database of a URL, spelt alike for alike databases; null when it is not a PostgreSQL URL. */
export function databaseIdentity(given: string): string | null {
  if (!/^postgres(ql)?:\/\//.test(given) || !URL.canParse(given)) return null
  const url = new URL(given)
  const host = url.hostname === '' || isLoopback(url.hostname) ? 'localhost' : url.hostname.toLowerCase()
  return `${host}:${url.port || '5432'}${decodeURIComponent(url.pathname === '/' ? `/${url.username}` : url.pathname)}`
}
