import { chargeScan, type Run } from '../run.js'

/** Above it the engine's own search, which may take the product of both lengths, gives way to one that takes their sum. */
const LONG_PART = 64

/** Finds a part in a text from an index on: -1 where it is not. */
export type Search = (text: string, from: number) => number

/** A search for one part, in time that is linear in the text. Whoever searches charges it. */
export function createSearch(part: string): Search {
  if (part.length <= LONG_PART) return (text, from) => text.indexOf(part, from)
  const fallbacks = fallbacksOf(part.length, (index) => part.charCodeAt(index))
  return (text, from) => {
    const length = text.length - from
    const found = scan({ length, at: (index) => text.charCodeAt(from + index) }, (index) => part.charCodeAt(index), fallbacks)
    return found < 0 ? -1 : from + found
  }
}

/** Where a part begins first, -1 where it does not. */
export function indexIn(run: Run, text: string, part: string): number {
  chargeScan(run, text.length + part.length)
  return createSearch(part)(text, 0)
}

/** Where a part begins last, -1 where it does not. */
export function lastIndexIn(run: Run, text: string, part: string): number {
  chargeScan(run, text.length + part.length)
  if (part.length <= LONG_PART) return text.lastIndexOf(part)
  const last = part.length - 1
  const partAt: CodeAt = (index) => part.charCodeAt(last - index)
  const reversed = { length: text.length, at: (index: number) => text.charCodeAt(text.length - 1 - index) }
  const found = scan(reversed, partAt, fallbacksOf(part.length, partAt))
  return found < 0 ? -1 : text.length - found - part.length
}

type CodeAt = (index: number) => number

/** Of Knuth, Morris and Pratt: how much of the part still fits when the next unit does not. */
function fallbacksOf(length: number, at: CodeAt): Int32Array {
  const fallbacks = new Int32Array(length)
  let fitting = 0
  for (let index = 1; index < length; index += 1) {
    while (fitting > 0 && at(index) !== at(fitting)) fitting = fallbacks[fitting - 1] as number
    if (at(index) === at(fitting)) fitting += 1
    fallbacks[index] = fitting
  }
  return fallbacks
}

function scan(text: { readonly length: number; readonly at: CodeAt }, partAt: CodeAt, fallbacks: Int32Array): number {
  let fitting = 0
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.at(index)
    while (fitting > 0 && unit !== partAt(fitting)) fitting = fallbacks[fitting - 1] as number
    if (unit === partAt(fitting)) fitting += 1
    if (fitting === fallbacks.length) return index - fitting + 1
  }
  return -1
}
