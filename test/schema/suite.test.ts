import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type JsonValue, parseJson } from '../../src/core/json.js'
import { encodeSchema } from '../../src/schema/keywords.js'
import { openDocument } from '../../src/schema/validator.js'
import { ROOT } from '../support/paths.js'

interface Group {
  readonly description: string
  readonly schema: JsonValue
  readonly tests: readonly { readonly description: string; readonly data: JsonValue; readonly valid: boolean }[]
}

const FOLDER = join(ROOT, 'test', 'schema', 'suite')
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith('.json'))

/** Cases that are left out, for that reason alone. */
const REMOTE = 59

/** Needs documents of another server: a schema of a playbook has local references alone. */
function isRemote(file: string, { schema }: Group): boolean {
  return file === 'refRemote.json' || JSON.stringify(schema).includes('localhost:1234')
}

function groupsOf(file: string): Group[] {
  return parseJson(readFileSync(join(FOLDER, file), 'utf8')) as unknown as Group[]
}

async function verdictsOf({ schema, tests }: Group): Promise<boolean[]> {
  const check = await openDocument(encodeSchema(schema)).checkAt('')
  return tests.map(({ data }) => check(data).length === 0)
}

describe('the official test suite, draft 2020-12, what is required', () => {
  it('has all of its cases', () => {
    const cases = FILES.flatMap((file) => groupsOf(file).flatMap((group) => group.tests))
    expect(cases).toHaveLength(1176)
    const remote = FILES.flatMap((file) => groupsOf(file).filter((group) => isRemote(file, group)))
    expect(remote.flatMap((group) => group.tests)).toHaveLength(REMOTE)
  })

  for (const file of FILES) {
    const groups = groupsOf(file).filter((group) => !isRemote(file, group))
    it.each(groups)(`${file}: $description`, async (group) => {
      expect(await verdictsOf(group)).toEqual(group.tests.map(({ valid }) => valid))
    })
  }
})
