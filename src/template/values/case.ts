import { chargeScan, chargeSteps, chargeText, type Run } from '../run.js'

import { joinText, repeat, stringLength } from './strings.js'

/** What one word or run of letters costs where each is changed by itself. */
const WORD_STEPS = 0.25

export function capitalize(text: string): string {
  const [first = ''] = text
  const [upper = '', ...more] = first.toUpperCase()
  return upper + more.join('').toLowerCase() + text.slice(first.length).toLowerCase()
}

/** Python's `str.title`: every run of letters starts with a capital. */
export function titleCase(run: Run, text: string): string {
  return replaceWords(run, text, /\p{L}+/gu, capitalize)
}

/** Changes every match of a pattern, charged while it goes: that is more work than what is made tells. */
export function replaceWords(run: Run, text: string, pattern: RegExp, change: (word: string) => string): string {
  return text.replace(pattern, (word) => {
    chargeSteps(run, WORD_STEPS)
    return change(word)
  })
}

export function swapCase(run: Run, text: string): string {
  return replaceWords(run, text, /\p{Changes_When_Uppercased}+|\P{Changes_When_Uppercased}+/gu, (letters) => {
    const upper = letters.toUpperCase()
    if (letters !== upper) return upper
    // Alone, as a sigma at the end of a word has a form of its own.
    return letters.includes('\u03a3') ? Array.from(letters, (letter) => letter.toLowerCase()).join('') : letters.toLowerCase()
  })
}

/** Whether a text has letters with two forms, all of them in the one that is asked for. */
export function isInCase(run: Run, text: string, form: 'lower' | 'upper'): boolean {
  chargeScan(run, text.length * 4)
  const lower = text.toLowerCase()
  const upper = text.toUpperCase()
  return lower !== upper && text === (form === 'lower' ? lower : upper)
}

export interface Stripping {
  /** null: white space. */
  readonly characters: string | null
  readonly side: 'both' | 'left' | 'right'
}

/** Takes characters off the ends. */
export function strip(run: Run, text: string, { characters, side }: Stripping): string {
  chargeScan(run, text.length + (characters?.length ?? 0) * 4)
  if (characters === null) return side === 'both' ? text.trim() : side === 'left' ? text.trimStart() : text.trimEnd()
  const isTaken = new Set(characters)
  let start = 0
  let end = text.length
  if (side !== 'right') while (start < end && isTaken.has(text.charAt(start))) start += 1
  if (side !== 'left') while (end > start && isTaken.has(text.charAt(end - 1))) end -= 1
  return text.slice(start, end)
}

export function expandTabs(run: Run, text: string, size: number): string {
  chargeText(run, text.length)
  const lines = text.split('\n').map((line) => {
    let result = ''
    let column = 0
    for (const [index, part] of line.split('\t').entries()) {
      chargeSteps(run, WORD_STEPS)
      const width = index > 0 && size > 0 ? size - (column % size) : 0
      result += repeat(run, ' ', width) + part
      column += width + stringLength(run, part)
    }
    return result
  })
  return joinText(run, lines, '\n')
}
