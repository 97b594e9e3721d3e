import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeDatabase } from '../support/database.js'
import { newId, type RestServer, startRest } from './support.js'

const MEBIBYTE = 1024 * 1024
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

describeDatabase('REST variables', (open) => {
  let rest: RestServer
  beforeAll(async () => {
    rest = await startRest(await open())
  })
  afterAll(() => rest.close())

  const set = (id: string, variables: object, headers: Record<string, string> = {}) =>
    rest.call('POST', `/api/vars/${id}`, { body: { variables }, headers })

  it('answers the seeds’ calls in their shapes', async () => {
    const id = '507861119290048685'
    const written = await rest.call('POST', `/api/vars/${id}`, {
      body: { variables: { config_timeout: 60, retry_enabled: true }, var_type: 'computed', source_step: 'manual_config' },
    })
    expect(written.status).toBe(200)
    expect(written.text).toBe(
      '{"execution_id":507861119290048685,"variables_set":2,"var_names":["config_timeout","retry_enabled"]}',
    )
    expect(written.headers.get('revision')).toBe('1')

    const list = await rest.call('GET', `/api/vars/${id}`)
    expect(list.text).toMatch(/^\{"execution_id":507861119290048685,/)
    expect(list.json).toMatchObject({
      count: 2,
      variables: {
        config_timeout: {
          value: 60,
          type: 'computed',
          source_step: 'manual_config',
          created_at: expect.stringMatching(TIME),
          accessed_at: expect.stringMatching(TIME),
          access_count: 0,
        },
      },
    })
    expect(list.headers.get('revision')).toBe('1')

    const single = await rest.call('GET', `/api/vars/${id}/config_timeout`)
    expect(Object.keys(single.json)).toEqual([
      'execution_id',
      'var_name',
      'value',
      'type',
      'source_step',
      'created_at',
      'accessed_at',
      'access_count',
    ])
    expect(single.json).toMatchObject({ var_name: 'config_timeout', value: 60, access_count: 1 })
    expect(single.headers.get('etag')).toBe('"1"')

    const gone = await rest.call('DELETE', `/api/vars/${id}/config_timeout`)
    expect(gone.text).toBe('{"execution_id":507861119290048685,"var_name":"config_timeout","deleted":true}')
    const again = await rest.call('DELETE', `/api/vars/${id}/config_timeout`)
    expect(again.json).toMatchObject({ deleted: false })
    const all = await rest.call('DELETE', `/api/vars/${id}`)
    expect(all.text).toBe('{"execution_id":507861119290048685,"deleted_count":1}')
  })

  it('answers an unknown execution with an empty list, and an unknown variable with a problem', async () => {
    const id = newId()
    expect((await rest.call('GET', `/api/vars/${id}`)).json).toMatchObject({ variables: {}, count: 0 })
    const missing = await rest.call('GET', `/api/vars/${id}/nothing`)
    expect(missing.status).toBe(404)
    expect(missing.headers.get('content-type')).toBe('application/problem+json')
    expect(missing.json).toMatchObject({ status: 404, code: 'NOT_FOUND', title: 'Not found', detail: expect.any(String) })
  })

  it('keeps every digit of numbers, in and out', async () => {
    const id = newId()
    const big = '507861119290048685123456789'
    await rest.call('POST', `/api/vars/${id}`, { body: `{"variables":{"big":${big},"list":[1.10,-9007199254740993]}}` })
    const { text } = await rest.call('GET', `/api/vars/${id}`)
    expect(text).toContain(`"value":${big}`)
    expect(text).toContain('"value":[1.10,-9007199254740993]')
  })

  it('accepts null as a value and as no source step', async () => {
    const id = newId()
    const answer = await rest.call('POST', `/api/vars/${id}`, { body: { variables: { a: null }, source_step: null } })
    expect(answer.status).toBe(200)
    expect((await rest.call('GET', `/api/vars/${id}/a`)).json).toMatchObject({
      value: null,
      source_step: null,
      type: 'user_defined',
    })
  })

  describe('refuses', () => {
    const cases: [string, { body: unknown; headers?: Record<string, string> }, number, string, RegExp][] = [
      ['what is not JSON', { body: '{"variables":' }, 400, 'BAD_REQUEST', /not JSON/],
      ['an empty change set', { body: { variables: {} } }, 400, 'BAD_REQUEST', /variables/],
      [
        'an unknown type, listing the valid ones in order',
        { body: { variables: { a: 1 }, var_type: 'wrong' } },
        400,
        'BAD_REQUEST',
        /user_defined, step_result, computed, iterator_state/,
      ],
      ['an unknown key', { body: { variables: { a: 1 }, vartype: 'computed' } }, 422, 'VALIDATION', /vartype/],
      ['variables that are no object', { body: { variables: [1] } }, 422, 'VALIDATION', /variables/],
      ['a missing key', { body: {} }, 422, 'VALIDATION', /variables/],
      ['a body that is not an object', { body: '[]' }, 422, 'VALIDATION', /object/],
      ['a source step that is not text', { body: { variables: { a: 1 }, source_step: 3 } }, 422, 'VALIDATION', /source_step/],
      ['a bad name', { body: { variables: { '1a': 1 } } }, 422, 'VALIDATION', /1a/],
      ['the name __proto__', { body: '{"variables":{"__proto__":1}}' }, 422, 'VALIDATION', /__proto__/],
      ['a name given twice', { body: '{"variables":{"a":1,"b":{"a":2},"a":3}}' }, 422, 'VALIDATION', /a: .*twice/],
      ['__proto__ inside a value', { body: '{"variables":{"a":{"__proto__":1}}}' }, 422, 'VALIDATION', /__proto__/],
      ['another content type', { body: 'a=1', headers: { 'content-type': 'text/plain' } }, 415, 'UNSUPPORTED_MEDIA_TYPE', /json/],
      [
        'a form',
        { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        /json/,
      ],
      [
        'a compressed body',
        { body: { variables: { a: 1 } }, headers: { 'content-encoding': 'gzip' } },
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        /compressed/,
      ],
      ['a body beyond 1 MiB', { body: { variables: { a: 'x'.repeat(2 * MEBIBYTE) } } }, 413, 'TOO_LARGE', /1048576/],
      ['a value beyond 256 KiB', { body: { variables: { a: 'x'.repeat(300_000) } } }, 413, 'TOO_LARGE', /^a: .*262144/],
    ]
    it.each(cases)('%s', async (_name, options, status, code, detail) => {
      const id = newId()
      const answer = await rest.call('POST', `/api/vars/${id}`, options)
      expect(answer.json).toMatchObject({ status, code, detail: expect.stringMatching(detail) })
      expect(answer.status).toBe(status)
      expect((await rest.call('GET', `/api/vars/${id}`)).json).toMatchObject({ count: 0 })
    })

    it.each(['0', '-1', '01', '9223372036854775808', 'abc', '1.5'])('the execution id %s', async (id) => {
      const answer = await rest.call('GET', `/api/vars/${id}`)
      expect(answer.json).toMatchObject({ status: 422, code: 'VALIDATION', field: 'execution_id' })
    })
  })

  it('answers other paths and methods as problems', async () => {
    expect((await rest.call('GET', '/api/nothing')).json).toMatchObject({ status: 404, code: 'NOT_FOUND' })
    const put = await rest.call('PUT', `/api/vars/${newId()}`, { body: {} })
    expect(put.status).toBe(405)
    expect(put.headers.get('allow')).toBe('GET, POST, DELETE, HEAD')
    expect(put.json).toMatchObject({ code: 'BAD_REQUEST' })
  })

  it('writes under If-Match only what has not changed', async () => {
    const id = newId()
    const first = await set(id, { a: 1 })
    expect(first.headers.get('etag')).toBe('"1"')
    const second = await set(id, { a: 2 }, { 'if-match': '"1"' })
    expect(second.headers.get('etag')).toBe('"2"')
    const stale = await set(id, { a: 3 }, { 'if-match': '"1"' })
    expect(stale.status).toBe(412)
    expect(stale.json).toMatchObject({ status: 412, code: 'CONFLICT', current_version: 2, current_value: 2 })
    expect((await set(id, { a: 3 }, { 'if-match': '"9", "2"' })).status).toBe(200)
    expect((await set(id, { a: 4 }, { 'if-match': '*' })).status).toBe(200)
    expect((await set(id, { b: 1 }, { 'if-match': '*' })).status).toBe(412)
    expect((await set(id, { a: 5 }, { 'if-match': 'W/"4"' })).status).toBe(412)
    expect((await set(id, { a: 5 }, { 'if-match': '"0"' })).status).toBe(412)
    expect((await set(id, { a: 5 }, { 'if-match': '4' })).json).toMatchObject({ code: 'BAD_REQUEST' })
    expect((await set(id, { a: 5, b: 5 }, { 'if-match': '"4"' })).json).toMatchObject({ code: 'BAD_REQUEST' })
  })

  it('deletes under If-Match only what has not changed', async () => {
    const id = newId()
    await set(id, { a: 1 })
    const stale = await rest.call('DELETE', `/api/vars/${id}/a`, { headers: { 'if-match': '"7"' } })
    expect(stale.status).toBe(412)
    expect((await rest.call('DELETE', `/api/vars/${id}/a`, { headers: { 'if-match': '"1"' } })).json).toMatchObject({
      deleted: true,
    })
    expect((await rest.call('DELETE', `/api/vars/${id}/a`, { headers: { 'if-match': '"1"' } })).status).toBe(412)
    expect((await rest.call('DELETE', `/api/vars/${id}`, { headers: { 'if-match': '"1"' } })).status).toBe(400)
  })

  it('creates under If-None-Match: * only what is not there, all or nothing', async () => {
    const id = newId()
    expect((await set(id, { a: 1, b: 2 }, { 'if-none-match': '*' })).status).toBe(200)
    expect((await set(id, { c: 1, a: 2 }, { 'if-none-match': '*' })).status).toBe(412)
    expect((await rest.call('GET', `/api/vars/${id}`)).json).toMatchObject({ count: 2 })
    expect((await set(id, { c: 1 }, { 'if-none-match': '"1"' })).status).toBe(400)
  })

  it('answers 304 to a read that has the version, and counts it', async () => {
    const id = newId()
    await set(id, { a: 1 })
    for (const tag of ['"1"', 'W/"1"', '"5", "1"', '*']) {
      const answer = await rest.call('GET', `/api/vars/${id}/a`, { headers: { 'if-none-match': tag } })
      expect(answer).toMatchObject({ status: 304, text: '' })
      expect(answer.headers.get('etag')).toBe('"1"')
    }
    const answer = await rest.call('GET', `/api/vars/${id}/a`, { headers: { 'if-none-match': '"2"' } })
    expect(answer.json).toMatchObject({ access_count: 5 })
  })

  it('reads a variable named events for whoever asks for JSON', async () => {
    const id = newId()
    await set(id, { events: 'mine' })
    const answer = await rest.call('GET', `/api/vars/${id}/events`, { headers: { accept: 'application/json' } })
    expect(answer.json).toMatchObject({ var_name: 'events', value: 'mine' })
    expect((await rest.call('DELETE', `/api/vars/${id}/events`)).json).toMatchObject({ deleted: true })
  })

  it('shows nothing of an unforeseen error but an id that its log has', async () => {
    const broken = await startRest(await open(), (services) => ({
      ...services,
      variables: { ...services.variables, all: () => Promise.reject(new Error('SELECT secret FROM noetl.transient')) },
    }))
    try {
      const answer = await broken.call('GET', `/api/vars/${newId()}`)
      expect(answer.status).toBe(500)
      expect(answer.text).not.toMatch(/SELECT|secret/)
      expect(broken.logged).toMatchObject([{ errorId: answer.json['id'] }])
    } finally {
      await broken.close()
    }
  })
})
