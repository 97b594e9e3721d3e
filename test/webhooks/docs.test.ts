import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { parsePlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'
import { describeDatabase } from '../support/database.js'
import { WAIT } from '../support/pace.js'
import { ROOT } from '../support/paths.js'
import { freePort } from '../support/server.js'
import { playbook } from '../support/source.js'
import { increment, newId, set, write } from '../variables/support.js'
import { type Bench, openBench } from './support.js'

describeDatabase('docs/webhooks.md', (open) => {
  const file = join(ROOT, 'node_modules', `.webhook-receiver-${process.pid}.mjs`)
  let bench: Bench
  let child: ChildProcess | null = null
  beforeAll(async () => {
    bench = await openBench(await open())
  })
  afterAll(async () => {
    child?.kill()
    rmSync(file, { force: true })
    await bench?.webhooks.sender.stop()
    await bench?.webhooks.close()
  })

  it('has a playbook that notifies', () => {
    const page = readFileSync(join(ROOT, 'docs/webhooks.md'), 'utf8')
    const [, more = ''] = /```yaml\n(.*?)```/s.exec(page) ?? []
    const { playbook: parsed, problems } = parsePlaybook(playbook('notifying', '\n- step: start', { more }), { tools: TOOLS })
    expect(problems).toEqual([])
    expect(parsed?.notify).toEqual([{ to: 'ops', on: ['execution.failed', 'step.failed'] }])
  })

  it('the receiver verifies what it is sent, and prints it once', async () => {
    const page = readFileSync(join(ROOT, 'docs/webhooks.md'), 'utf8')
    const [, source = ''] = /```js\n(.*?)```/s.exec(page) ?? []
    writeFileSync(file, source)
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const hook = await bench.create(url)
    let printed = ''
    child = spawn(process.execPath, [file], { env: { ...process.env, PORT: String(port), WEBHOOK_SECRET: hook.secret } })
    child.stdout?.on('data', (text: Buffer) => {
      printed += text
    })
    await vi.waitFor(() => fetch(url), WAIT)
    expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(401)
    const id = newId()
    await write(bench.variables, id, set('n', 1))
    await write(bench.variables, id, increment('n'))
    await vi.waitFor(async () => expect((await bench.row(hook.id, id)).delivered).toBe(2), WAIT)
    const bodies = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(bodies.flatMap(({ changes }) => changes.map(({ value }: { value: number }) => value))).toEqual([1, 2])
    const shown = JSON.parse(/```json\n(.*?)```/s.exec(page)?.[1] ?? '{}')
    expect(Object.keys(bodies[0])).toEqual(Object.keys(shown))
    expect(Object.keys(bodies[0].changes[0])).toEqual(Object.keys(shown.changes[0]))
  })
})
