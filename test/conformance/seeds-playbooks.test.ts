import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Backend, startBackend } from '../support/backends.js'
import type { ScriptedRoute } from '../support/http-stub.js'
import { findShared } from '../support/paths.js'
import { type ExpectedEnd, type PlaybookCase, playbookFaults } from '../support/playbook-run.js'

interface ExpectedFile {
  readonly workload: unknown
  readonly http: readonly ScriptedRoute[]
  readonly postgres_setup: string | null
  readonly status: string
  readonly error?: Record<string, unknown>
  readonly variables: NonNullable<ExpectedEnd['variables']>
  readonly extra_variables?: boolean
  readonly steps_visited?: readonly string[]
  readonly results?: Record<string, unknown>
}

const folder = findShared('playbooks', 'batch-processor.yaml')
const scenarios =
  folder === null
    ? []
    : readdirSync(folder)
        .filter((file) => file.endsWith('.expected.json'))
        .sort()

function loadCase(folder: string, file: string): PlaybookCase {
  const name = file.replace(/\.expected\.json$/, '')
  const own = join(folder, `${name}.yaml`)
  const playbook = existsSync(own) ? own : join(folder, `${name.replace(/\.[^.]+$/, '')}.yaml`)
  const expected = JSON.parse(readFileSync(join(folder, file), 'utf8')) as ExpectedFile
  return {
    source: readFileSync(playbook, 'utf8'),
    workload: expected.workload,
    http: expected.http,
    postgresSetup: expected.postgres_setup,
    expected: {
      status: expected.status,
      variables: expected.variables,
      ...(expected.error === undefined ? {} : { error: expected.error }),
      ...(expected.extra_variables === undefined ? {} : { extraVariables: expected.extra_variables }),
      ...(expected.steps_visited === undefined ? {} : { steps: expected.steps_visited }),
      ...(expected.results === undefined ? {} : { results: expected.results }),
    },
  }
}

describe.skipIf(folder === null)('the seeds’ playbooks', () => {
  let backend: Backend

  beforeAll(async () => {
    backend = await startBackend('embedded')
  })
  afterAll(async () => {
    await backend?.close()
  })

  it.for(scenarios)('%s', async (file) => {
    if (folder === null) return
    expect(await playbookFaults(backend.server, loadCase(folder, file))).toEqual([])
  })
})
