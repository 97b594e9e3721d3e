import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { jwtVerifier } from '../../src/access/verifiers/jwt.js'
import type { JwtConfig } from '../../src/config/jwt.js'

const ISSUER = 'https://id.example'
const AUDIENCE = 'transient'
const SUBJECT = { sub: 'ann', role: 'editor' }

const rsa = await generateKeyPair('RS256', { extractable: true })
const pss = await generateKeyPair('PS256', { extractable: true })
const other = await generateKeyPair('RS256', { extractable: true })
const jwk = { ...(await exportJWK(rsa.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
const jwks = JSON.stringify({ keys: [jwk] })
const pem = await exportSPKI(rsa.publicKey)
const config: JwtConfig = {
  ...{ issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256', 'ES256'], keys: { text: jwks } },
  ...{ roleClaim: 'role', executionsClaim: 'executions' },
}

interface Made {
  readonly claims?: JWTPayload
  readonly header?: Record<string, unknown>
  readonly key?: CryptoKey | Uint8Array
  readonly issuer?: string
  readonly audience?: string
  readonly expires?: string | number
}

function make(made: Made = {}): Promise<string> {
  return new SignJWT({ ...SUBJECT, ...made.claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'one', ...made.header })
    .setIssuer(made.issuer ?? ISSUER)
    .setAudience(made.audience ?? AUDIENCE)
    .setExpirationTime(made.expires ?? '5m')
    .sign(made.key ?? rsa.privateKey)
}

const refused = { code: 'UNAUTHENTICATED' }

describe.each([
  ['a JWKS', config],
  ['a key as PEM', { ...config, keys: { text: pem } }],
])('tokens checked with %s', (_name, settings) => {
  const verifier = jwtVerifier(settings)

  it('a good one is let in, with its role and its end', async () => {
    const token = await make({ claims: { role: ['unknown', 'viewer', 'author'], executions: ['507861119290048685'] } })
    expect(verifier.recognises(token)).toBe(true)
    const { principal } = (await verifier.verify(token)) ?? {}
    expect(principal).toMatchObject({ name: 'ann', actor: 'jwt:ann', role: 'author', executions: ['507861119290048685'] })
    expect(principal?.expiresAt?.getTime()).toBeGreaterThan(Date.now())
  })

  it.each<[string, () => Promise<string> | string]>([
    ['no signature', () => new UnsecuredJWT(SUBJECT).setIssuer(ISSUER).setAudience(AUDIENCE).setExpirationTime('5m').encode()],
    ['its public key (PEM) as a secret', () => make({ header: { alg: 'HS256' }, key: new TextEncoder().encode(pem) })],
    ['its public key (JWKS) as a secret', () => make({ header: { alg: 'HS256' }, key: new TextEncoder().encode(jwks) })],
    ['an algorithm not listed', () => make({ header: { alg: 'PS256' }, key: pss.privateKey })],
    ['a key of its own', async () => make({ key: other.privateKey })],
    ['its key in its header', async () => make({ key: other.privateKey, header: { jwk: await exportJWK(other.publicKey) } })],
    ['the address of its key', () => make({ key: other.privateKey, header: { jku: 'https://evil.example/jwks', kid: 'evil' } })],
    ['a kid that is a path', () => make({ key: other.privateKey, header: { kid: '../../../../dev/null' } })],
    ['a kid that is SQL', () => make({ key: other.privateKey, header: { kid: "x' UNION SELECT 'a" } })],
    ['another audience', () => make({ audience: 'other' })],
    ['another issuer', () => make({ issuer: 'https://evil.example' })],
    ['its time over', () => make({ expires: Math.floor(Date.now() / 1000) - 60 })],
    [
      'no end',
      () => new SignJWT({ ...SUBJECT, iss: ISSUER, aud: AUDIENCE }).setProtectedHeader({ alg: 'RS256' }).sign(rsa.privateKey),
    ],
    ['its time not come', () => make({ claims: { nbf: Math.floor(Date.now() / 1000) + 600 } })],
    ['no role', () => make({ claims: { role: 'root' } })],
    ['no subject', () => make({ claims: { sub: '' } })],
    ['a subject that is not a name', () => make({ claims: { sub: 'ann\nadmin' } })],
    ['executions as numbers', () => make({ claims: { executions: [123] } })],
    ['executions that are none', () => make({ claims: { executions: '507861119290048685' } })],
    [
      'a changed claim',
      async () => {
        const [head, , signature] = (await make()).split('.')
        const claims = { ...SUBJECT, role: 'admin', iss: ISSUER, aud: AUDIENCE, exp: 4_000_000_000 }
        return `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
      },
    ],
    ['an unknown critical header', () => make({ header: { crit: ['b64x'], b64x: true } }).catch(() => 'a.b.c')],
  ])('one with %s is refused', async (_what, token) => {
    await expect(verifier.verify(await token())).rejects.toMatchObject(refused)
  })

  it('what is refused shows nothing of the token', async () => {
    const error: unknown = await verifier.verify(await make({ audience: 'secret-audience' })).catch((thrown: unknown) => thrown)
    expect(String(error)).not.toContain('secret-audience')
  })
})

describe('keys at an address', () => {
  let published = jwks
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(published)
  })
  let url = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
  })
  afterAll(() => void server.close())

  it('are fetched', async () => {
    const verifier = jwtVerifier({ ...config, keys: { url } })
    expect(await verifier.verify(await make())).toMatchObject({ principal: { name: 'ann' } })
    await expect(verifier.verify(await make({ header: { kid: 'two' } }))).rejects.toMatchObject(refused)
  })

  it('are fetched anew when the issuer rotates them, and the old one is not accepted any more', async () => {
    const verifier = jwtVerifier({ ...config, keys: { url } })
    const [old, fresh] = [await make(), await make({ header: { kid: 'two' }, key: other.privateKey })]
    expect(await verifier.verify(old)).toMatchObject({ principal: { name: 'ann' } })
    const second = { ...(await exportJWK(other.publicKey)), kid: 'two', alg: 'RS256', use: 'sig' }
    published = JSON.stringify({ keys: [second] })
    // The issuer is not asked for every unknown key, or anyone could make the server ask it all day.
    await expect(verifier.verify(fresh)).rejects.toMatchObject(refused)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31_000 })
    expect(await verifier.verify(fresh)).toMatchObject({ principal: { name: 'ann' } })
    await expect(verifier.verify(old)).rejects.toMatchObject(refused)
    vi.useRealTimers()
    published = jwks
  })

  it('that cannot be had are no fault of the token', async () => {
    const verifier = jwtVerifier({ ...config, keys: { url: 'http://127.0.0.1:1/jwks' } })
    await expect(verifier.verify(await make())).rejects.toMatchObject({ code: 'OVERLOADED' })
  })
})

it('a role may stand inside an object', async () => {
  const verifier = jwtVerifier({ ...config, roleClaim: 'realm_access.roles' })
  const token = await make({ claims: { realm_access: { roles: ['viewer'] } } })
  expect(await verifier.verify(token)).toMatchObject({ principal: { role: 'viewer' } })
})
