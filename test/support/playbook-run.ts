import { parse } from 'yaml'
import type { Execution, StepVisit, TransientClient, Variable } from './client.js'
import { type ScriptedRoute, startHttpStub, withStub } from './http-stub.js'
import { matchFault } from './match.js'

/** How a playbook is run and how it must end; see the README beside the shared playbooks. */
export interface PlaybookCase {
  readonly source: string
  readonly workload?: unknown
  readonly http?: readonly ScriptedRoute[]
  readonly postgresSetup?: string | null
  /** Connections on which `postgresSetup` runs. */
  readonly setupConnection?: string
  readonly withinMs?: number
  readonly expected: ExpectedEnd
}

export interface ExpectedEnd {
  readonly status: string
  readonly error?: Record<string, unknown>
  readonly variables?: Record<string, ExpectedVariable>
  readonly extraVariables?: boolean
  readonly steps?: readonly string[]
  readonly results?: Record<string, unknown>
}

type ExpectedVariable = { readonly type?: string; readonly source_step?: string | null } & (
  | { readonly value: unknown }
  | { readonly match: unknown }
)

/** Runs a playbook against a server; answers every departure from what is expected. */
export async function playbookFaults(server: TransientClient, run: PlaybookCase): Promise<string[]> {
  const stub = await startHttpStub(run.http ?? [])
  try {
    if (run.postgresSetup) await runSql(server, run.postgresSetup, run.setupConnection)
    const path = await server.register(run.source)
    const workload = run.workload === undefined ? undefined : withStub(run.workload, stub.url)
    const id = await server.startExecution(path, workload)
    const ended = await server.untilEnded(id, run.withinMs)
    const expected = withStub(run.expected, stub.url)
    const visits = await server.steps(id)
    return [
      ...statusFaults(expected, ended),
      ...variableFaults(expected, await server.variables(id)),
      ...stepFaults({ source: run.source, expected, visits }),
      ...stub.faults(),
    ]
  } finally {
    await stub.close()
  }
}

/** Runs SQL where postgres steps run theirs: by a playbook of one such step. */
async function runSql(server: TransientClient, sql: string, connection = 'default'): Promise<void> {
  const step = { step: 'start', tool: { kind: 'postgres', auth: connection, command: sql } }
  const playbook = {
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name: 'setup', path: 'test/setup' },
    workflow: [step],
  }
  const id = await server.startExecution(await server.register(JSON.stringify(playbook)))
  const ended = await server.untilEnded(id)
  if (ended.status !== 'COMPLETED') throw new Error(`postgres_setup failed: ${JSON.stringify(ended.error)}`)
}

function statusFaults(expected: ExpectedEnd, ended: Execution): string[] {
  const faults: string[] = []
  if (ended.status.toLowerCase() !== expected.status) {
    faults.push(`status: expected ${expected.status}, got ${ended.status} (${JSON.stringify(ended.error)})`)
  }
  for (const [field, value] of Object.entries(expected.error ?? {})) {
    const fault = matchFault(value, (ended.error as Record<string, unknown> | null)?.[field])
    if (fault !== null) faults.push(`error.${field}: ${fault}`)
  }
  return faults
}

function variableFaults(expected: ExpectedEnd, actual: Record<string, Variable>): string[] {
  const wanted = expected.variables
  if (wanted === undefined) return []
  const unexpected = Object.keys(actual).filter((name) => !Object.hasOwn(wanted, name))
  const faults = expected.extraVariables ? [] : unexpected.map((name) => `variable ${name} is not expected`)
  for (const [name, variable] of Object.entries(wanted)) {
    const there = actual[name]
    if (there === undefined) {
      faults.push(`variable ${name} is missing`)
      continue
    }
    const rule = 'match' in variable ? { match: variable.match } : variable.value
    const checks = [
      ['value', matchFault(rule, there.value)],
      ['type', variable.type === undefined ? null : matchFault(variable.type, there.type)],
      ['source_step', variable.source_step === undefined ? null : matchFault(variable.source_step, there.source_step)],
    ] as const
    for (const [field, fault] of checks) if (fault !== null) faults.push(`variable ${name}, ${field}: ${fault}`)
  }
  return faults
}

interface Visited {
  readonly source: string
  readonly expected: ExpectedEnd
  readonly visits: readonly StepVisit[]
}

function definesEnd(source: string): boolean {
  const { workflow } = parse(source) as { workflow: { step?: string }[] }
  return workflow.some(({ step }) => step === 'end')
}

function stepFaults({ source, expected, visits }: Visited): string[] {
  const faults: string[] = []
  if (expected.steps !== undefined) {
    // `end` needs no definition, and counts as a visit only where it has one.
    const isCounted = (step: string): boolean => step !== 'end' || definesEnd(source)
    const fault = matchFault(expected.steps.filter(isCounted), visits.map(({ step }) => step).filter(isCounted))
    if (fault !== null) faults.push(`steps: ${fault}`)
  }
  for (const [step, result] of Object.entries(expected.results ?? {})) {
    const last = visits.filter((visit) => visit.step === step).at(-1)
    const fault = last === undefined ? 'the step was not visited' : matchFault(result, last.result)
    if (fault !== null) faults.push(`result of ${step}: ${fault}`)
  }
  return faults
}
