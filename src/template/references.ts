import { isTransientError } from '../core/errors.js'
import { isJsonObject, type JsonValue } from '../core/json.js'
import { mergeReferences } from './compile/references.js'
import { compileTemplate, hasMarkup } from './template.js'
import type { References } from './types.js'

/** What every template inside a value reads, merged. A template that does not parse counts as reading nothing. */
export function referencesOf(value: JsonValue): References {
  return mergeReferences(collect(value))
}

function* collect(value: JsonValue): Generator<References> {
  if (typeof value === 'string') {
    if (hasMarkup(value)) yield* referencesIn(value)
  } else if (Array.isArray(value)) {
    for (const item of value) yield* collect(item)
  } else if (isJsonObject(value)) {
    for (const item of Object.values(value)) yield* collect(item)
  }
}

function referencesIn(source: string): References[] {
  try {
    return [compileTemplate(source).references]
  } catch (error) {
    if (isTransientError(error)) return []
    throw error
  }
}
