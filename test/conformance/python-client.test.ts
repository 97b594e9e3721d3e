import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../support/paths.js'
import { startTestServer, type TestServer } from '../support/server.js'

/** Beyond 2^53: a client or a server that reads it as a double answers another execution. */
const ID = '507861119290048685'

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    console.warn('SKIPPED: no python3, so the Python client is not checked here')
    return false
  }
}

describe.skipIf(!hasPython())('the Python client of NoETL’s documentation', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startTestServer()
  })
  afterAll(async () => {
    await server?.close()
  })

  it('works against REST, and the id keeps its digits', async () => {
    const script = join(ROOT, 'test/conformance/python-client/client.py')
    const { stdout } = await promisify(execFile)('python3', [script, server.url, ID])
    expect(stdout).toContain(`"execution_id": ${ID}`)
    expect(stdout).toContain(`"parent": ${ID}`)
    expect(JSON.parse(stdout)).toMatchObject({
      before: {},
      all: { user_id: 12345, ratio: 0.5, tags: ['a', null], nothing: null, note: '01234' },
      answer: { variables_set: 2, var_names: ['a', 'b'] },
      first_read: { var_name: 'user_id', value: 12345, type: 'user_defined', source_step: 'worker_step', access_count: 1 },
      second_read: { access_count: 2 },
      deleted: { var_name: 'a', deleted: true },
      deleted_again: { var_name: 'a', deleted: false },
      gone: { status: 404, body: { code: 'NOT_FOUND' } },
      cleaned_up: { deleted_count: 7 },
      after: {},
    })
  })
})
