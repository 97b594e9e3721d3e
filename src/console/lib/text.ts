/** Controls, and what reorders or hides what stands beside it: line and paragraph ends are let through. */
const INVISIBLE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]/g

/** A text of somebody else's as one may show it: characters that would reorder it, or hide in it, stand there as their escapes. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The beginning of a text, with an ellipsis where something is missing; no character is cut in two. */
export function cut(text: string, max: number): string {
  return text.length > max ? `${whole(text.slice(0, max))}…` : text
}

/** Without the half of a character that was cut in two. */
export function whole(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, '')
}

const encoder = new TextEncoder()

/** The size of a text as the server counts it: UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length
}

let collator: Intl.Collator | null = null

/** Order by name as people count: v1, v2, v10. */
export function byName(a: string, b: string): number {
  collator ??= new Intl.Collator('en', { numeric: true, caseFirst: 'upper' })
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0)
}
