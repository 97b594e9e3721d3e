import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchCli, runCli } from '../support/cli.js'
import { startTestServer, type TestServer } from '../support/server.js'

const COUNTER = `apiVersion: noetl.io/v1
kind: Playbook
metadata:
  name: cli_counter
workload:
  by: 1
workflow:
- step: start
  vars:
    counter: "{{ workload.by }}"
  next: double
- step: double
  vars:
    counter: "{{ vars.counter * 2 }}"
`
const FAILING = COUNTER.replace('cli_counter', 'cli_failing').replace('vars.counter * 2', 'vars.nothing')
/** 3 iterations, of which those whose element is not a number from 1 on fail. */
const LOOP = `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: cli_loop}
workload: {of: [1, 0, 2]}
workflow:
- step: load
  loop: {in: "{{ workload.of }}", iterator: x}
  tool: {kind: python, code: "def main(x): return 1 / x"}
`
const THEIRS = `apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: cli_theirs}
workflow:
# why
- step: start
  tool:
  - {name: one, kind: noop, spec: {policy: {rules: [{else: {do: continue, set: {iter.n: 1}}}]}}}
  - {name: two, kind: noop, spec: {policy: {rules: [{when: "{{ iter.n < 3 }}", then: {do: jump, to: two, set: {iter.n: "{{ iter.n + 1 }}"}}}]}}}
  next: {arcs: [{step: end}]}
`
const INVALID = 'apiVersion: noetl.io/v1\nkind: Playbook\nmetadata:\n  name: x\nworkflow:\n- step: start\n  next: nowhere\n'

describe('the command line', () => {
  let server: TestServer
  let folder: string
  let file: (name: string) => string
  let id = 700_000_000_000_000_000n

  const launch = (args: readonly string[]) => launchCli(args, { url: server.url })
  const run = (args: readonly string[], { input = '', url = server.url } = {}) => runCli(args, { url, input })

  const newId = (): string => {
    id += 1n
    return String(id)
  }

  beforeAll(async () => {
    server = await startTestServer()
    folder = mkdtempSync(join(tmpdir(), 'transient-cli-'))
    file = (name) => join(folder, name)
    writeFileSync(file('counter.yaml'), COUNTER)
    writeFileSync(file('failing.yaml'), FAILING)
    writeFileSync(file('loop.yaml'), LOOP)
    writeFileSync(file('invalid.yaml'), INVALID)
    writeFileSync(file('theirs.yaml'), THEIRS)
  })

  afterAll(async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  })

  it('runs a playbook, showing its steps and changes, and ends with 0', async () => {
    const { code, out } = await run(['execution', 'run', file('counter.yaml'), '--workload', '{"by": 21}'])
    expect(out).toMatch(/start {2}succeeded, attempt 1/)
    expect(out).toContain('    counter = 21\n')
    expect(out).toContain('    counter = 42 (was 21)\n')
    expect(out).toMatch(/execution \d+ completed in /)
    expect(code).toBe(0)
  })

  it('ends with 5 when the execution fails, and says why', async () => {
    const { code, err } = await run(['execution', 'run', file('failing.yaml')])
    expect(err).toMatch(/TEMPLATE_UNDEFINED: .*nothing/)
    expect(code).toBe(5)
  })

  it.each([
    ['all failed', [0, 0, 0], '0 of 3, 3 failed', '!', 7],
    ['some failed', [1, 0, 2], '2 of 3, 1 failed', '!', 7],
    ['none failed', [1, 2, 3], '3 of 3', '✔', 0],
  ])(
    'a loop whose iterations %s says so everywhere, and with --fail-on-iteration-errors by its exit code',
    async (_, of, text, symbol, strict) => {
      const workload = ['--workload', JSON.stringify({ of })]
      const ran = await run(['execution', 'run', file('loop.yaml'), ...workload])
      expect(ran.out).toMatch(new RegExp(`^\\${symbol} load  succeeded, iterations ${text}, attempt 1`, 'm'))
      expect(/completed in .*/.exec(ran.out)?.[0].includes(`; iterations: ${text}`)).toBe(strict === 7)
      expect(ran.code).toBe(0)
      const checked = await run(['execution', 'run', file('loop.yaml'), ...workload, '--fail-on-iteration-errors'])
      expect(checked.code).toBe(strict)
      const id = /execution (\d+)/.exec(checked.out)?.[1] ?? ''
      expect((await run(['execution', 'watch', id, '--fail-on-iteration-errors'])).code).toBe(strict)
      expect((await run(['execution', 'show', id])).out).toMatch(new RegExp(`^iterations +${text}$`, 'm'))
      expect((await run(['execution', 'list'])).out).toMatch(new RegExp(`^${id} +completed +${text} +cli_loop`, 'm'))
      const failed = of.filter((element) => element === 0).length
      const counts = { total: 3, succeeded: 3 - failed, failed }
      expect(JSON.parse((await run(['execution', 'show', id, '-o', 'jsonl'])).out)).toMatchObject({ iterations: counts })
      const events = (await run(['execution', 'watch', id, '-o', 'jsonl'])).out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(events.findLast(({ event }) => event === 'step')).toMatchObject({ step: 'load', iterations: counts })
      expect(events.at(-1)).toMatchObject({ event: 'execution', iterations: counts })
    },
  )

  it('shows what a step says, and does nothing that it orders the terminal to', async () => {
    const tool = `  tool: {kind: python, code: "raise ValueError('\\\\x1b]0;pwned\\\\x07\\\\x9b2J')"}\n`
    writeFileSync(file('orders.yaml'), COUNTER.replace('cli_counter', 'cli_orders').replace('  next: double\n', tool))
    const { code, out, err } = await run(['execution', 'run', file('orders.yaml')])
    expect(code).toBe(5)
    expect(out + err).toContain('\\u001b]0;pwned\\u0007\\u009b2J')
    expect((out + err).replaceAll(/[\n\t]/g, '')).not.toMatch(/\p{Cc}/u)
  })

  it('prints one JSON object per line for programs', async () => {
    const { code, out } = await run(['execution', 'run', file('counter.yaml'), '-o', 'jsonl'])
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events[0]).toMatchObject({ event: 'execution', id: expect.stringMatching(/^\d+$/) })
    expect(events.at(-1)).toMatchObject({ event: 'execution', status: 'completed', revision: 2 })
    expect(events.filter(({ event }) => event === 'variable')).toMatchObject([
      { revision: 1, name: 'counter', value: 1 },
      { revision: 2, name: 'counter', value: 2, previous_value: 1 },
    ])
    expect(events).toContainEqual(expect.objectContaining({ event: 'step', step: 'double', status: 'succeeded' }))
    expect(code).toBe(0)
  })

  it('validates without a server', async () => {
    const nowhere = { url: 'http://127.0.0.1:1' }
    expect(await run(['playbook', 'validate', file('counter.yaml')], nowhere)).toMatchObject({ code: 0 })
    const invalid = await run(['playbook', 'validate', file('invalid.yaml')], nowhere)
    expect(invalid.out).toMatch(/invalid\.yaml:7:\d+: error: .*nowhere/)
    expect(invalid.code).toBe(1)
  })

  it('converts what NoETL writes, without a server, and shows the tools of a list', async () => {
    const { code, out } = await run(['playbook', 'convert', file('theirs.yaml')], { url: 'http://127.0.0.1:1' })
    expect(code).toBe(0)
    expect(out).toContain('  # why\n  - step: start\n')
    expect(out).not.toMatch(/arcs|policy|iter/)
    writeFileSync(file('ours.yaml'), out)
    const ran = await run(['execution', 'run', file('ours.yaml')])
    expect(ran.out).toMatch(/start {2}succeeded, tools one, two ×3/)
    expect(ran.code).toBe(0)
    const refused = await run(['playbook', 'convert', file('invalid.yaml')])
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toMatch(/:7:9: error: .*nowhere/)
  })

  it('writes and reads variables with all their digits', async () => {
    const execution = newId()
    const value = '{"n":507861119290048685123}'
    expect(await run(['vars', 'set', execution, 'a', '--value', '@-', '--type', 'computed'], { input: value })).toMatchObject({
      code: 0,
    })
    expect((await run(['vars', 'get', execution, 'a'])).out).toBe(`${value}\n`)
    expect((await run(['vars', 'list', execution, '-o', 'jsonl'])).out).toMatch(
      /"name":"a","value":\{"n":507861119290048685123\},"type":"computed"/,
    )
    expect(await run(['vars', 'delete', execution, 'a'])).toMatchObject({ code: 0 })
    expect((await run(['vars', 'history', execution])).out.trim().split('\n')).toHaveLength(3)
  })

  it('does with global variables what it does with those of executions', async () => {
    const space = 'cli/prod'
    expect(await run(['globals', 'set', space, 'rate', '--value', '1.19'])).toMatchObject({
      code: 0,
      err: 'rate set at revision 1\n',
    })
    const by = '10000000000000000000000.5'
    expect((await run(['globals', 'increment', space, 'n', '--by', by])).err).toBe(`n is ${by} at revision 2\n`)
    expect((await run(['globals', 'get', space, 'n'])).out).toBe(`${by}\n`)
    expect((await run(['globals', 'list', space, '-o', 'jsonl'])).out.trim().split('\n')).toHaveLength(2)
    expect(JSON.parse((await run(['globals', 'list', '-o', 'jsonl'])).out)).toMatchObject({
      name: space,
      variable_count: 2,
      revision: 2,
    })
    const watching = launch(['globals', 'watch', space, '--after', '1', '-o', 'jsonl'])
    expect(String((await once(watching.stdout, 'data'))[0])).toContain('"name":"n"')
    watching.kill('SIGINT')
    expect(await run(['globals', 'delete', space, '--all'])).toMatchObject({ code: 0 })
    expect((await run(['globals', 'get', space, 'n'])).code).toBe(3)
    expect((await run(['globals', 'history', space, '--name', 'n'])).out.trim().split('\n')).toHaveLength(3)
    expect((await run(['globals', 'get', '../etc', 'n'])).code).toBe(2)
  })

  it('shows a schema, and every way in which a workload does not fit it', async () => {
    const block = '{"workload":{"properties":{"by":{"type":"integer","maximum":12345678901234567890}}},"closed":false}'
    writeFileSync(file('checked.yaml'), `${COUNTER.replace('cli_counter', 'cli/checked')}schema: ${block}\n`)
    expect((await run(['playbook', 'register', file('checked.yaml')])).code).toBe(0)
    expect(await run(['playbook', 'schema', 'cli/checked'])).toMatchObject({ code: 0, out: `${block}\n` })
    expect((await run(['playbook', 'schema', 'cli/checked', '--playbook-version', '2'])).code).toBe(3)
    const refused = await run(['execution', 'start', 'cli/checked', '--workload', '{"by": "12345678901234567891"}'])
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('\n  /by: must be an integer') })
    const large = await run(['execution', 'start', 'cli/checked', '--workload', '{"by": 12345678901234567891}'])
    expect(large).toMatchObject({ code: 2, err: expect.stringContaining('\n  /by: must be at most 12345678901234567890') })
  })

  it('ends with the code that says what went wrong', async () => {
    const execution = newId()
    expect((await run(['vars', 'get', execution, 'none'])).code).toBe(3)
    expect((await run(['execution', 'show', execution])).code).toBe(3)
    expect((await run(['vars', 'set', execution, 'a', '--value', '1', '--expected-version', '3'])).code).toBe(4)
    expect((await run(['vars', 'set', execution, 'a', '--value', 'no json'])).code).toBe(2)
    expect((await run(['vars', 'nonsense'])).code).toBe(2)
    expect((await run(['playbook', 'register', file('invalid.yaml')])).code).toBe(1)
    const unreachable = await run(['vars', 'list', execution], { url: 'http://127.0.0.1:1' })
    expect(unreachable).toMatchObject({ code: 6, out: '', err: expect.stringMatching(/transient serve/) })
  })

  it('goes on watching after the server was killed, and repeats nothing', async () => {
    const execution = newId()
    const set = (n: number) => server.rest('POST', `/api/vars/${execution}`, { variables: { n } })
    await set(1)
    const watching = launch(['vars', 'watch', execution, '--after', '0', '-o', 'jsonl'])
    const seen: number[] = []
    let rest = ''
    const done = new Promise<void>((resolve) => {
      watching.stdout.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) seen.push(JSON.parse(line).value)
        if (seen.length >= 3) resolve()
      })
    })
    await set(2)
    while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    await server.kill()
    await server.start()
    await set(3)
    await done
    watching.kill()
    expect(seen).toEqual([1, 2, 3])
  })

  it('plays the demo', async () => {
    const { code, out, err } = await run(['demo'])
    expect(out).toMatch(/execution \d+ completed/)
    expect(err).toMatch(/"processed":22,"failed":3/)
    expect(code).toBe(0)
  })
})
