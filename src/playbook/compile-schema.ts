import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import { fillDefaults } from '../schema/defaults.js'
import { schemaFaults } from '../schema/faults.js'
import { encodeBlock } from '../schema/keywords.js'
import { pointerTo, type SchemaCheck, type SchemaProblem } from '../schema/problem.js'
import { type CompiledDocument, openDocument } from '../schema/validator.js'
import { allSchemas, KEYWORDS, rootsOf } from '../schema/walk.js'
import type { PlaybookSchema } from './model.js'
import { type Cursor, fieldsOf, jsonOf, refuse, report, reportKey } from './reader.js'
import { cursorAt, literalsOf, namesOf, type SchemaReading } from './schema.js'
import { didYouMean, nearest } from './suggest.js'
import { hasTemplate } from './templates.js'

/**
 * Compiles what `readSchema` read, and checks by it what the playbook says of its values before anything runs: defaults, and literals
 * of `workload` and `vars`. Problems go to the source's log; then there is no schema.
 */
export async function compileSchema(reading: SchemaReading): Promise<PlaybookSchema | null> {
  const { block, at } = reading
  const { log, isRegistered } = at.source
  const before = log.errorCount()
  for (const { pointer, message, missing } of await schemaFaults(block, { isExamined: !isRegistered })) {
    report(cursorAt(at, pointer), message + (missing ? didYouMean(missing, namesOf(block, '$defs')) : ''))
  }
  if (log.errorCount() > before) return null
  warnOfKeywords(reading)
  const document = openDocument(encodeBlock(block))
  const checks = {
    workload: block['workload'] === undefined ? null : await document.checkAt('/workload'),
    vars: await checksBelow(document, block, 'vars'),
    results: await checksBelow(document, block, 'results'),
  }
  await checkDefaults(reading, document)
  if (checks.workload) await checkWorkload(reading, document)
  for (const { name, at: literal, value } of literalsOf(reading)) {
    const check = checks.vars.get(name)
    if (check) reportMisfit(literal, `the variable "${name}"`, check(value))
  }
  return { block, names: reading.names, ...checks }
}

/** What keeps forms from being used; said where it stands. */
export async function checkForms(forms: readonly Cursor[]): Promise<void> {
  for (const form of forms) {
    const block = { workload: jsonOf(form) }
    for (const { pointer, message } of await schemaFaults(block, { isExamined: !form.source.isRegistered })) {
      report(cursorAt(form, pointer.replace(/^\/workload/, '')), message)
    }
  }
}

async function checksBelow(document: CompiledDocument, block: JsonObject, key: string): Promise<Map<string, SchemaCheck>> {
  const checks = new Map<string, SchemaCheck>()
  for (const name of namesOf(block, key)) checks.set(name, await document.checkAt(pointerTo(`/${key}`, name)))
  return checks
}

function reportMisfit(cursor: Cursor, what: string, problems: readonly SchemaProblem[]): void {
  for (const { path, message } of problems) {
    refuse(cursorAt(cursor, path), `${what} does not fit its schema${path === '' ? '' : ` at ${path}`}: ${message}`)
  }
}

/** JSON Schema lets any key pass; one that is nearly a keyword is meant to be it. */
function warnOfKeywords({ block, at }: SchemaReading): void {
  for (const { schema, pointer } of rootsOf(block).flatMap((root) => [...allSchemas(root)])) {
    for (const name of isJsonObject(schema) ? Object.keys(schema) : []) {
      const meant = KEYWORDS.includes(name) ? null : nearest(name, KEYWORDS)
      const field = meant === null ? undefined : fieldsOf(cursorAt(at, pointer)).get(name)
      if (field)
        reportKey(
          field,
          `"${name.slice(0, 60)}" is no keyword of JSON Schema, and checks nothing: did you mean "${meant}"?`,
          'warning',
        )
    }
  }
}

/** Each `default` fits the schema that it stands in. */
async function checkDefaults({ block, at }: SchemaReading, document: CompiledDocument): Promise<void> {
  for (const { schema, pointer } of rootsOf(block).flatMap((root) => [...allSchemas(root)])) {
    const given = isJsonObject(schema) ? schema['default'] : undefined
    if (given === undefined) continue
    const cursor = cursorAt(at, pointerTo(pointer, 'default'))
    if (hasTemplate(given))
      report(cursor, 'the default is taken as it stands: a template in it is not rendered; write it into workload', 'warning')
    const check = await document.checkAt(pointer)
    reportMisfit(cursor, 'the default', check(fillDefaults(block, schema, given)))
  }
}

/** What the playbook's own workload gives and is known now; whether it is enough is seen at start. */
async function checkWorkload({ block, workload }: SchemaReading, document: CompiledDocument): Promise<void> {
  if (!workload) return
  const places = propertiesOf(block, '/workload')
  for (const { name, value: cursor } of fieldsOf(workload).values()) {
    const value = jsonOf(cursor)
    if (hasTemplate(value)) continue
    for (const { pointer, schema } of places.get(name) ?? []) {
      const check = await document.checkAt(pointer)
      reportMisfit(cursor, `workload.${name}`, check(fillDefaults(block, schema, value)))
    }
  }
}

interface Place {
  readonly pointer: string
  readonly schema: JsonValue
}

/** The schemas of an object's properties by name, also through references and `allOf`. */
function propertiesOf(block: JsonObject, pointer: string): Map<string, Place[]> {
  const found = new Map<string, Place[]>()
  const all = new Map(rootsOf(block).flatMap((root) => [...allSchemas(root)].map((one) => [one.pointer, one.schema] as const)))
  const visit = (at: string): void => {
    const schema = all.get(at)
    if (!isJsonObject(schema)) return
    const { $ref, allOf } = schema
    if (typeof $ref === 'string' && $ref.startsWith('#/')) visit(decodeURIComponent($ref.slice(1)))
    if (Array.isArray(allOf)) for (const index of allOf.keys()) visit(pointerTo(pointerTo(at, 'allOf'), index))
    for (const name of namesOf(schema, 'properties')) {
      const place = pointerTo(pointerTo(at, 'properties'), name)
      found.set(name, [...(found.get(name) ?? []), { pointer: place, schema: all.get(place) ?? true }])
    }
  }
  visit(pointer)
  return found
}
