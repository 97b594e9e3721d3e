// cspell:ignore tokem hvcn
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { jsonSize, LosslessNumber, parseJson, stringifyJson } from '../../src/core/json.js'
import { createKeyRing, NO_KEYS, sealedSize } from '../../src/sealing/key-ring.js'
import { variableLocation } from '../../src/sealing/location.js'
import { encryptionKeys, keyRingOf, testKey } from '../support/keys.js'

const PLACE = variableLocation('507861119290048685', 'token', 3)

describe('the key ring', () => {
  it('opens what it sealed, with every digit, and never the same text twice', () => {
    const ring = keyRingOf('one')
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = parseJson(JSON.stringify(value))
        const sealed = ring.seal(plain, PLACE)
        expect(stringifyJson(ring.open(sealed, PLACE))).toBe(stringifyJson(plain))
        expect(sealedSize(sealed)).toBe(jsonSize(plain))
        expect(ring.seal(plain, PLACE)).not.toBe(sealed)
      }),
    )
    const long = new LosslessNumber('507861119290048685507861119290048685')
    expect(stringifyJson(ring.open(ring.seal([long], PLACE), PLACE))).toBe('[507861119290048685507861119290048685]')
  })

  it('opens with the same execution, name and revision only', () => {
    const ring = keyRingOf('one')
    const sealed = ring.seal('x', PLACE)
    const others = [
      variableLocation('1', 'token', 3),
      variableLocation('507861119290048685', 'tokem', 3),
      variableLocation('507861119290048685', 'token', 4),
    ]
    for (const location of others) expect(() => ring.open(sealed, location)).toThrow(/does not open/)
    const flipped = Buffer.from(sealed.slice(4), 'base64')
    flipped[14] = (flipped[14] ?? 0) ^ 1
    expect(() => ring.open(`one:${flipped.toString('base64')}`, PLACE)).toThrow(/does not open/)
    expect(() => ring.open('one:', PLACE)).toThrow(/does not open/)
  })

  it('seals with the first key, opens with any, and names the one that is missing', () => {
    const old = keyRingOf('old').seal('x', PLACE)
    const ring = keyRingOf('new', 'old')
    expect(ring.open(old, PLACE)).toBe('x')
    expect(ring.seal('x', PLACE)).toMatch(/^new:/)
    expect(() => keyRingOf('new').open(old, PLACE)).toThrow(/variable "token" of execution 507861119290048685 .* key "old"/)
    expect(() => NO_KEYS.seal('x', PLACE)).toThrow(/ENCRYPTION_KEYS/)
    const same = createKeyRing([{ id: 'old', key: testKey('other').key }])
    expect(() => same.open(old, PLACE)).toThrow(/does not open/)
  })
})

describe('ENCRYPTION_KEYS', () => {
  const load = (text: string) => loadConfig({ ENCRYPTION_KEYS: text })

  it('is a list of keys by comma or line', () => {
    expect(load(encryptionKeys('a', 'b')).encryptionKeys).toEqual([testKey('a'), testKey('b')])
    expect(load(encryptionKeys('a', 'b').replace(',', ',\n')).encryptionKeys).toHaveLength(2)
    expect(load('').encryptionKeys).toEqual([])
  })

  it.each([
    ['no-key', /entry 1 is not id:key|not base64/],
    [`${encryptionKeys('a')},b:c2hvcnQ=`, /entry 2 \("b"\) is not base64 of 32 bytes/],
    [encryptionKeys('a', 'a'), /entry 2 \("a"\) has the id of an entry before it/],
    [`a b:${testKey('a').key.toString('base64')}`, /entry 1 is not id:key/],
  ])('%s is refused, and no key shown', (text, message) => {
    expect(() => load(text)).toThrow(message)
    expect(() => load(text)).not.toThrow(testKey('a').key.toString('base64'))
  })
})
