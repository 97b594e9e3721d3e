import fc from 'fast-check'
import { expect, it } from 'vitest'
import { boundLog } from '../../src/tools/bound-log.js'

it('keeps the last bytes, from a whole character on', () => {
  const chunks = fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 60 })
  fc.assert(
    fc.property(chunks, fc.integer({ min: 8, max: 100 }), (texts, limit) => {
      const log = boundLog(limit)
      for (const text of texts) log.add(text)
      const whole = texts.join('')
      const kept = log.text()
      expect(whole.endsWith(kept)).toBe(true)
      expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(limit)
      if (Buffer.byteLength(whole) > limit) expect(Buffer.byteLength(kept)).toBeGreaterThan(limit - 4)
      else expect(kept).toBe(whole)
    }),
  )
})
