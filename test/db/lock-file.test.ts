import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { acquireLockFile } from '../../src/db/lock-file.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transient-lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const lockText = () => readFile(join(folder, 'lock'), 'utf8')
const writeLock = (content: string) => writeFile(join(folder, 'lock'), content)

/** Runs until killed; its pid is alive meanwhile. */
async function startProcess() {
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("up"); setInterval(() => {}, 1000)'])
  await once(child.stdout, 'data')
  return child
}

test('the lock holds our pid and is gone after release', async () => {
  const release = await acquireLockFile(folder)
  expect(JSON.parse(await lockText())).toMatchObject({ pid: process.pid })
  await release()
  await expect(lockText()).rejects.toThrow('ENOENT')
  await release()
})

test('the same process is refused a second time', async () => {
  const release = await acquireLockFile(folder)
  await expect(acquireLockFile(folder)).rejects.toThrow(`in use by process ${process.pid}`)
  await release()
  await (await acquireLockFile(folder))()
})

test("another process that lives is refused with its pid; a dead one's lock is taken over", async () => {
  const child = await startProcess()
  await writeLock(JSON.stringify({ pid: child.pid, startedAt: null, nonce: 'n' }))
  await expect(acquireLockFile(folder)).rejects.toThrow(
    `in use by process ${child.pid}: stop that process, or give this one another folder`,
  )
  child.kill('SIGKILL')
  await once(child, 'exit')
  const release = await acquireLockFile(folder)
  expect(JSON.parse(await lockText())).toMatchObject({ pid: process.pid })
  await release()
})

test.skipIf(process.platform !== 'linux')('a lock whose pid now belongs to another process is taken over', async () => {
  const child = await startProcess()
  await writeLock(JSON.stringify({ pid: child.pid, startedAt: 'another-boot:1', nonce: 'n' }))
  await (await acquireLockFile(folder))()
  child.kill('SIGKILL')
})

test('a lock of our own pid that we do not hold is stale: in a container every process may be pid 1', async () => {
  await writeLock(JSON.stringify({ pid: process.pid, startedAt: null, nonce: 'n' }))
  await (await acquireLockFile(folder))()
})

test('a lock that was never written to its end is taken over', async () => {
  for (const content of ['', '{"pid": 12', '{}', '[]']) {
    await writeLock(content)
    await (await acquireLockFile(folder))()
  }
})

test('of many that find a stale lock, one gets it', async () => {
  for (let round = 0; round < 20; round += 1) {
    await writeLock(JSON.stringify({ pid: 2 ** 30, startedAt: null, nonce: `n${round}` }))
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLockFile(folder)))
    const taken = results.filter((result) => result.status === 'fulfilled')
    expect(taken).toHaveLength(1)
    await taken[0]?.value()
  }
})

test('the guard of a takeover that never ended is given up', async () => {
  await writeLock(JSON.stringify({ pid: 2 ** 30, startedAt: null, nonce: 'n' }))
  const guard = join(folder, 'lock.takeover')
  await writeFile(guard, '')
  await utimes(guard, new Date(0), new Date(0))
  await (await acquireLockFile(folder))()
})

test('releasing does not remove a lock that another process took over', async () => {
  const release = await acquireLockFile(folder)
  await writeLock(JSON.stringify({ pid: 1, startedAt: null, nonce: 'other' }))
  await release()
  expect(await lockText()).toContain('other')
})
