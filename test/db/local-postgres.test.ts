import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findBinaries, libraryPath } from '../../src/db/local/binaries.js'
import { type LocalPostgres, startLocalPostgres } from '../../src/db/local/local-postgres.js'
import { takeProcessLock } from '../../src/db/process-lock.js'
import { within } from '../support/pace.js'
import { ROOT } from '../support/paths.js'

let dataDir: string
const opened: LocalPostgres[] = []
const said: string[] = []
const onLost = vi.fn<(error: Error) => void>()

async function start(folder = dataDir): Promise<LocalPostgres> {
  const log = { info: (text: string) => said.push(text), warn: (text: string) => said.push(text) }
  const local = await startLocalPostgres({ dataDir: folder, log, onLost })
  opened.push(local)
  return local
}

async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}

const pidOf = (folder = dataDir) => Number(readFileSync(join(folder, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'transient-local-'))
  said.length = 0
  onLost.mockClear()
})
afterEach(async () => {
  for (const local of opened.splice(0)) await local.close()
  rmSync(dataDir, { recursive: true, force: true })
})

describe('PostgreSQL in the data folder', { timeout: within(60_000) }, () => {
  test('is made at the first start, kept over a restart, and gone with the server', async () => {
    const first = await start()
    await ask(first.url, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)')
    expect(await ask(first.url, `SELECT current_setting('fsync') AS f, current_setting('listen_addresses') AS l`)).toEqual([
      { f: 'on', l: '' },
    ])
    const pid = pidOf()
    await first.close()
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    expect(await ask((await start()).url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
  })

  test('is refused to a second server, which is told the name of the first', async () => {
    const { url } = await start()
    const lock = await takeProcessLock({ databaseUrl: url, isShared: false, onLost: () => undefined })
    await expect(start()).rejects.toThrow(new RegExp(`in use by transient .+:${process.pid}: stop that process, or give`))
    await lock.release()
  })

  test('of servers that start at once on a new folder one runs, and no other takes its database away', async () => {
    const starts = await Promise.allSettled(
      [0, 1, 2].map(async () => {
        const local = await start()
        return takeProcessLock({ databaseUrl: local.url, isShared: false, onLost: () => undefined })
      }),
    )
    const running = starts.filter((result) => result.status === 'fulfilled')
    expect(running).toHaveLength(1)
    for (const result of starts) if (result.status === 'rejected') expect(String(result.reason)).toMatch(/in use by transient/)
    expect(await ask(opened[0]?.url ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    for (const { value } of running) await value.release()
  })

  test('is started again when its process dies, and what was committed is there', async () => {
    const { url } = await start()
    await ask(url, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)')
    const pid = pidOf()
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(async () => expect(await ask(url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]), {
      timeout: within(30_000),
      interval: 100,
    })
    expect(pidOf()).not.toBe(pid)
    expect(said.some((text) => text.includes('ended and is started again'))).toBe(true)
    expect(onLost).not.toHaveBeenCalled()
  })

  test('ends with a server that is killed, and the next start works at once', async () => {
    const script = `
      import { startLocalPostgres } from ${JSON.stringify(join(ROOT, 'src/db/local/local-postgres.ts'))}
      const log = { info() {}, warn() {} }
      const local = await startLocalPostgres({ dataDir: process.argv[1], log, onLost() {} })
      console.log(local.url)
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, dataDir], { cwd: ROOT })
    const url = await new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text).trim())))
    await ask(url, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)')
    const pid = pidOf()
    child.kill('SIGKILL')
    await vi.waitFor(() => expect(existsSync(`/proc/${pid}`)).toBe(false), { timeout: within(5_000), interval: 50 })
    expect(await ask((await start()).url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
  })

  test('keeps what postgres steps do in a database of their own', async () => {
    const { url, stepsUrl } = await start()
    await ask(stepsUrl, 'CREATE TABLE mine (n int)')
    const other = new URL(stepsUrl)
    other.pathname = new URL(url).pathname
    await expect(ask(other.href, 'SELECT 1')).rejects.toThrow(/permission denied for database/)
    for (const statement of [
      `COPY (SELECT 1) TO PROGRAM 'cat'`,
      `COPY mine FROM '/etc/passwd'`,
      `SELECT pg_read_file('/etc/passwd')`,
      'CREATE ROLE x SUPERUSER',
      `ALTER SYSTEM SET fsync = off`,
    ]) {
      await expect(ask(stepsUrl, statement), statement).rejects.toThrow(/permission denied/)
    }
  })

  test('answers a query that asks for all memory with an error, and goes on', async () => {
    const { stepsUrl } = await start()
    const greedy = `SELECT array_length(array_agg(repeat(n::text, 1000) || random()), 1) FROM generate_series(1, 10000000) AS n`
    await expect(ask(stepsUrl, greedy)).rejects.toThrow(/out of memory|array size exceeds/)
    await expect(ask(stepsUrl, `SELECT ${'1+'.repeat(100_000)}1 AS n`)).rejects.toThrow(/stack depth|memory/)
    expect(await ask(stepsUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('listens in a temporary folder where the path of its socket is too long', async () => {
    const long = join(dataDir, 'x'.repeat(100))
    const { url, close } = await start(long)
    expect(url).not.toContain('xxx')
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await close()
    expect(existsSync(decodeURIComponent(new URL(url).hostname))).toBe(false)
  })

  test('starts as an ordinary user, too', async () => {
    if (process.getuid?.() !== 0) return
    await chmod(dataDir, 0o777)
    const script = `
      import { startLocalPostgres } from ${JSON.stringify(join(ROOT, 'src/db/local/local-postgres.ts'))}
      const log = { info() {}, warn() {} }
      const local = await startLocalPostgres({ dataDir: process.argv[1], log, onLost() {} })
      await local.close()
      console.log('closed')`
    const options = { cwd: ROOT, uid: 65_534, gid: 65_534, env: { ...process.env, HOME: dataDir, TMPDIR: dataDir } }
    const run = promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script, join(dataDir, 'own')],
      options,
    )
    expect((await run).stdout).toBe('closed\n')
  })

  test('finds its libraries where npm ran no install script', async () => {
    const { postgres } = await findBinaries(join(dataDir, 'lib'))
    const [from, copy] = [join(postgres, '../../..'), join(dataDir, 'package')]
    cpSync(from, copy, { recursive: true, filter: (path) => !lstatSync(path).isSymbolicLink() })
    const run = (env: Record<string, string>) => promisify(execFile)(join(copy, 'native/bin/initdb'), ['--version'], { env })
    await expect(run({})).rejects.toThrow(/Command failed/)
    expect((await run(await libraryPath(copy, join(dataDir, 'lib')))).stdout).toContain('18')
  })

  test('names a folder that cannot be made', async () => {
    const file = join(dataDir, 'file')
    writeFileSync(file, '')
    for (const folder of [file, join(file, 'below')]) await expect(start(folder)).rejects.toThrow(`${folder} (DATA_DIR)`)
  })

  test('says what is wrong with a folder, and changes nothing there', async () => {
    mkdirSync(join(dataDir, 'postgres'))
    await expect(start()).rejects.toThrow(
      /is not a database of this server .+restore it from a backup, or give the server another DATA_DIR/,
    )
    mkdirSync(join(dataDir, 'postgres/data'))
    writeFileSync(join(dataDir, 'postgres/data/PG_VERSION'), '15\n')
    await expect(start()).rejects.toThrow(/was made by PostgreSQL 15, and this version of the server brings 18/)
    writeFileSync(join(dataDir, 'postgres/data/PG_VERSION'), '18\n')
    await expect(start()).rejects.toThrow(/is damaged \(the file password cannot be read\)/)
    writeFileSync(join(dataDir, 'postgres/password'), 'x')
    await expect(start()).rejects.toThrow(/PostgreSQL did not start: /)
    rmSync(join(dataDir, 'postgres'), { recursive: true })
    mkdirSync(join(dataDir, 'db'))
    writeFileSync(join(dataDir, 'db/PG_VERSION'), '17\n')
    await expect(start()).rejects.toThrow(/holds a database of version 0.1.+CHANGELOG.md/)
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
  })
})
