import { isTransientError } from '../core/errors.js'
import { compileTemplate, type References, type Template } from '../template/index.js'
import type { ComputedVariable, Step } from './model.js'
import { nameFault } from './names.js'
import { type Cursor, describeKind, type Field, fieldsOf, isEmpty, kindOf, report, reportKey, textOf } from './reader.js'
import { iteratorVariables } from './schema.js'
import { isTemplate, templatesOf } from './templates.js'

/** More than a change set should have to look through. */
const MAX_COMPUTED = 200
const READABLE = ['vars', 'workload', 'execution_id', 'job']
/** Functions that give the same for the same; `now` and the like do not. */
const FUNCTIONS = ['range', 'dict', 'namespace', 'cycler', 'joiner']
const RANDOM = /\|\s*random\b/

/** One of the block, with where it stands. */
interface Reading {
  readonly field: Field
  readonly variable: ComputedVariable
}

/**
 * Reads `computed`: a mapping of names to expressions over other variables, the workload, `execution_id` and `job`. Answers them in an order in which
 * each stands after what it depends on; where there is a cycle, it is a problem, and its variables are left out.
 */
export function readComputed(field: Field, steps: readonly Step[]): ComputedVariable[] {
  const at = field.value
  if (kindOf(at) !== 'mapping') {
    if (!isEmpty(at)) report(at, `computed must be a mapping of names to expressions, not ${describeKind(at)}`)
    return []
  }
  const fields = [...fieldsOf(at).values()]
  if (fields.length > MAX_COMPUTED) {
    report(at, `computed has ${fields.length} variables, the limit is ${MAX_COMPUTED}`)
    return []
  }
  const readings = fields.flatMap((one) => readOne(one) ?? [])
  checkAssignments(at, new Set(readings.map(({ variable }) => variable.name)), steps)
  return inOrder(readings)
}

function readOne(field: Field): Reading | null {
  const { name, value: at } = field
  const fault = nameFault(name, 'variable')
  if (fault) reportKey(field, fault)
  const text = textOf(at)
  if (text === null || !isTemplate(text)) {
    report(at, `${at.path} must be an expression over other variables, such as "{{ vars.processed + vars.failed }}"`)
    return null
  }
  templatesOf(at)
  const template = compiled(text)
  if (template === null) return null
  const references = template.references
  if (!checkReads(at, text, references)) return null
  const { line, column } = at.source.log.positionOf(at.offset)
  const dependsOn = [...membersOf(references, 'vars')]
  return {
    field,
    variable: { name, expression: text, dependsOn, workloadKeys: [...membersOf(references, 'workload')], line, column },
  }
}

function compiled(text: string): Template | null {
  try {
    return compileTemplate(text)
  } catch (error) {
    // Its problem is reported.
    if (isTransientError(error)) return null
    throw error
  }
}

function membersOf({ members }: References, root: string): ReadonlySet<string> {
  const found = members.get(root)
  return found === undefined || found === 'all' ? new Set() : found
}

/** What an expression reads must be known before it is evaluated, and give the same whenever it is. */
function checkReads(at: Cursor, text: string, { roots, members }: References): boolean {
  const faults: string[] = []
  for (const root of roots) {
    if (READABLE.includes(root) || FUNCTIONS.includes(root)) continue
    const name = root.slice(0, 60)
    faults.push(
      root === 'now'
        ? 'it cannot read now(): nothing would compute it anew as time goes by'
        : `it cannot read "${name}": only vars.<name>, workload, execution_id and job (for a variable write vars.${name})`,
    )
  }
  if (members.get('vars') === 'all')
    faults.push(
      'it must name each variable that it reads, as in vars.processed: all of vars, or a computed name, is not possible',
    )
  if (RANDOM.test(text)) faults.push('it cannot use the filter random: it must give the same for the same variables')
  for (const fault of faults) report(at, `${at.path}: ${fault}`)
  return faults.length === 0
}

/** Nobody else writes a computed variable. */
function checkAssignments(at: Cursor, names: ReadonlySet<string>, steps: readonly Step[]): void {
  for (const field of at.source.assignments) {
    if (names.has(field.name)) reportKey(field, `the variable "${field.name}" is computed: a step cannot set it`)
  }
  const kept = new Set(iteratorVariables(steps))
  for (const field of fieldsOf(at).values()) {
    if (kept.has(field.name)) reportKey(field, `the variable "${field.name}" is an iterator's own, and cannot be computed`)
  }
}

/** Topological order, in that of the block where there is a choice. */
function inOrder(readings: readonly Reading[]): ComputedVariable[] {
  const byName = new Map(readings.map((reading) => [reading.variable.name, reading]))
  const done = new Set<string>()
  const order: ComputedVariable[] = []
  const visit = (reading: Reading, path: readonly string[]): boolean => {
    const { name, dependsOn } = reading.variable
    if (done.has(name)) return true
    const from = path.indexOf(name)
    if (from >= 0) {
      reportKey(
        reading.field,
        `computed variables cannot depend on each other in a circle: ${[...path.slice(from), name].join(' -> ')}`,
      )
      return false
    }
    for (const dependency of dependsOn) {
      const next = byName.get(dependency)
      if (next && !visit(next, [...path, name])) return false
    }
    done.add(name)
    order.push(reading.variable)
    return true
  }
  for (const reading of readings) if (!visit(reading, [])) break
  return order
}
