import { createHmac } from 'node:crypto'
import { sign } from '@octokit/webhooks-methods'
import Stripe from 'stripe'
import { describe, expect, it } from 'vitest'
import { signatureFault } from '../../../src/webhooks/inbound/verify.js'

const NOW = new Date('2026-12-01T14:00:00Z')
const SECONDS = NOW.getTime() / 1000
type Trigger = Parameters<typeof signatureFault>[0]
const check = (
  trigger: Partial<Trigger>,
  headers: Record<string, string>,
  body: string,
  { secrets = ['a secret of some length'], now = NOW } = {},
) => signatureFault({ preset: null, signatureHeader: null, ...trigger }, { headers, body: Buffer.from(body) }, { secrets, now })

describe('GitHub', () => {
  it('holds as in its documentation', () => {
    // docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation"
    const headers = { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' }
    const secrets = ["It's a Secret to Everybody"]
    expect(check({ preset: 'github' }, headers, 'Hello, World!', { secrets })).toBeNull()
    expect(check({ preset: 'github' }, headers, 'Hello, World?', { secrets })).toBe('the signature does not hold')
  })

  it('holds as its own library signs', async () => {
    const body = '{"zen": "ü"}'
    const signature = await sign('a secret of some length', body)
    expect(check({ preset: 'github' }, { 'x-hub-signature-256': signature }, body)).toBeNull()
    expect(check({ preset: 'github' }, {}, body)).toBe('the header x-hub-signature-256 is missing')
  })
})

describe('Stripe', () => {
  const { webhooks } = new Stripe('sk_test_none')
  const signed = (body: string, timestamp = SECONDS, secret = 'a secret of some length') => ({
    'stripe-signature': webhooks.generateTestHeaderString({ payload: body, secret, timestamp }),
  })

  it('holds as its own library signs', () => {
    expect(check({ preset: 'stripe' }, signed('{"id": "evt_1"}'), '{"id": "evt_1"}')).toBeNull()
    expect(check({ preset: 'stripe' }, signed('{"id": "evt_1"}'), '{"id": "evt_2"}')).toBe('the signature does not hold')
    expect(check({ preset: 'stripe' }, signed('{}', SECONDS, 'another secret'), '{}')).toBe('the signature does not hold')
  })

  it('may carry several signatures, and those of other schemes', () => {
    const [t, v1] = signed('{}')['stripe-signature'].split(',')
    expect(
      check({ preset: 'stripe' }, { 'stripe-signature': `${t},v0=${'0'.repeat(64)},v1=${'0'.repeat(64)},${v1}` }, '{}'),
    ).toBeNull()
    expect(check({ preset: 'stripe' }, { 'stripe-signature': `${t},${v1?.replace('v1', 'v0')}` }, '{}')).not.toBeNull()
  })

  it.each([
    ['late', SECONDS - 601, 'its timestamp is more than ten minutes off'],
    ['early', SECONDS + 601, 'its timestamp is more than ten minutes off'],
    ['just in time', SECONDS - 600, null],
  ])('%s', (_what, timestamp, expected) => {
    expect(check({ preset: 'stripe' }, signed('{}', timestamp), '{}')).toBe(expected)
  })

  it.each(['', 'garbage', 't=,v1=', `v1=${'0'.repeat(64)}`, `t=x,v1=${'0'.repeat(64)}`])('refuses the header %j', (header) => {
    expect(check({ preset: 'stripe' }, { 'stripe-signature': header }, '{}')).not.toBeNull()
  })
})

describe('Slack', () => {
  // docs.slack.dev, "Verifying requests from Slack"
  // cspell:disable
  const SECRET = '8f742231b10e8888abcd99yyyzzz85a5'
  const BODY =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
  // cspell:enable
  const HEADERS = {
    'x-slack-request-timestamp': '1531420618',
    'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
  }
  const then = new Date(1531420618_000)

  it('holds as in its documentation', () => {
    expect(check({ preset: 'slack' }, HEADERS, BODY, { secrets: [SECRET], now: then })).toBeNull()
    expect(check({ preset: 'slack' }, HEADERS, `${BODY}x`, { secrets: [SECRET], now: then })).toBe('the signature does not hold')
    expect(check({ preset: 'slack' }, HEADERS, BODY, { secrets: [SECRET] })).toBe('its timestamp is more than ten minutes off')
    const altered = { ...HEADERS, 'x-slack-request-timestamp': '1531420619' }
    expect(check({ preset: 'slack' }, altered, BODY, { secrets: [SECRET], now: then })).toBe('the signature does not hold')
    expect(check({ preset: 'slack' }, {}, BODY, { secrets: [SECRET], now: then })).toBe('its timestamp is missing')
  })
})

describe('others', () => {
  const hex = (body: string, secret = 'a secret of some length') => createHmac('sha256', secret).update(body).digest('hex')

  it('sign in a header of theirs, with or without sha256=, by either secret while one is rotated', () => {
    const trigger = { signatureHeader: 'x-signature' }
    expect(check(trigger, { 'x-signature': hex('{}') }, '{}')).toBeNull()
    expect(check(trigger, { 'x-signature': `sha256=${hex('{}').toUpperCase()}` }, '{}')).toBeNull()
    expect(
      check(trigger, { 'x-signature': hex('{}', 'the one before it') }, '{}', { secrets: ['the new one', 'the one before it'] }),
    ).toBeNull()
    expect(check(trigger, { 'x-signature': hex('{}').slice(1) }, '{}')).toBe('the signature does not hold')
    expect(check(trigger, {}, '{}')).toBe('the header x-signature is missing')
  })

  it('show the secret as a key', () => {
    expect(
      check({}, { authorization: 'Bearer a-secret-of-some-length' }, '{}', { secrets: ['a-secret-of-some-length'] }),
    ).toBeNull()
    expect(check({}, { 'x-api-key': 'a-secret-of-some-length' }, '{}', { secrets: ['a-secret-of-some-length'] })).toBeNull()
    expect(check({}, { 'x-api-key': 'another' }, '{}')).toBe('the key is another')
    expect(check({}, {}, '{}')).toMatch(/^no key is shown/)
  })
})
