import { isTransientError, TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonValue } from '../../core/json.js'
import { compileTemplate, referencesOf } from '../../template/index.js'
import { PRESETS, type Preset, type TriggerInput, type TriggerRecord } from './record.js'

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/
const MIN_SECRET = 16
const MAX_SECRET = 1000
/** What templates of a trigger read, beside functions. */
const READABLE = ['body', 'headers', 'now', 'range', 'dict', 'namespace', 'cycler', 'joiner']

function invalid(field: string, why: string): TransientError {
  return new TransientError('VALIDATION', `${field}: ${why}`, { details: { field } })
}

/** @throws TransientError VALIDATION */
export function checkedTrigger(given: TriggerInput): Omit<TriggerRecord, 'id'> & { readonly secret: string | null } {
  const { name, path, version = null, workload = null, idempotencyHeader = null, signatureHeader = null, secret = null } = given
  if (!NAME.test(name)) throw invalid('name', 'letters, digits, _ . and -, at most 100, beginning with a letter, digit or _')
  if (version !== null && (!Number.isInteger(version) || version < 1)) throw invalid('version', 'a number from 1')
  const preset = presetOf(given.preset ?? null)
  for (const [field, header] of Object.entries({ idempotencyHeader, signatureHeader })) {
    if (header !== null && !HEADER.test(header)) throw invalid(field, 'the name of a header, such as X-Signature')
  }
  if (preset !== null && signatureHeader !== null)
    throw invalid('signatureHeader', `the preset ${preset.toUpperCase()} says which header holds the signature: leave it out`)
  if (secret !== null && (secret.length < MIN_SECRET || secret.length > MAX_SECRET || !/^[\x21-\x7e]+$/.test(secret)))
    throw invalid('secret', `${MIN_SECRET} to ${MAX_SECRET} characters without spaces; left out, one is made`)
  checkTemplates(workload)
  const headers = {
    idempotencyHeader: idempotencyHeader?.toLowerCase() ?? null,
    signatureHeader: signatureHeader?.toLowerCase() ?? null,
  }
  return { name, path, version, preset, workload, ...headers, isPaused: given.isPaused ?? false, secret }
}

function presetOf(given: string | null): Preset | null {
  if (given === null) return null
  const preset = PRESETS.find((one) => one === given.toLowerCase())
  if (preset) return preset
  throw invalid('preset', `${PRESETS.map((one) => one.toUpperCase()).join(', ')} are possible, not "${given.slice(0, 40)}"`)
}

function checkTemplates(workload: TriggerRecord['workload']): void {
  for (const [key, template] of Object.entries(workload ?? {})) {
    const field = `workload.${key.slice(0, 60)}`
    try {
      for (const text of textsIn(template)) compileTemplate(text)
      const unknown = [...referencesOf([template]).roots].find((root) => !READABLE.includes(root))
      if (unknown !== undefined)
        throw invalid(field, `it reads "${unknown.slice(0, 60)}": a trigger's templates read body and headers`)
    } catch (error) {
      if (!isTransientError(error) || error.code === 'VALIDATION') throw error
      throw invalid(field, error.message)
    }
  }
}

function textsIn(value: JsonValue): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(textsIn)
  return isJsonObject(value) ? Object.values(value).flatMap(textsIn) : []
}
