import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { createNatsBus, type StepBus, type TaskRef } from '../../src/bus/index.js'
import { findNats, hasNatsServer, startOldNats, startTestNats, type TestNats, uniquePrefix } from '../support/nats.js'
import { WAIT, within } from '../support/pace.js'
import { freePort } from '../support/server.js'
import { testStepBus } from './suite.js'

/** Of the two processes: tasks run longer than this. */
const LEASE_MS = within(600)
const url = await findNats()

if (url === null) {
  test.skip('NOT RUN: no NATS with JetStream is reachable; set TEST_NATS_URL to run the bus there', () => undefined)
} else {
  const { prefix, remove } = uniquePrefix(url)
  afterAll(remove)
  testStepBus('NATS', () => createNatsBus({ url, prefix, leaseMs: within(2000) }))
  twoProcesses(() => createNatsBus({ url, prefix, leaseMs: LEASE_MS }))
}

if (hasNatsServer) {
  brokenServers()
} else {
  test.skip('NOT RUN: no nats-server on this machine, so that none could be killed', () => undefined)
}

const task = (id: string, pool = 'default'): TaskRef => ({ id, executionId: '7', pool })

function twoProcesses(open: () => Promise<StepBus>): void {
  describe('two processes on one NATS', () => {
    const buses: StepBus[] = []
    afterEach(() => Promise.all(buses.splice(0).map((bus) => bus.close())))
    const openTwo = async (): Promise<[StepBus, StepBus]> => {
      const pair: [StepBus, StepBus] = [await open(), await open()]
      buses.push(...pair)
      return pair
    }

    test('a task is run by one of them, a hint is heard by both, once', async () => {
      const [one, two] = await openTwo()
      const handler = vi.fn(async (_task: TaskRef) => undefined)
      const heard: string[] = []
      one.onHint('7', ({ revision }) => heard.push(`one ${revision}`))
      two.onHint('7', ({ revision }) => heard.push(`two ${revision}`))
      two.onHint('*', ({ executionId }) => heard.push(`two all ${executionId}`))
      for (const bus of [one, two]) bus.consume('shared', { concurrency: 2 }, handler)
      await Promise.all([one.ensure(task('7-1-1', 'shared')), two.ensure(task('7-1-1', 'shared'))])
      await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(1), WAIT)
      await two.health()
      one.hint({ executionId: '7', revision: 5, eventSeq: 9 })
      await vi.waitFor(() => expect(heard.length).toBeGreaterThanOrEqual(3), WAIT)
      await sleep(100)
      expect(heard.sort()).toEqual(['one 5', 'two 5', 'two all 7'])
      expect(handler).toHaveBeenCalledTimes(1)
    })

    test('a withdrawn task is told to the other process, not to the own', async () => {
      const [one, two] = await openTwo()
      const told: string[] = []
      one.onWithdrawn((id) => told.push(`one ${id}`))
      const stop = two.onWithdrawn((id) => told.push(`two ${id}`))
      await two.health()
      await one.withdraw('7-9-1')
      await vi.waitFor(() => expect(told).toEqual(['two 7-9-1']), WAIT)
      stop()
      await one.withdraw('7-9-2')
      await two.health()
      await sleep(100)
      expect(told).toEqual(['two 7-9-1'])
    })

    test('a task that runs longer than the lease stays with its process, though it is ensured again', async () => {
      const [one, two] = await openTwo()
      let calls = 0
      const handler = async () => {
        calls += 1
        await sleep(4 * LEASE_MS)
      }
      for (const bus of [one, two]) bus.consume('long', { concurrency: 1 }, handler)
      await one.ensure(task('7-2-1', 'long'))
      await vi.waitFor(() => expect(calls).toBe(1), WAIT)
      await Promise.all([one.ensure(task('7-2-1', 'long')), two.ensure(task('7-2-1', 'long'))])
      await sleep(3 * LEASE_MS)
      expect(calls).toBe(1)
    })

    test('what is on its way to a consumer that stops is given to another at once, not after the lease', async () => {
      const [one, two] = await openTwo()
      const ids = Array.from({ length: 40 }, (_, index) => `7-5-${index}`)
      for (let round = 0; round < 5; round += 1) {
        const pool = `stopping-${round}`
        const seen = new Set<string>()
        const note = async ({ id }: TaskRef) => void seen.add(id)
        const stop = one.consume(pool, { concurrency: ids.length }, note)
        await one.ensure(task('7-4-1', pool))
        await vi.waitFor(() => expect(seen.size).toBe(1), WAIT)
        const offered = Promise.all(ids.map((id) => two.ensure(task(id, pool))))
        await sleep(round)
        await stop()
        await offered
        const startedAt = performance.now()
        two.consume(pool, { concurrency: ids.length }, note)
        await vi.waitFor(() => expect(seen.size).toBe(ids.length + 1), { ...WAIT, interval: 5 })
        expect(performance.now() - startedAt).toBeLessThan(LEASE_MS / 2)
      }
    })

    test('a task whose handler rejected is offered again by itself', async () => {
      const [one] = await openTwo()
      let calls = 0
      one.consume('again', { concurrency: 1 }, async () => {
        calls += 1
        if (calls === 1) throw new Error('the worker stumbled')
      })
      await one.ensure(task('7-3-1', 'again'))
      await vi.waitFor(() => expect(calls).toBe(2), WAIT)
    })

    test('names that would reach beyond their subject are refused', async () => {
      const [one] = await openTwo()
      await expect(one.ensure(task('7-4-1', 'a.b'))).rejects.toMatchObject({ code: 'VALIDATION' })
      await expect(one.ensure(task('>', 'default'))).rejects.toMatchObject({ code: 'VALIDATION' })
      await expect(one.withdraw('*')).rejects.toMatchObject({ code: 'VALIDATION' })
    })
  })
}

function brokenServers(): void {
  describe('a NATS server that breaks', () => {
    const servers: TestNats[] = []
    const buses: StepBus[] = []
    afterEach(async () => {
      await Promise.all(buses.splice(0).map((bus) => bus.close()))
      await Promise.all(servers.splice(0).map((server) => server.close()))
    })
    const server = async (options = {}) => {
      const started = await startTestNats(options)
      servers.push(started)
      return started
    }

    test('is refused without JetStream, and where nothing answers', async () => {
      const { url: bare } = await server({ hasJetStream: false })
      await expect(createNatsBus({ url: bare, leaseMs: within(1000) })).rejects.toThrow(/without JetStream.*-js/)
      await expect(createNatsBus({ url: 'nats://127.0.0.1:1', leaseMs: within(1000), connectMs: 300 })).rejects.toThrow(
        /NATS_URL/,
      )
    })

    test('is waited for while its cluster has no leader', async () => {
      const ports = await Promise.all([freePort(), freePort(), freePort()])
      const routes = ports.map((port) => `nats://127.0.0.1:${port}`)
      const member = (index: number) => ({
        args: ['--name', `n${index}`, '--cluster_name', 'three', '--cluster', routes[index] ?? '', '--routes', routes.join()],
      })
      const first = await server(member(0))
      let isOpen = false
      const opening = createNatsBus({ url: first.url, leaseMs: within(1000), replicas: 3, connectMs: within(20_000) }).then(
        (bus) => {
          isOpen = true
          buses.push(bus)
          return bus
        },
      )
      await sleep(3000)
      expect(isOpen).toBe(false)
      await Promise.all([server(member(1)), server(member(2))])
      expect(await (await opening).health()).toMatchObject({ isHealthy: true })
    })

    test.each(['2.9.1', '2.8.4', '1.4.1-beta'])('is refused when it is NATS %s', async (version) => {
      const old = await startOldNats(version)
      const refusal = new RegExp(`NATS ${version} is too old: version 2.9.2 or later is needed`)
      try {
        await expect(createNatsBus({ url: old.url, leaseMs: within(1000), connectMs: within(1000) })).rejects.toThrow(refusal)
      } finally {
        await old.close()
      }
    })

    test('makes its stream again when someone deleted it', async () => {
      const nats = await server()
      const bus = await createNatsBus({ url: nats.url, leaseMs: within(1000) })
      buses.push(bus)
      const seen: string[] = []
      bus.consume('default', { concurrency: 1 }, async ({ id }) => {
        seen.push(id)
      })
      await bus.ensure(task('7-1-1'))
      await vi.waitFor(() => expect(seen).toEqual(['7-1-1']), WAIT)
      const connection = await connect({ servers: nats.url.replace('nats://', '') })
      await (await jetstreamManager(connection)).streams.delete('STEPS')
      await connection.close()
      await bus.ensure(task('7-1-2'))
      await vi.waitFor(() => expect(seen).toEqual(['7-1-1', '7-1-2']), WAIT)
    })

    test('is waited for; its storage may be gone; tasks are offered again', { timeout: within(30_000) }, async () => {
      const nats = await server()
      const onError = vi.fn()
      const bus = await createNatsBus({ url: nats.url, leaseMs: within(1000), onError })
      buses.push(bus)
      const seen: string[] = []
      const heard = vi.fn()
      bus.onHint('7', heard)
      bus.consume('default', { concurrency: 2 }, async ({ id }) => {
        seen.push(id)
      })
      await bus.ensure(task('7-1-1'))
      await vi.waitFor(() => expect(seen).toEqual(['7-1-1']), WAIT)
      await nats.kill()
      nats.wipe()
      await vi.waitFor(async () => expect(await bus.health()).toMatchObject({ isHealthy: false }), WAIT)
      const startedAt = performance.now()
      await expect(bus.ensure(task('7-1-2'))).rejects.toMatchObject({ code: 'OVERLOADED' })
      expect(performance.now() - startedAt).toBeLessThan(within(500))
      bus.hint({ executionId: '7', revision: 1, eventSeq: 1 })
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), WAIT)
      await nats.start()
      await vi.waitFor(async () => {
        await bus.ensure(task('7-1-2'))
        expect(seen).toContain('7-1-2')
      }, WAIT)
      expect(await bus.health()).toMatchObject({ isHealthy: true })
      expect(onError).toHaveBeenCalled()
    })
  })
}
