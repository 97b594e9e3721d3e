import { integer } from './numbers.js'

const MAX_DIGITS = 4300
/** Digits in any base up to 36 that a number holds exactly. */
const CHUNK = 10
const FLOAT = /^[-+]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][-+]?\d+)?$/
const SPECIAL = /^[-+]?(?:inf(?:inity)?|nan)$/i
const PREFIXES: Readonly<Record<number, RegExp>> = { 2: /^0b/i, 8: /^0o/i, 16: /^0x/i }

/** The float that Python's `float(text)` gives, or null. */
export function parseFloatText(text: string): number | null {
  const trimmed = text.trim()
  if (trimmed.length > MAX_DIGITS) return null
  if (FLOAT.test(trimmed)) return Number(trimmed.replaceAll('_', ''))
  if (!SPECIAL.test(trimmed)) return null
  if (/nan/i.test(trimmed)) return Number.NaN
  return trimmed.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** The integer that Python's `int(text, base)` gives, or null. Base 0 reads the prefix. */
export function parseIntegerText(text: string, base: number): number | bigint | null {
  if (base !== 0 && (base < 2 || base > 36)) return null
  const trimmed = text.trim()
  const match = /^([-+]?)([\da-zA-Z_]+)$/.exec(trimmed)
  if (match === null || trimmed.length > MAX_DIGITS) return null
  const [, sign, body = ''] = match
  const found = base === 0 ? ([2, 8, 16].find((candidate) => PREFIXES[candidate]?.test(body)) ?? 10) : base
  const prefix = PREFIXES[found]
  const digits = prefix === undefined ? body : body.replace(prefix, '')
  if (!/^[\da-zA-Z]+(?:_[\da-zA-Z]+)*$/.test(digits)) return null
  if (base === 0 && found === 10 && /^0[\d_]*[1-9]/.test(digits)) return null
  let value = 0n
  const plain = digits.replaceAll('_', '').toLowerCase()
  if (found === 10) {
    if (!/^\d+$/.test(plain)) return null
    value = BigInt(plain)
  } else {
    for (const letter of plain) if (Number.parseInt(letter, 36) >= found) return null
    for (let at = 0; at < plain.length; at += CHUNK) {
      const chunk = plain.slice(at, at + CHUNK)
      value = value * BigInt(found) ** BigInt(chunk.length) + BigInt(Number.parseInt(chunk, found))
    }
  }
  return integer(sign === '-' ? -value : value)
}
