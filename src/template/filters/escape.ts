import { chargeText, type Run } from '../run.js'

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' }

/** A text as HTML and XML write it. */
export function escapeHtml(run: Run, text: string): string {
  chargeText(run, text.length)
  return text.replace(/[&<>'"]/g, (character) => {
    const entity = ENTITIES[character] as string
    chargeText(run, entity.length - 1)
    return entity
  })
}
