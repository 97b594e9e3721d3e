import { isJsonObject, type JsonObject } from '../core/json.js'
import { ROLES, type Role } from '../core/principal.js'
import type { Ask } from './model.js'
import { nameFault } from './names.js'
import {
  checkKeys,
  describeKind,
  type Field,
  fieldsOf,
  given,
  itemsOf,
  jsonOf,
  kindOf,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { cursorAt } from './schema.js'
import { didYouMean } from './suggest.js'
import { templatesOf } from './templates.js'

const KEYS = ['title', 'roles', 'form', 'again']
/** A worker answers nothing. */
const ANSWERING = ROLES.filter((role) => role !== 'worker')

/** Reads `ask: {title, roles, form, again}`. `reads`: variables that the condition reads, which an answer without a form gives. */
export function readAsk(field: Field | null, reads: readonly string[]): Ask | null {
  if (!field) return null
  if (kindOf(field.value) !== 'mapping') {
    report(field.value, `ask must be a mapping, such as {title: "Pay?", form: {...}}, not ${describeKind(field.value)}`)
    return null
  }
  const fields = fieldsOf(field.value)
  checkKeys(fields, { known: KEYS, of: 'ask' })
  const title = given(fields, 'title')
  if (!title) reportKey(field, 'ask needs "title": what people are asked')
  else if (textOf(title.value) === null)
    report(title.value, `ask.title must be a text, or a template of one, not ${describeKind(title.value)}`)
  const form = readForm(given(fields, 'form'))
  const names = form ? Object.keys(propertiesOf(form)) : reads
  if (names.length === 0) reportKey(field, 'ask needs "form" with "properties": the variables that an answer gives')
  const again = given(fields, 'again')
  if (again && kindOf(again.value) !== 'boolean')
    report(again.value, `again must be true or false, not ${describeKind(again.value)}`)
  const isAgain = again ? jsonOf(again.value) === true : false
  return { title: title ? templatesOf(title.value) : '', roles: readRoles(given(fields, 'roles')), form, names, isAgain }
}

function propertiesOf({ properties = null }: JsonObject): JsonObject {
  return isJsonObject(properties) ? properties : {}
}

function readForm(field: Field | null): JsonObject | null {
  if (!field) return null
  const form = jsonOf(field.value)
  if (!isJsonObject(form)) {
    report(field.value, `form must be a JSON Schema of an object, not ${describeKind(field.value)}`)
    return null
  }
  field.value.source.forms.push(field.value)
  if ((form['type'] ?? 'object') !== 'object')
    report(field.value, 'form must be the JSON Schema of an object: write "type: object"')
  for (const name of Object.keys(propertiesOf(form))) {
    const fault = nameFault(name, 'variable')
    if (fault) report(cursorAt(field.value, `/properties/${name}`), fault)
  }
  return form
}

function readRoles(field: Field | null): readonly Role[] {
  if (!field) return []
  if (kindOf(field.value) !== 'list') {
    report(field.value, `roles must be a list, such as [editor], not ${describeKind(field.value)}`)
    return []
  }
  return itemsOf(field.value).flatMap((item) => {
    const name = textOf(item)
    const role = ANSWERING.find((one) => one === name)
    if (role) return [role]
    const hint = name === null ? '' : didYouMean(name, ANSWERING)
    report(
      item,
      `a role is ${ANSWERING.slice(0, -1).join(', ')} or ${ANSWERING.at(-1)}, not ${name === null ? describeKind(item) : `"${name.slice(0, 60)}"`}${hint}`,
    )
    return []
  })
}
