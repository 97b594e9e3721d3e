import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { upsertStatement } from './yardstick-sql.js'

const DEBIAN = '/usr/lib/postgresql'

/** The newest pgbench of Debian's postgresql packages, or null. */
export function findPgbench(): string | null {
  if (!existsSync(DEBIAN)) return null
  const programs = readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin/pgbench'))
  return programs.filter((program) => existsSync(program)).at(-1) ?? null
}

interface PgbenchRequest {
  readonly program: string
  readonly databaseUrl: string
  readonly clients: number
  readonly seconds: number
  readonly executions: number
  readonly names: number
}

export interface PgbenchReport {
  readonly perSecond: number
  /** Mean, in milliseconds. */
  readonly latency: number
}

/** Runs the yardstick statement, prepared, on so many connections. */
export async function runPgbench({
  program,
  databaseUrl,
  clients,
  seconds,
  executions,
  names,
}: PgbenchRequest): Promise<PgbenchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'transient-pgbench-'))
  try {
    const script = join(folder, 'upsert.sql')
    const draws = `\\set e random(1, ${executions})\n\\set n random(1, ${names})\n\\set v random(1, 1000000000)\n`
    await writeFile(script, `${draws}${upsertStatement({ execution: ':e', name: ':n', value: ':v' }).replaceAll('\n', ' ')};\n`)
    const options = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '1', '-T', String(seconds), '-f', script]
    const { stdout } = await promisify(execFile)(program, [...options, databaseUrl])
    const figure = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1])
    return { perSecond: figure(/tps = ([\d.]+)/), latency: figure(/latency average = ([\d.]+)/) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
