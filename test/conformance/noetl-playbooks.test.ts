import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Backend, startBackend } from '../support/backends.js'
import type { ScriptedRoute } from '../support/http-stub.js'
import { findShared } from '../support/paths.js'
import { type ExpectedEnd, playbookFaults } from '../support/playbook-run.js'

interface IndexEntry {
  readonly file: string
  readonly needs: {
    readonly postgres?: boolean
    readonly postgres_setup?: string
    readonly http?: readonly ScriptedRoute[]
    readonly workload?: unknown
  }
  readonly expected_status: 'completed' | 'failed' | 'invalid' | 'unknown'
  readonly feature?: readonly string[]
  readonly expected_error?: Record<string, unknown>
  readonly expected_variables?: NonNullable<ExpectedEnd['variables']>
  readonly expected_steps?: readonly string[]
  readonly expected_results?: Record<string, unknown>
}

interface Problem {
  readonly severity: string
  readonly message: string
  readonly line: number
}

const VALIDATE = 'query ($source: String!) { validatePlaybook(source: $source) { valid problems { severity message line } } }'
const REGISTER = 'mutation ($source: String!) { registerPlaybook(source: $source) { path } }'

const folder = findShared('noetl-playbooks', 'index.json')
const entries = folder === null ? [] : (JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as IndexEntry[])
const invalid = entries.filter((entry) => entry.expected_status === 'invalid')
const running = entries.filter((entry) => ['completed', 'failed'].includes(entry.expected_status))

const read = (file: string): string => readFileSync(join(folder ?? '', file), 'utf8')

function expectedEnd(entry: IndexEntry): ExpectedEnd {
  return {
    status: entry.expected_status,
    ...(entry.expected_error === undefined ? {} : { error: entry.expected_error }),
    ...(entry.expected_variables === undefined ? {} : { variables: entry.expected_variables }),
    ...(entry.expected_steps === undefined ? {} : { steps: entry.expected_steps }),
    ...(entry.expected_results === undefined ? {} : { results: entry.expected_results }),
  }
}

describe.skipIf(folder === null)('a sample of NoETL’s playbooks', () => {
  let backend: Backend

  beforeAll(async () => {
    backend = await startBackend('embedded', { hasConnections: true })
  })
  afterAll(async () => {
    await backend?.close()
  })

  it.for(running.map((entry) => [entry.file, entry] as const))('%s', async ([_file, entry]) => {
    const { http, workload, postgres_setup: postgresSetup } = entry.needs
    const faults = await playbookFaults(backend.server, {
      source: read(entry.file),
      expected: expectedEnd(entry),
      ...(http === undefined ? {} : { http }),
      ...(workload === undefined ? {} : { workload }),
      ...(postgresSetup === undefined ? {} : { postgresSetup }),
    })
    expect(faults).toEqual([])
  })

  it.for(invalid.map((entry) => [entry.file, entry] as const))('%s is refused', async ([_file, entry]) => {
    const source = read(entry.file)
    const { validatePlaybook } = await backend.server.query<{ validatePlaybook: { valid: boolean; problems: Problem[] } }>(
      VALIDATE,
      {
        source,
      },
    )
    expect(validatePlaybook.valid).toBe(false)
    const errors = validatePlaybook.problems.filter(({ severity }) => severity === 'ERROR')
    for (const word of entry.feature ?? []) {
      const naming = errors.filter(({ message }) => new RegExp(`\\b${word}\\b`).test(message))
      expect(naming, `a problem that names "${word}" among ${JSON.stringify(errors)}`).not.toEqual([])
      for (const { line } of naming) expect(source.split('\n')[line - 1]).toContain(word)
    }
    const registered = await backend.server.graphql(REGISTER, { source })
    expect(registered.errors[0]?.extensions?.code).toBe('PLAYBOOK_INVALID')
  })
})
