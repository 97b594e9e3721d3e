import { expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { VariableWrite } from '../../src/commit/record.js'
import { createRotationService, findLostKeys } from '../../src/rotation/service.js'
import { NO_KEYS } from '../../src/sealing/key-ring.js'
import { createVariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { dumpOf } from '../support/dump.js'
import { openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { playbook } from '../support/source.js'
import { newId, set, write } from '../variables/support.js'

describeDatabase('the rotation of keys', (open) => {
  it('seals every table anew in small parts while writes go on, and nothing needs the old key afterwards', async () => {
    const db = await open()
    const old = await openEngine(db, { keyRing: keyRingOf('old') })
    const steps = `
- {step: start, tool: python, args: {k: "{{ workload.key }}"}, code: "def main(k): return k", vars: {token: "{{ result }}"}, next: [{step: hold}]}
- {step: hold, pool: held, tool: python, args: {k: "{{ vars.token }}"}, code: "x", vars: {end: "{{ result }}"}}`
    const source = playbook('rotated', steps, { more: 'sensitive: [token, workload.key]' })
    const started = await old.start(source, { key: 'canary' })
    const task = await old.orchestrator.claim({ pool: 'held', workerId: 'w', waitMs: 60_000 })
    const twice = await old.orchestrator.start({ path: 'test/rotated', workload: { key: 'canary' }, idempotencyKey: 'once' })
    const ids = Array.from({ length: 20 }, newId)
    const before = createVariablesService({ db, bus: createMemoryBus(), keyRing: keyRingOf('old') })
    const secret = (value: number) => ({ ...set('token', value), isSensitive: true }) as VariableWrite
    for (let round = 0; round < 5; round += 1) await Promise.all(ids.map((id) => write(before, id, secret(round))))
    await old.close()

    const both = keyRingOf('new', 'old')
    const service = createVariablesService({ db, bus: createMemoryBus(), keyRing: both })
    const rotation = createRotationService({ db, keyRing: both })
    let isRotating = true
    let written = 5
    const writing = (async () => {
      while (isRotating) {
        await Promise.all(ids.map((id) => write(service, id, set('token', written))))
        written += 1
      }
    })()
    let parts = 0
    let rotated = 0
    for (;;) {
      const part = await rotation.rotate({ to: 'new', limit: 7 })
      parts += 1
      rotated += part.rotated
      expect(part.rotated).toBeLessThanOrEqual(7)
      if (part.isDone) break
    }
    isRotating = false
    await writing
    expect(parts).toBeGreaterThan(10)
    expect(rotated).toBeGreaterThan(100)
    expect(await dumpOf(db)).not.toMatch(/\bold:/)

    const last = createVariablesService({ db, bus: createMemoryBus(), keyRing: keyRingOf('new') })
    for (const id of ids) {
      expect(await last.reveal(id, 'token')).toMatchObject({ value: written - 1 })
      const { items } = await last.history({ executionId: id })
      expect(items.map(({ revision }) => revision)).toEqual(items.map((_, index) => index + 1))
    }
    const engine = await openEngine(db, { keyRing: keyRingOf('new'), processId: 'after' })
    const ticket = { taskId: task?.id ?? '', attempt: 1, token: task?.token ?? '' }
    expect((await engine.orchestrator.heartbeat(ticket)).input).toMatchObject({ args: { k: 'canary' } })
    await engine.orchestrator.complete({ ...ticket, result: 'done' })
    await engine.ended(started.id)
    expect(await last.reveal(started.id, 'end')).toMatchObject({ value: 'done' })
    const again = await engine.orchestrator.start({ path: 'test/rotated', workload: { key: 'canary' }, idempotencyKey: 'once' })
    expect(again.id).toBe(twice.id)
    await engine.close()
  }, 120_000)

  it('refuses a key that is not there, or not the first, and says which keys are lost', async () => {
    const db = await open()
    const rotate = (ring: typeof NO_KEYS, to?: string) => createRotationService({ db, keyRing: ring }).rotate({ to })
    await expect(rotate(NO_KEYS)).rejects.toMatchObject({ code: 'VALIDATION' })
    await expect(rotate(keyRingOf('one'), 'two')).rejects.toMatchObject({ message: expect.stringContaining('does not have it') })
    await expect(rotate(keyRingOf('one', 'two'), 'two')).rejects.toMatchObject({
      message: expect.stringContaining('stands first'),
    })
    const service = createVariablesService({ db, bus: createMemoryBus(), keyRing: keyRingOf('gone') })
    await write(service, newId(), { ...set('token', 1), isSensitive: true } as VariableWrite)
    expect(await rotate(keyRingOf('one'))).toEqual({ keyId: 'one', rotated: 0, isDone: true, lostKeys: ['gone'] })
    expect(await findLostKeys(db, keyRingOf('one'))).toEqual(['gone'])
    expect(await findLostKeys(db, keyRingOf('gone'))).toEqual([])
  })
})
