/** PostgreSQL's text holds neither NUL nor half of a surrogate pair. */
const UNSTORABLE_TEXT = /\0|\p{Cs}/u
const EACH_UNSTORABLE = new RegExp(UNSTORABLE_TEXT, 'gu')

/** Whether PostgreSQL can hold the text. */
export function isStorableText(text: string): boolean {
  return !UNSTORABLE_TEXT.test(text)
}

/** A message or a log as PostgreSQL can hold it. */
export function storableText(text: string): string {
  return isStorableText(text) ? text : text.replace(EACH_UNSTORABLE, '\uFFFD')
}

/** A letter or underscore, then up to 254 letters, digits, "_" or "-": the names of variables. */
export function isIdentifier(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_-]{0,254}$/.test(text)
}

/** A key of camelCase in snake_case. */
export function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** A key of snake_case in camelCase. */
export function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}
