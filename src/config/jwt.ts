import { readFileSync } from 'node:fs'
import { errorMessage } from '../core/errors.js'
import { parsed } from './types.js'

/** Which tokens of an identity provider are accepted. */
export interface JwtConfig {
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
  /** Where its keys are: one of the two. */
  readonly keys: { readonly url: string } | { readonly text: string }
  readonly roleClaim: string
  readonly executionsClaim: string
}

interface JwtSettings {
  readonly JWT_ISSUER: string
  readonly JWT_AUDIENCE: string
  readonly JWT_JWKS_URL: string
  /** What the file holds; null where none is named. */
  readonly JWT_KEYS_FILE: string | null
  readonly JWT_ALGORITHMS: readonly string[]
  readonly JWT_ROLE_CLAIM: string
  readonly JWT_EXECUTIONS_CLAIM: string
}

/** Asymmetric ones only: whoever can check a token of these cannot make one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

export const jwksUrl = parsed((url, fault) => {
  if (url !== '' && !isTrustedUrl(url)) fault('not an https:// URL (http:// only on loopback)')
  return url
})

/** What the file holds; null where none is named. */
export const jwtKeysFile = parsed((file, fault) => {
  if (file === '') return null
  try {
    const text = readFileSync(file, 'utf8').trim()
    if (/PRIVATE KEY/.test(text)) fault(`${file} holds a private key; the server needs the public one only`)
    else if (!text.startsWith('{') && !text.startsWith('-----BEGIN PUBLIC KEY-----'))
      fault(`${file} is neither a JWKS (JSON) nor a public key as PEM`)
    return text
  } catch (error) {
    fault(`${file} cannot be read (${errorMessage(error)})`)
    return ''
  }
})

/** Whether one of the settings that say whose tokens are accepted is set. */
export function hasJwt({ JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URL, JWT_KEYS_FILE }: JwtSettings): boolean {
  return JWT_ISSUER !== '' || JWT_AUDIENCE !== '' || JWT_JWKS_URL !== '' || JWT_KEYS_FILE !== null
}

/** What the settings of JWT_* say together. */
export function checkJwt(settings: JwtSettings, fault: (name: string, message: string) => void): void {
  if (!hasJwt(settings)) return
  if (settings.JWT_ISSUER === '') fault('JWT_ISSUER', 'needed as soon as one of JWT_* is set')
  if (settings.JWT_AUDIENCE === '') fault('JWT_AUDIENCE', 'needed, or tokens made for other services would be accepted')
  if ((settings.JWT_JWKS_URL === '') === (settings.JWT_KEYS_FILE === null)) {
    fault('JWT_JWKS_URL, JWT_KEYS_FILE', 'set one of the two')
  }
  const unknown = settings.JWT_ALGORITHMS.filter((algorithm) => !ALGORITHMS.includes(algorithm))
  if (unknown.length > 0) fault('JWT_ALGORITHMS', `${unknown.join(', ')} is none of ${ALGORITHMS.join(', ')}`)
}

/** The settings of JWT_*; null when none is set. */
export function jwtConfig(settings: JwtSettings): JwtConfig | null {
  if (!hasJwt(settings)) return null
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWT_ALGORITHMS: algorithms, JWT_JWKS_URL: url } = settings
  const keys = url === '' ? { text: settings.JWT_KEYS_FILE ?? '' } : { url }
  return {
    issuer,
    audience,
    algorithms,
    keys,
    roleClaim: settings.JWT_ROLE_CLAIM,
    executionsClaim: settings.JWT_EXECUTIONS_CLAIM,
  }
}

function isTrustedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname))
}
