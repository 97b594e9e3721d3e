import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { describeDatabase } from '../support/database.js'
import { WAIT, within } from '../support/pace.js'
import { type Receiver, startReceiver } from '../support/webhooks.js'
import { increment, newId, set, write } from '../variables/support.js'
import { about, type Bench, openBench } from './support.js'

const answering =
  (status: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end()

describeDatabase('receivers that fail', (open) => {
  let bench: Bench
  const receivers: Receiver[] = []
  beforeAll(async () => {
    bench = await openBench(await open())
  })
  afterAll(async () => {
    await bench?.webhooks.sender.stop()
    await bench?.webhooks.close()
    for (const receiver of receivers) await receiver.close()
  })

  async function receive(answer?: Receiver['answer']): Promise<Receiver> {
    const receiver = await startReceiver(answer)
    receivers.push(receiver)
    return receiver
  }

  const state = async (id: string) => (await bench.webhooks.service.list()).find((hook) => hook.id === id)

  it('500: later and later, each time the same request, and then all that came meanwhile', async () => {
    const receiver = await receive(answering(500))
    const hook = await bench.create(receiver.url)
    const id = newId()
    await write(bench.variables, id, set('n', 0))
    for (const [index, seconds] of [5, 30, 120, 600, 3600, 3600].entries()) {
      await vi.waitFor(async () => expect((await bench.row(hook.id, id)).attempts).toBe(index + 1), WAIT)
      const row = await bench.row(hook.id, id)
      expect(row).toMatchObject({ status: 500, error: 'the receiver answered 500', delivered: 0, isLeased: false })
      expect(row.inSeconds).toBeGreaterThan(seconds - 4)
      expect(row.inSeconds).toBeLessThanOrEqual(seconds)
      await write(bench.variables, id, increment('n'))
      await bench.hurry(hook.id)
    }
    await vi.waitFor(() => expect(about(receiver, id)).toHaveLength(7), WAIT)
    const tries = about(receiver, id)
    expect(new Set(tries.map(({ text }) => text)).size).toBe(1)
    expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    receiver.answer = answering(200)
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).isLeased).toBe(false), WAIT)
    await bench.hurry(hook.id)
    await vi.waitFor(
      async () => expect(await bench.row(hook.id, id)).toMatchObject({ delivered: 7, attempts: 0, error: null }),
      WAIT,
    )
    const [last, rest] = about(receiver, id).slice(-2)
    expect(last?.headers['webhook-id']).toBe(tries[0]?.headers['webhook-id'])
    expect(rest?.body).toMatchObject({ from_revision: 2, to_revision: 7 })
    expect(rest?.headers['webhook-id']).not.toBe(last?.headers['webhook-id'])
  })

  it('after three days it is given up, and the next change tries again, with all that is missing', async () => {
    const receiver = await receive(answering(500))
    const hook = await bench.create(receiver.url)
    const id = newId()
    await write(bench.variables, id, set('n', 0))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).attempts).toBe(1), WAIT)
    await bench.db.run(
      `UPDATE transient.webhook_delivery SET first_failed_at = now() - interval '73 hours' WHERE webhook_id = $1::text`,
      hook.id,
    )
    await bench.hurry(hook.id)
    await vi.waitFor(async () => expect(await bench.row(hook.id, id)).toMatchObject({ attempts: 2, inSeconds: null }), WAIT)
    receiver.answer = answering(200)
    await write(bench.variables, id, increment('n'))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).delivered).toBe(2), WAIT)
    expect(
      about(receiver, id)
        .slice(-2)
        .map(({ body }) => [body.from_revision, body.to_revision]),
    ).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  it('one that died is found again', async () => {
    const receiver = await receive()
    const hook = await bench.create(receiver.url)
    const id = newId()
    await receiver.close()
    await write(bench.variables, id, set('n', 0))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).attempts).toBe(1), WAIT)
    expect((await bench.row(hook.id, id)).error).toMatch(/could not connect to 127\.0\.0\.1:\d+: the connection was refused/)
    await receiver.reopen()
    // By itself, five seconds later.
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).delivered).toBe(1), WAIT)
  })

  it('one that hangs has ten seconds', async () => {
    const receiver = await receive(() => undefined)
    const hook = await bench.create(receiver.url)
    const id = newId()
    const began = performance.now()
    await write(bench.variables, id, set('n', 0))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).error).toBe('no answer after 10 s'), WAIT)
    expect(performance.now() - began).toBeGreaterThan(9_900)
    expect(about(receiver, id)).toHaveLength(1)
  })

  it('302: not followed', async () => {
    const elsewhere = await receive()
    const receiver = await receive(answering(302, { location: elsewhere.url }))
    const hook = await bench.create(receiver.url)
    const id = newId()
    await write(bench.variables, id, set('n', 0))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).attempts).toBe(1), WAIT)
    expect((await bench.row(hook.id, id)).error).toContain('answered 302: redirects are not followed')
    expect(elsewhere.received).toEqual([])
  })

  it('410: disabled, and it says so; resumed, it has missed nothing', async () => {
    const receiver = await receive(answering(410))
    const hook = await bench.create(receiver.url)
    const id = newId()
    await write(bench.variables, id, set('n', 0))
    await vi.waitFor(async () => expect((await state(hook.id))?.state).toBe('disabled'), WAIT)
    expect((await state(hook.id))?.reason).toBe('the receiver answered 410 Gone')
    await write(bench.variables, id, increment('n'))
    await expect(bench.webhooks.service.pause(hook.id)).rejects.toMatchObject({ code: 'CONFLICT' })
    await bench.hurry(hook.id)
    await sleep(100)
    expect(receiver.received).toHaveLength(1)
    receiver.answer = answering(204)
    await bench.webhooks.service.resume(hook.id)
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).delivered).toBe(2), WAIT)
    expect(await state(hook.id)).toMatchObject({ state: 'active', reason: null })
  })

  it('Retry-After is kept to, by the whole hook where the receiver is busy', async () => {
    const receiver = await receive(answering(429, { 'retry-after': '3' }))
    const hook = await bench.create(receiver.url)
    const [id, other] = [newId(), newId()]
    await write(bench.variables, id, set('n', 0))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).attempts).toBe(1), WAIT)
    const asked = receiver.received[0]?.at ?? 0
    receiver.answer = answering(200)
    await write(bench.variables, other, set('n', 0))
    await vi.waitFor(async () => expect((await bench.row(hook.id, other)).delivered).toBe(1), WAIT)
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).delivered).toBe(1), WAIT)
    for (const { at } of receiver.received.slice(1)) expect(at - asked).toBeGreaterThan(2_800)
    expect(Math.max(...receiver.received.map(({ at }) => at - asked))).toBeLessThan(within(4_900))
  })

  it('a slow one has one request for an execution, and eight in all', async () => {
    const receiver = await receive(async (response) => {
      await sleep(150)
      response.writeHead(200).end()
    })
    const hook = await bench.create(receiver.url)
    const ids = Array.from({ length: 20 }, newId)
    for (let round = 0; round < 3; round += 1) await Promise.all(ids.map((id) => write(bench.variables, id, increment('n'))))
    await vi.waitFor(async () => {
      for (const id of ids) expect((await bench.row(hook.id, id)).delivered).toBe(3)
    }, WAIT)
    expect(receiver.mostOpen()).toBe(8)
    for (const id of ids) {
      const bodies = about(receiver, id).map(({ body }) => body)
      expect(bodies.flatMap(({ changes }) => changes.map(({ revision }) => revision))).toEqual([1, 2, 3])
    }
  })

  it('after twenty failures in a row there is one request a minute, until one succeeds', async () => {
    const receiver = await receive(answering(500))
    const hook = await bench.create(receiver.url)
    const ids = Array.from({ length: 24 }, newId)
    await Promise.all(ids.map((id) => write(bench.variables, id, increment('n'))))
    await vi.waitFor(async () => expect(await bench.failures(hook.id)).toBeGreaterThanOrEqual(20), WAIT)
    // What is under way by then ends; the next is a probe, and then there is none for a minute.
    const probes = () => receiver.received.length
    await vi.waitFor(async () => {
      const [row] = await bench.db.rows<{ seconds: number | null }>(
        'SELECT extract(epoch FROM not_before - now())::double precision AS seconds FROM transient.webhook WHERE id = $1::text',
        hook.id,
      )
      expect(row?.seconds).toBeGreaterThan(30)
      expect(row?.seconds).toBeLessThanOrEqual(60)
    }, WAIT)
    await vi.waitFor(async () => {
      for (const id of ids) expect((await bench.row(hook.id, id)).isLeased).toBe(false)
    }, WAIT)
    const before = probes()
    await bench.db.run('UPDATE transient.webhook_delivery SET next_attempt_at = now() WHERE webhook_id = $1::text', hook.id)
    await sleep(1_500)
    expect(probes()).toBe(before)
    receiver.answer = answering(200)
    await bench.db.run('UPDATE transient.webhook SET not_before = now() WHERE id = $1::text', hook.id)
    await vi.waitFor(async () => {
      for (const id of ids) expect((await bench.row(hook.id, id)).delivered).toBe(1)
    }, WAIT)
    expect(await bench.failures(hook.id)).toBe(0)
  })

  it('one that writes back is paused, and says so; without its own changes it goes on', async () => {
    const loop = newId()
    const receiver = await receive(async (response, { body }) => {
      if (body.changes.some(({ name }) => name === 'n')) {
        const writes = [increment('n')]
        await bench.variables.write({ executionId: loop, writes, actor: 'api:receiver' })
      }
      response.writeHead(200).end()
    })
    const hook = await bench.create(receiver.url)
    const calm = await bench.create(receiver.url, { exceptActors: ['api:receiver'] })
    await write(bench.variables, loop, set('n', 0))
    await vi.waitFor(async () => expect((await state(hook.id))?.state).toBe('paused'), { timeout: within(50_000), interval: 50 })
    expect((await state(hook.id))?.reason).toContain(`sent 1,000 times within a minute for execution ${loop}`)
    const count = receiver.received.length
    expect(receiver.received.filter(({ body }) => body.webhook === hook.name).length).toBeLessThan(1_010)
    expect(receiver.received.filter(({ body }) => body.webhook === calm.name)).toHaveLength(1)
    await write(bench.variables, loop, set('other', 1))
    await vi.waitFor(() => expect(receiver.received.length).toBe(count + 1), WAIT)
    expect((await state(calm.id))?.state).toBe('active')
  })

  it('is set back by hand, under a new id; what is under way then changes nothing', async () => {
    const receiver = await receive()
    const hook = await bench.create(receiver.url)
    const id = newId()
    for (let count = 0; count < 5; count += 1) await write(bench.variables, id, set('n', count))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).delivered).toBe(5), WAIT)
    const ids = new Set(about(receiver, id).map(({ headers }) => headers['webhook-id']))
    let answer: () => void = () => undefined
    receiver.answer = (response) => {
      answer = () => void response.writeHead(200).end()
    }
    await write(bench.variables, id, set('n', 5))
    await vi.waitFor(() => expect(about(receiver, id).at(-1)?.body.to_revision).toBe(6), WAIT)
    const before = receiver.received.length
    await bench.webhooks.service.redeliver({ webhookId: hook.id, executionId: id, fromRevision: 3 })
    await sleep(100)
    expect(receiver.received).toHaveLength(before)
    receiver.answer = answering(200)
    answer()
    await vi.waitFor(async () => expect(await bench.row(hook.id, id)).toMatchObject({ delivered: 6, isLeased: false }), WAIT)
    const again = receiver.received.slice(before)
    expect(again.flatMap(({ body }) => body.changes.map(({ revision }) => revision))).toEqual([3, 4, 5, 6])
    expect(again.some(({ headers }) => ids.has(headers['webhook-id']))).toBe(false)
    const refused = (fromRevision: number, executionId = id) =>
      bench.webhooks.service.redeliver({ webhookId: hook.id, executionId, fromRevision })
    await expect(refused(7)).rejects.toMatchObject({ code: 'VALIDATION' })
    await expect(refused(0, newId())).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('one that is deleted is forgotten, and writes go on', async () => {
    const receiver = await receive(answering(500))
    const hook = await bench.create(receiver.url)
    const id = newId()
    await write(bench.variables, id, set('n', 0))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).attempts).toBe(1), WAIT)
    expect(await bench.webhooks.service.remove(hook.id)).toMatchObject({ name: hook.name })
    await write(bench.variables, id, increment('n'))
    await expect(bench.row(hook.id, id)).rejects.toThrow('no such row')
    expect(await bench.webhooks.service.remove(hook.id)).toBeNull()
  })

  it('a dead one leaves the others as fast as they were', async () => {
    const receiver = await receive()
    const hook = await bench.create(receiver.url)
    const latency = async () => {
      const times: number[] = []
      for (let count = 0; count < 30; count += 1) {
        const id = newId()
        const began = performance.now()
        await write(bench.variables, id, set('n', count))
        await vi.waitFor(() => expect(about(receiver, id)).toHaveLength(1), { ...WAIT, interval: 1 })
        times.push((about(receiver, id)[0]?.at ?? 0) - began)
      }
      return times.sort((left, right) => left - right)[15] ?? 0
    }
    await latency()
    const alone = await latency()
    const dead = await receive(() => undefined)
    const other = await bench.create(dead.url)
    const withDead = await latency()
    expect(dead.open()).toBe(8)
    await bench.webhooks.service.remove(other.id)
    await bench.webhooks.service.remove(hook.id)
    expect(withDead).toBeLessThan(alone * 2 + within(5))
  })
})
