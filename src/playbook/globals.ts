import { DEFAULT_SPACE, isSpaceName, SPACE_NAMES } from '../core/space.js'
import { referencesOf } from '../template/index.js'
import { describeKind, type Field, fieldsOf, jsonOf, report, textOf } from './reader.js'

/** Reads the root's `globals`: the space that `globals.<name>` means. */
export function readSpace(field: Field | null): string {
  if (!field) return DEFAULT_SPACE
  const name = textOf(field.value)
  if (name !== null && isSpaceName(name)) return name
  const found = name === null ? describeKind(field.value) : `"${name.slice(0, 60)}"`
  report(field.value, `globals must be the name of a space, such as billing/prod (${SPACE_NAMES}), not ${found}`)
  return DEFAULT_SPACE
}

/** What is evaluated before there is a step cannot read a space. */
export function checkWorkload(workload: Field | null): void {
  if (!workload) return
  for (const { name, value } of fieldsOf(workload.value).values()) {
    if (!referencesOf(jsonOf(value)).roots.has('globals')) continue
    report(value, `workload.${name} reads globals, which steps can read, and a workload cannot: read it in a step`)
  }
}
