import { z } from 'zod'

/** Text that holds a template: what may stand for any parameter before it is rendered. */
export const templateText = z.string().regex(/\{\{|\{%/, 'is neither of the accepted kind nor a template')

/** A mapping, or one template that gives it. */
export const mapping = z.union([z.record(z.string(), z.unknown()), templateText])

/** A number of seconds, or a template of one. */
export const seconds = z.union([z.number().positive(), z.string().min(1), z.unknown()])

/** True or false, or a template of it. */
export const flag = z.union([z.boolean(), templateText])
