import { chargeText, type Run } from '../run.js'
import { joinText, repeat, stringLength } from './strings.js'

export function capitalize(text: string): string {
  const [first = ''] = text
  const [upper = '', ...more] = first.toUpperCase()
  return upper + more.join('').toLowerCase() + text.slice(first.length).toLowerCase()
}

/** Python's `str.title`: every run of letters starts with a capital. */
export function titleCase(text: string): string {
  return text.replace(/\p{L}+/gu, capitalize)
}

export function swapCase(text: string): string {
  return Array.from(text, (letter) => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase())).join('')
}

/** Whether there is a letter that has an upper and a lower form. */
export function isCased(text: string): boolean {
  return text.toLowerCase() !== text.toUpperCase()
}

/** Takes characters (white space when null) off the ends. */
export function strip(text: string, characters: string | null, side: 'both' | 'left' | 'right'): string {
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
    for (const [index, part] of line.split('\t').entries()) {
      if (index > 0 && size > 0) result += repeat(run, ' ', size - (stringLength(result) % size))
      result += part
    }
    return result
  })
  return joinText(run, lines, '\n')
}
