import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  importSPKI,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import type { JwtConfig } from '../../config/jwt.js'
import { TransientError } from '../../core/errors.js'
import { type ExecutionId, parseExecutionId } from '../../core/ids.js'
import { createPrincipal, ROLES, type Role } from '../../core/principal.js'
import type { Verified, Verifier } from '../verifier.js'

const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/
const MAX_LENGTH = 8_192
const MAX_SUBJECT = 200
const CLOCK_TOLERANCE_SECONDS = 5
const KEYS_TIMEOUT_MS = 5_000
/** What jose says of a timeout, and of a response that is not a JWKS. */
const UNREACHABLE = ['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC']

/**
 * Tokens of an identity provider. What a token says of its own key (`jwk`, `jku`, `x5u`) is never looked at: keys come
 * from the settings, and the algorithm must be among those.
 */
export function jwtVerifier(config: JwtConfig): Verifier {
  const keys = keysOf(config)
  const demands = {
    issuer: config.issuer,
    audience: config.audience,
    algorithms: [...config.algorithms],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  }
  return {
    recognises: (given) => given.length <= MAX_LENGTH && FORM.test(given),
    async verify(given) {
      try {
        const { payload } = await jwtVerify(given, keys, demands)
        return verified(payload, config)
      } catch (error) {
        throw refusal(error)
      }
    },
  }
}

function keysOf({ keys }: JwtConfig): JWTVerifyGetKey {
  if ('url' in keys) return published(keys.url)
  if (keys.text.startsWith('{')) return createLocalJWKSet(JSON.parse(keys.text) as JSONWebKeySet)
  return ({ alg }) => importSPKI(keys.text, alg)
}

/** The issuer's published keys, kept for a while by jose. A failure to fetch them is not the token's fault. */
function published(url: string): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(url), { timeoutDuration: KEYS_TIMEOUT_MS })
  return async (header, token) => {
    try {
      return await keys(header, token)
    } catch (error) {
      const isAnswer = error instanceof errors.JOSEError && !UNREACHABLE.includes(error.code)
      if (isAnswer) throw error
      throw new TransientError('OVERLOADED', 'The keys of the issuer cannot be fetched at the moment', { cause: error })
    }
  }
}

function verified(payload: JWTPayload, { roleClaim, executionsClaim }: JwtConfig): Verified {
  const { sub = '', exp = 0 } = payload
  if (sub === '' || sub.length > MAX_SUBJECT || /[^\x20-\x7e]/.test(sub)) throw refused('its subject cannot be used as a name')
  const principal = createPrincipal({
    name: sub,
    actor: `jwt:${sub}`,
    role: roleOf(claim(payload, roleClaim), roleClaim),
    executions: executionsOf(claim(payload, executionsClaim), executionsClaim),
    expiresAt: new Date(exp * 1000),
  })
  return { principal, proof: '' }
}

/** A claim by name, or inside objects by a dotted path; a name with dots of its own comes first. */
function claim(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path]
  return path.split('.').reduce<unknown>((value, key) => {
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    return isObject ? (value as Record<string, unknown>)[key] : undefined
  }, payload)
}

function roleOf(value: unknown, name: string): Role {
  const given = Array.isArray(value) ? value : [value]
  const role = ROLES.findLast((known) => given.includes(known))
  if (role !== undefined) return role
  throw refused(`its claim "${name}" names none of the roles ${ROLES.join(', ')}`)
}

function executionsOf(value: unknown, name: string): ExecutionId[] | null {
  if (value === undefined) return null
  // As numbers they would have lost their last digits already.
  if (Array.isArray(value) && value.every((id) => typeof id === 'string')) return value.map((id) => parseExecutionId(id))
  throw refused(`its claim "${name}" must be a list of execution ids, as texts`)
}

function refused(reason: string): TransientError {
  return new TransientError('UNAUTHENTICATED', `The token is not accepted: ${reason}`)
}

/** What a caller is told: why, but nothing of what its token says. */
function refusal(error: unknown): TransientError {
  if (error instanceof TransientError) return error.code === 'VALIDATION' ? refused(error.message) : error
  if (error instanceof errors.JWTExpired) return refused('it has expired')
  if (error instanceof errors.JWTClaimValidationFailed)
    return refused(`its claim "${error.claim}" is not what this server accepts`)
  if (error instanceof errors.JOSEAlgNotAllowed) return refused('its algorithm is not among those of this server')
  return refused('it cannot be verified')
}
