import { readFileSync } from 'node:fs'
import { errorMessage } from '../core/errors.js'
import type { Reader } from './reader.js'

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

/** Asymmetric ones only: whoever can check a token of these cannot make one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** The settings of JWT_*; null when none is set. */
export function jwtConfig(reader: Reader): JwtConfig | null {
  const { text, list, fault } = reader
  const [issuer, audience, url, file] = [text('JWT_ISSUER'), text('JWT_AUDIENCE'), text('JWT_JWKS_URL'), text('JWT_KEYS_FILE')]
  if (issuer === '' && audience === '' && url === '' && file === '') return null
  if (issuer === '') fault('JWT_ISSUER: needed as soon as one of JWT_* is set')
  if (audience === '') fault('JWT_AUDIENCE: needed, or tokens made for other services would be accepted')
  if ((url === '') === (file === '')) fault('JWT_JWKS_URL, JWT_KEYS_FILE: set one of the two')
  if (url !== '' && !isTrustedUrl(url)) fault('JWT_JWKS_URL: not an https:// URL (http:// only on loopback)')
  const algorithms = list('JWT_ALGORITHMS')
  const unknown = algorithms.filter((algorithm) => !ALGORITHMS.includes(algorithm))
  if (unknown.length > 0) fault(`JWT_ALGORITHMS: ${unknown.join(', ')} is none of ${ALGORITHMS.join(', ')}`)
  const keys = url === '' ? { text: keysOf(file, fault) } : { url }
  const claims = { roleClaim: text('JWT_ROLE_CLAIM'), executionsClaim: text('JWT_EXECUTIONS_CLAIM') }
  return { issuer, audience, algorithms, keys, ...claims }
}

function isTrustedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname))
}

function keysOf(file: string, fault: Reader['fault']): string {
  if (file === '') return ''
  try {
    const text = readFileSync(file, 'utf8').trim()
    if (/PRIVATE KEY/.test(text)) fault(`JWT_KEYS_FILE: ${file} holds a private key; the server needs the public one only`)
    else if (!text.startsWith('{') && !text.startsWith('-----BEGIN PUBLIC KEY-----'))
      fault(`JWT_KEYS_FILE: ${file} is neither a JWKS (JSON) nor a public key as PEM`)
    return text
  } catch (error) {
    fault(`JWT_KEYS_FILE: ${file} cannot be read (${errorMessage(error)})`)
    return ''
  }
}
