/** PostgreSQL's text holds neither NUL nor half of a surrogate pair. */
const UNSTORABLE_TEXT = /\0|\p{Cs}/u

/** Whether PostgreSQL can hold the text. */
export function isStorableText(text: string): boolean {
  return !UNSTORABLE_TEXT.test(text)
}
