import { z } from 'zod'
import { isJsonNumber, numberText } from '../core/json.js'

/** Text that holds a template: what may stand for any parameter before it is rendered. */
export const templateText = z.string().regex(/\{\{|\{%/, 'is neither of the accepted kind nor a template')

/** A mapping, or one template that gives it. */
export const mapping = z.union([z.record(z.string(), z.unknown()), templateText])

/** A number of seconds above 0, or a template of one. */
export const seconds = z.union([
  z.custom<unknown>((value) => isJsonNumber(value) && Number(numberText(value)) > 0, 'is not a number of seconds above 0'),
  templateText,
  z.string().regex(/^\d+(\.\d+)?$/, 'is not a number of seconds'),
])

/** True or false, or a template of it. */
export const flag = z.union([z.boolean(), templateText])
