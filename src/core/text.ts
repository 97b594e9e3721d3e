/** PostgreSQL's text holds neither NUL nor half of a surrogate pair. */
const UNSTORABLE_TEXT = /\0|\p{Cs}/u

/** Whether PostgreSQL can hold the text. */
export function isStorableText(text: string): boolean {
  return !UNSTORABLE_TEXT.test(text)
}

/** A key of camelCase in snake_case. */
export function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** A key of snake_case in camelCase. */
export function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}
