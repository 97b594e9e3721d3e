import { WEBHOOK_EVENTS, type WebhookEvent } from '../core/status.js'
import type { Notification } from './model.js'
import { type Cursor, checkKeys, describeKind, type Field, fieldsOf, given, itemsOf, kindOf, report, textOf } from './reader.js'
import { didYouMean } from './suggest.js'

const KEYS = ['to', 'on']
const HOOK_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const MAX_HOOKS = 100

/** Reads `notify`: which webhooks are told of what, besides what they select themselves. */
export function readNotify(field: Field | null): Notification[] {
  if (!field) return []
  if (kindOf(field.value) !== 'list') {
    report(field.value, `notify must be a list, such as [{to: ops, on: [execution.failed]}], not ${describeKind(field.value)}`)
    return []
  }
  const items = itemsOf(field.value)
  if (items.length > MAX_HOOKS) report(field.value, `notify has ${items.length} items, at most ${MAX_HOOKS} are possible`)
  const read = items.flatMap((item) => readItem(item) ?? [])
  const seen = new Set<string>()
  return read.flatMap(({ at, ...notification }) => {
    if (seen.has(notification.to)) report(at, `"${notification.to}" is notified twice: list all its events at one place`)
    seen.add(notification.to)
    return [notification]
  })
}

function readItem(item: Cursor): (Notification & { readonly at: Cursor }) | null {
  if (kindOf(item) !== 'mapping') {
    report(item, `an item of notify must be a mapping, such as {to: ops, on: [execution.failed]}, not ${describeKind(item)}`)
    return null
  }
  const fields = fieldsOf(item)
  checkKeys(fields, { known: KEYS, of: 'notify' })
  const [name, events] = [given(fields, 'to'), given(fields, 'on')]
  if (!name) report(item, 'notify needs "to", the name of a webhook')
  if (!events) report(item, `notify needs "on", a list of ${WEBHOOK_EVENTS.join(', ')}`)
  const to = name ? readName(name.value) : null
  const on = events ? readEvents(events.value) : []
  return to === null || on.length === 0 ? null : { to, on, at: item }
}

function readName(at: Cursor): string | null {
  const text = textOf(at)
  if (text !== null && HOOK_NAME.test(text)) return text
  report(at, '"to" must be the name of a webhook, as "transient webhook list" shows it, and never a URL')
  return null
}

function readEvents(at: Cursor): WebhookEvent[] {
  if (kindOf(at) !== 'list') {
    report(at, `"on" must be a list of events, such as [execution.failed], not ${describeKind(at)}`)
    return []
  }
  return itemsOf(at).flatMap((item) => {
    const text = textOf(item) ?? ''
    const event = WEBHOOK_EVENTS.find((known) => known === text)
    if (event) return [event]
    report(item, `"${text.slice(0, 60)}" is no event: one of ${WEBHOOK_EVENTS.join(', ')}${didYouMean(text, WEBHOOK_EVENTS)}`)
    return []
  })
}
