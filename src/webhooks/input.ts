import { TransientError } from '../core/errors.js'
import { checkListed } from '../core/filter.js'
import { VARIABLE_TYPES, type VariableType, WEBHOOK_EVENTS, type WebhookEvent } from '../core/status.js'
import { isStorableText } from '../core/text.js'
import { checkCondition } from '../variables/condition.js'
import type { Poster } from './post.js'
import type { WebhookFilter } from './record.js'

/** What a caller says of a hook. */
export interface WebhookInput {
  readonly name: string
  readonly url: string
  readonly pathPrefix?: string | null | undefined
  readonly events: readonly WebhookEvent[]
  readonly names?: readonly string[] | null | undefined
  readonly types?: readonly VariableType[] | null | undefined
  readonly exceptActors?: readonly string[] | null | undefined
  readonly when?: string | null | undefined
}

interface CheckedInput {
  readonly name: string
  readonly url: string
  readonly filter: WebhookFilter
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const MAX_URL = 2_000
const MAX_LISTED = 1_000

/** @throws TransientError VALIDATION, naming the field */
export function checkedInput(input: WebhookInput, { refusal }: Pick<Poster, 'refusal'>): CheckedInput {
  const { name, url, pathPrefix = null, events, names = null, types = null, exceptActors, when = null } = input
  for (const [field, list] of Object.entries({ events, names, types, exceptActors })) checkListed(list, field, MAX_LISTED)
  if (!NAME.test(name)) {
    throw invalid('name', 'must have 1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit')
  }
  checkUrl(url, refusal)
  checkTexts('pathPrefix', pathPrefix === null ? [] : [pathPrefix])
  const unknown = events.find((event) => !WEBHOOK_EVENTS.includes(event))
  if (unknown !== undefined) throw invalid('events', `"${String(unknown).slice(0, 60)}" is none of ${WEBHOOK_EVENTS.join(', ')}`)
  checkList('names', names)
  checkList('types', types)
  const wrong = types?.find((type) => !VARIABLE_TYPES.includes(type))
  if (wrong !== undefined) throw invalid('types', `"${String(wrong).slice(0, 60)}" is none of ${VARIABLE_TYPES.join(', ')}`)
  checkTexts('exceptActors', exceptActors ?? [])
  if (when !== null) checkCondition(when, 'when')
  return {
    name,
    url,
    filter: { pathPrefix, events: [...new Set(events)], names, types, exceptActors: exceptActors ?? [], when },
  }
}

function checkUrl(text: string, refusal: Poster['refusal']): void {
  const url = URL.canParse(text) && text.length <= MAX_URL ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid('url', 'is not an http or https URL of at most 2,000 characters')
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('url', 'holds a user or a password: requests are signed instead, which the receiver verifies')
  }
  const reason = refusal(url)
  if (reason !== null) throw invalid('url', reason)
}

function checkList(field: string, list: readonly string[] | null): void {
  if (list?.length === 0) throw invalid(field, 'lists nothing: leave it out for all of them')
  checkTexts(field, list ?? [])
}

function checkTexts(field: string, texts: readonly string[]): void {
  if (texts.every((text) => text !== '' && text.length <= 1_000 && isStorableText(text))) return
  throw invalid(field, 'holds a text that is empty, longer than 1,000 characters, or cannot be stored')
}

function invalid(field: string, problem: string): TransientError {
  return new TransientError('VALIDATION', `${field}: ${problem}`, { details: { field } })
}
