import { TemplateFault } from '../faults.js'
import { nearestName } from '../suggest.js'
import type { Undefined } from './values.js'

/** Ends the evaluation with TEMPLATE_UNDEFINED, naming what is missing and the nearest name there is. */
export function raiseUndefined(value: Undefined): never {
  const { path } = value
  if (path === '')
    throw new TemplateFault('TEMPLATE_UNDEFINED', 'the condition of an "if" without "else" is false, so there is no value')
  const dot = path.lastIndexOf('.')
  const suggestion = () => {
    const near = path.endsWith(']') ? null : nearestName(path.slice(dot + 1), value.candidates())
    return near === null ? value.hint : ` (did you mean ${path.slice(0, dot + 1)}${near}?)`
  }
  throw new TemplateFault('TEMPLATE_UNDEFINED', `${path} is undefined`, null, null, suggestion)
}
