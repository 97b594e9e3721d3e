import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { BadInput } from './bad-input.js'
import { basicAuth } from './request.js'

/** The header that `auth` asks for, from the credential it names; none where there is no `auth`. */
export function authHeaders(auth: JsonValue, credentials: ReadonlyMap<string, JsonValue>): Record<string, string> {
  if (auth === null || (isJsonObject(auth) && Object.keys(auth).length === 0)) return {}
  if (!isJsonObject(auth) || typeof auth.credential !== 'string') {
    throw new BadInput('auth: write {type: bearer | basic | header, credential: NAME}')
  }
  const secret = credentials.get(auth.credential)
  if (secret === undefined) {
    throw new BadInput(
      `auth: there is no credential "${auth.credential}"; the settings CREDENTIALS or CREDENTIALS_FILE name them`,
    )
  }
  const type = auth.type ?? 'bearer'
  if (type === 'bearer') return { authorization: checked(`Bearer ${part(secret, ['token', 'value'], auth)}`, auth) }
  if (type === 'basic') return { authorization: basicOf(secret, auth) }
  if (type === 'header') return { [headerName(secret, auth)]: checked(part(secret, ['value', 'token'], auth), auth) }
  throw new BadInput(`auth.type: ${JSON.stringify(type)} is none of bearer, basic, header`)
}

function basicOf(secret: JsonValue, auth: JsonObject): string {
  if (typeof secret === 'string' && secret.includes(':')) {
    const at = secret.indexOf(':')
    return basicAuth(secret.slice(0, at), secret.slice(at + 1))
  }
  return basicAuth(part(secret, ['username', 'user'], auth), part(secret, ['password'], auth))
}

function headerName(secret: JsonValue, auth: JsonObject): string {
  const name = auth.name ?? (isJsonObject(secret) ? (secret.name ?? secret.header) : undefined) ?? 'x-api-key'
  if (typeof name === 'string' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return name.toLowerCase()
  throw new BadInput('auth.name: not the name of a header')
}

function part(secret: JsonValue, names: readonly string[], auth: JsonObject): string {
  if (typeof secret === 'string' && names[0] !== 'username' && names[0] !== 'password') return secret
  const found = isJsonObject(secret) ? names.map((name) => secret[name]).find((value) => typeof value === 'string') : undefined
  if (typeof found === 'string') return found
  throw new BadInput(`auth: the credential "${String(auth.credential)}" has no ${names[0]}`)
}

/** A secret with a line break would be refused by the HTTP client with a message that shows it. */
function checked(value: string, auth: JsonObject): string {
  if (!/[^\t\x20-\x7e\x80-\xff]/.test(value)) return value
  throw new BadInput(`auth: the credential "${String(auth.credential)}" has characters that a header cannot hold`)
}
