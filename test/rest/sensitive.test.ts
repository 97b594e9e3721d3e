import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeDatabase } from '../support/database.js'
import { newId, type RestServer, startRest } from './support.js'

describeDatabase('sensitive variables over REST', (open) => {
  let rest: RestServer
  beforeAll(async () => {
    rest = await startRest(await open())
  })
  afterAll(() => rest.close())

  it('are written by a flag or by name, masked in answers, and revealed by a POST', async () => {
    const id = newId()
    const path = `/api/vars/${id}`
    await rest.call('POST', path, { body: { variables: { a: 'canary-1', b: 'canary-2' }, sensitive: ['a'] } })
    await rest.call('POST', path, { body: { variables: { c: 'canary-3' }, sensitive: true } })
    const list = await rest.call('GET', path)
    expect(list.json['variables']).toMatchObject({
      a: { value: '********', sensitive: true },
      b: { value: 'canary-2' },
      c: { value: '********', sensitive: true },
    })
    expect(list.text).not.toMatch(/canary-[13]/)
    expect((await rest.call('GET', `${path}/b`)).json).not.toHaveProperty('sensitive')
    const polled = await rest.call('GET', `${path}?after_revision=0&wait=1`)
    expect(polled.text).not.toMatch(/canary-[13]/)
    expect(polled.text).toContain('"sensitive":true')
    const revealed = await rest.call('POST', `${path}/a/reveal`)
    expect(revealed.json).toMatchObject({ value: 'canary-1', sensitive: true })
    expect(revealed.headers.get('cache-control')).toBe('no-store')
    expect((await rest.call('POST', `${path}/none/reveal`)).status).toBe(404)
  })

  it('name only what is written', async () => {
    const answer = await rest.call('POST', `/api/vars/${newId()}`, { body: { variables: { a: 1 }, sensitive: ['b'] } })
    expect([answer.status, answer.json['code']]).toEqual([422, 'VALIDATION'])
  })
})
