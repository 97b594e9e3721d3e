import { isTransientError } from '../core/errors.js'
import type { JsonValue } from '../core/json.js'
import { parseTime } from '../core/time.js'
import { compileCondition, type References } from '../template/index.js'
import { readAsk } from './ask.js'
import type { Wait } from './model.js'
import { DELAY_RULE, TIMEOUT_RULE } from './numbers.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  type Fields,
  fieldsOf,
  given,
  kindOf,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { conditionOf, isTemplate, numberOrTemplate, templatesOf } from './templates.js'

const KEYS = ['until', 'for', 'at', 'timeout', 'ask']
/** One of them says what is waited for. */
const GOALS = ['until', 'for', 'at'] as const
/** What never changes while a step waits. */
const CONSTANTS = ['vars', 'workload', 'execution_id', 'job', 'loop']
const FUNCTIONS = ['range', 'dict', 'namespace', 'cycler', 'joiner']
const ADVICE = 'nothing would wake the step; to wait for a time use "for", "at" or "timeout"'

/** Reads `wait: {until | for | at, timeout, ask}` of a step, or of an iterator's task. `locals`: the element, and names of `let`. */
export function readWait(field: Field | null, locals: readonly string[]): Wait | null {
  if (!field) return null
  const at = field.value
  if (kindOf(at) !== 'mapping') {
    report(
      at,
      `wait must be a mapping, such as {until: "{{ vars.approved is defined }}", timeout: 3600}, not ${describeKind(at)}`,
    )
    return null
  }
  const fields = fieldsOf(at)
  checkKeys(fields, { known: KEYS, of: 'wait' })
  const goals = GOALS.flatMap((name) => given(fields, name) ?? [])
  const [first, second] = goals
  const ask = given(fields, 'ask')
  if (!first && !ask) report(at, 'wait needs "until" (a condition), "for" (seconds), "at" (a time) or "ask" (people)')
  if (first && second) reportKey(second, `wait has "${first.name}" already: give one of until, for and at`)
  const timeout = given(fields, 'timeout')
  if (timeout && first && first.name !== 'until')
    reportKey(timeout, `"timeout" is for "until": with "${first.name}" the wait ends by itself`)
  if (ask && first && first.name !== 'until')
    reportKey(ask, `"ask" is for "until", or alone: with "${first.name}" the wait ends by itself`)
  const condition = readUntil(fields, locals)
  return { ...condition, ...readTimes(fields), ask: readAsk(ask, condition.reads), at: at.path }
}

function readTimes(fields: Fields): Pick<Wait, 'forSeconds' | 'moment' | 'timeout'> {
  const [forField, atField, timeout] = [given(fields, 'for'), given(fields, 'at'), given(fields, 'timeout')]
  return {
    forSeconds: forField ? numberOrTemplate(forField.value, 'wait.for', DELAY_RULE) : null,
    moment: atField ? readMoment(atField.value) : null,
    timeout: timeout ? numberOrTemplate(timeout.value, 'wait.timeout', TIMEOUT_RULE) : null,
  }
}

function readMoment(cursor: Cursor): JsonValue | null {
  const text = textOf(cursor)
  if (text !== null && (isTemplate(text) || parseTime(text) !== null)) return templatesOf(cursor)
  const found = text === null ? describeKind(cursor) : `"${text.slice(0, 60)}"`
  report(cursor, `wait.at must be a date and time in ISO 8601, such as 2026-12-24T18:00:00Z, or a template of one, not ${found}`)
  return null
}

function readUntil(fields: Fields, locals: readonly string[]): Pick<Wait, 'until' | 'reads'> {
  const field = given(fields, 'until')
  const until = field ? conditionOf(field.value, 'wait.until') : null
  if (!field || until === null) return { until: null, reads: [] }
  const references = referencesOf(until)
  const faults = references ? faultsOf(references, locals) : []
  for (const fault of faults) report(field.value, `wait.until: ${fault}`)
  const read = references?.members.get('vars')
  return { until, reads: read === undefined || read === 'all' ? [] : [...read] }
}

function referencesOf(until: string): References | null {
  try {
    return compileCondition(until).references
  } catch (error) {
    // Its problem is reported.
    if (isTransientError(error)) return null
    throw error
  }
}

/** What changes without a change of a variable, or cannot be told beforehand, would not wake the step. */
function faultsOf({ roots, members }: References, locals: readonly string[]): string[] {
  const faults: string[] = []
  for (const root of roots) {
    if ([...CONSTANTS, ...FUNCTIONS, ...locals].includes(root)) continue
    const name = root.slice(0, 60)
    if (root === 'now') faults.push(`it cannot read now(): ${ADVICE}`)
    else
      faults.push(
        `it cannot read "${name}": only vars.<name>, workload and the element (for a variable write vars.${name}); ${ADVICE}`,
      )
  }
  const read = members.get('vars')
  if (read === 'all')
    faults.push('it must name each variable that it reads, as in vars.approved: all of vars, or a computed name, is not possible')
  if (faults.length === 0 && (read === undefined || read === 'all' || read.size === 0))
    faults.push(`it reads no variable: ${ADVICE}`)
  return faults
}

/** Every template of a wait; a bare condition as one. */
export function waitTemplates({ until, forSeconds, moment, timeout, ask }: Wait): JsonValue[] {
  const condition = until === null || until.includes('{{') ? until : `{{ ${until} }}`
  return [condition, forSeconds, moment, timeout, ask?.title ?? null]
}

const IN_ITS_PLACE = ['tool', 'type', 'loop', 'retry', 'timeout', 'task'] as const

/** A step that waits runs nothing: reports what only calls have. */
export function checkWaiting(fields: Fields): void {
  if (!given(fields, 'wait')) return
  for (const name of IN_ITS_PLACE) {
    const field = given(fields, name)
    if (!field) continue
    const advice: Readonly<Record<string, string>> = {
      loop: 'to wait for each element write "type: iterator" with the wait in its task',
      type: 'to wait for each element write the wait into the task of the iterator',
      retry: "a wait is not tried again; route on this.error.code == 'TIMEOUT' instead",
      timeout: 'write the timeout inside "wait"',
    }
    reportKey(field, `a step that waits has no "${name}": ${advice[name] ?? 'let another step run it, before or after'}`)
  }
}
