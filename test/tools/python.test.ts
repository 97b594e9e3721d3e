import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { type JsonObject, stringifyJson } from '../../src/core/json.js'
import { within } from '../support/pace.js'
import { createCaller, environmentWith } from './call.js'
import { testTool } from './suite.js'

const sleep = { code: 'import time\ntime.sleep(60)', args: {}, context: {} }

testTool('python', {
  kind: 'python',
  environment: environmentWith,
  good: () => ({ input: { code: 'def main(n): return {"n": n + 1}', args: { n: 1 }, context: {} }, data: { n: 2 } }),
  bad: () => ({ code: 'raise ValueError("no")' }),
  endless: () => sleep,
})

// Calls stand back behind whatever else the machine has to do.
describe('python', { timeout: within(120_000) }, () => {
  const python = createCaller('python', environmentWith())
  afterAll(() => python.close())
  const context = { vars: { counter: 5 }, workload: { name: 'w' }, results: { fetch: [1] }, execution_id: '12' }

  const results: [string, JsonObject, string][] = [
    ['main() without parameters', { code: 'def main(): return "x"' }, '"x"'],
    ['main gets args by name', { code: 'def main(a, b): return [a, b]', args: { b: 2, a: 1, c: 3 } }, '[1,2]'],
    ['a default stands in', { code: 'def main(a, b=7): return [a, b]', args: { a: 1 } }, '[1,7]'],
    ['keyword-only and positional-only', { code: 'def main(a, /, *, b): return [a, b]', args: { a: 1, b: 2 } }, '[1,2]'],
    ['**kwargs gets the other args', { code: 'def main(a, **rest): return rest', args: { a: 1, b: 2 } }, '{"b":2}'],
    ['*args is left empty', { code: 'def main(*a): return len(a)', args: { x: 1 } }, '0'],
    ['main(context) gets the whole context', { code: 'def main(context): return context["vars"]["counter"]' }, '5'],
    [
      'a parameter is found in vars, results, workload',
      { code: 'def main(counter, fetch, name): return [counter, fetch, name]' },
      '[5,[1],"w"]',
    ],
    ['args win over the context', { code: 'def main(counter): return counter', args: { counter: 1 } }, '1'],
    ['async main', { code: 'import asyncio\nasync def main(a):\n  await asyncio.sleep(0)\n  return a', args: { a: 1 } }, '1'],
    ['plain code: args are globals', { code: 'result = a + 1', args: { a: 1 } }, '2'],
    ['plain code without result', { code: 'x = 1' }, 'null'],
    ['plain code sees the context', { code: 'result = context["workload"]["name"]' }, '"w"'],
    ['libs', { code: 'result = m.sqrt(16)', libs: { m: 'math' } }, '4.0'],
    ['idempotency key', { code: 'def main(idempotency_key): return idempotency_key' }, '"1:step:1:0"'],
    ['an arg named main that is not a function', { code: 'result = main', args: { main: 3 } }, '3'],
    [
      'big integers',
      { code: 'def main(n): return [n, n + 1]', args: { n: '@' } },
      '[123456789012345678901234567890,123456789012345678901234567891]',
    ],
    ['status with data', { code: 'def main(): return {"status": "success", "data": {"a": 1}}' }, '{"a":1}'],
    ['status without data', { code: 'def main(): return {"status": "ok", "n": 1}' }, '{"status":"ok","n":1}'],
    ['status error alone', { code: 'def main(): return {"status": "error"}' }, '{"status":"error"}'],
    ['tuples and integer keys', { code: 'def main(): return {1: (1, 2)}' }, '{"1":[1,2]}'],
    ['text of any kind', { code: 'def main(s): return s', args: { s: 'é😀\u2028\n' } }, JSON.stringify('é😀\u2028\n')],
  ]
  it.each(results)('%s', async (_name, input, expected) => {
    const given = stringifyJson({ args: {}, context, ...input }).replace('"@"', '123456789012345678901234567890')
    const { parseJson } = await import('../../src/core/json.js')
    expect(stringifyJson(await python.data(parseJson(given) as JsonObject))).toBe(expected)
  })

  const failures: [string, JsonObject, RegExp][] = [
    [
      'exception',
      { code: 'def main():\n  x = 1\n  return x / 0' },
      /^TOOL_FAILED: ZeroDivisionError: division by zero \(line 3 of the code: return x \/ 0\)$/,
    ],
    ['syntax error', { code: 'x = 1\ndef main(:' }, /SyntaxError: .*line 2/],
    ['missing parameter', { code: 'def main(price): pass' }, /main needs a value for "price"/],
    ['sys.exit', { code: 'import sys\nsys.exit(0)' }, /sys\.exit/],
    ['os._exit', { code: 'import os\nos._exit(3)' }, /exit status 3/],
    ['killed by itself', { code: 'import os\nos.kill(os.getpid(), 9)' }, /killed/],
    ['NaN', { code: 'def main(): return {"a": [float("nan")]}' }, /result\.a\[0\] is nan, which is not JSON/],
    ['set', { code: 'def main(): return {"a": {1}}' }, /result\.a is of type set/],
    ['object', { code: 'result = object()' }, /result is of type object/],
    ['cycle', { code: 'result = []\nresult.append(result)' }, /contains itself/],
    ['missing lib', { code: 'x = 1', libs: { nn: 'no_such_module' } }, /libs\.nn: the module "no_such_module"/],
    ['status error', { code: 'def main(): return {"status": "error", "error": "no stock"}' }, /^TOOL_FAILED: no stock$/],
    ['status error, object', { code: 'def main(): return {"status": "error", "error": {"message": "m"}}' }, /^TOOL_FAILED: m$/],
    ['status error with data', { code: 'def main(): return {"status": "error", "data": 1}' }, /returned status "error"/],
    ['recursion', { code: 'def main(): return main()' }, /RecursionError/],
    [
      'import path',
      { code: 'from json import nothing' },
      /^TOOL_FAILED: ImportError: cannot import name 'nothing' from 'json' \(line 1/,
    ],
    ['too large', { code: 'result = "x" * 30_000_000' }, /1 MiB/],
  ]
  it.each(failures)('fails on: %s', async (_name, input, expected) => {
    expect(await python.error(input)).toMatch(expected)
  })

  it('keeps the data of a failed status', async () => {
    expect(await python.run({ code: 'result = {"status": "error", "error": "e", "data": [1]}' })).toMatchObject({
      status: 'error',
      data: [1],
    })
  })

  it('puts stdout, stderr and raw writes to fd 1 into the log', async () => {
    const code =
      'import os, sys\nprint("out")\nprint("err", file=sys.stderr)\nos.write(1, b"raw\\n")\nos.system("echo sub")\nresult = 1'
    expect(await python.data({ code })).toBe(1)
    expect(python.log()).toBe('out\nerr\nraw\nsub\n')
  })

  it('keeps the last 64 KiB of a flood', async () => {
    expect(await python.data({ code: 'for i in range(20000): print("line", i)\nresult = 1' })).toBe(1)
    expect(python.log().length).toBeLessThanOrEqual(65536)
    expect(python.log()).toMatch(/19999\n$/)
  })

  it('lets nothing of a call survive it', async () => {
    expect(await python.data({ code: 'import json, os\njson.leak = 1\nos.environ["LEAK"] = "1"\nresult = 1' })).toBe(1)
    expect(await python.data({ code: 'import json, os\nresult = [hasattr(json, "leak"), "LEAK" in os.environ]' })).toEqual([
      false,
      false,
    ])
  })

  it('sees none of the secrets of the environment', async () => {
    process.env.SECRET_OF_TEST = 'x-secret-x'
    const fresh = createCaller('python', environmentWith())
    const code =
      'import os\nraw = open("/proc/self/environ").read() if os.path.exists("/proc/self/environ") else ""\nresult = ["x-secret-x" in raw + str(os.environ), os.getenv("PATH") is not None]'
    expect(await fresh.data({ code })).toEqual([false, true])
    await fresh.close()
    delete process.env.SECRET_OF_TEST
  })

  it('starts anew when its parent dies', async () => {
    await python.run({ code: 'import os, signal\nos.kill(os.getppid(), signal.SIGKILL)' })
    expect(await python.data({ code: 'result = 2' })).toBe(2)
  })

  it('ends what a call started, at its end and at its timeout', async () => {
    if (!existsSync('/proc/self')) return
    // A call does not see the machine's process ids, nor the machine those of a call: an odd duration tells it from others.
    const seconds = `6${process.pid}.${Date.now()}`
    const spawn = `import subprocess\np = subprocess.Popen(["sleep", "${seconds}"], start_new_session=True)\nresult = p.poll()\n`
    expect(await python.data({ code: spawn })).toBe(null)
    const call = python.error({ code: `${spawn}import time\ntime.sleep(600)` }, { timeoutMs: within(2_000) })
    await expect.poll(() => processesWith(seconds), { timeout: within(2_000) }).toHaveLength(1)
    await call
    await expect.poll(() => processesWith(seconds), { timeout: within(30_000) }).toEqual([])
  })

  it('runs fifty calls at once', async () => {
    const runs = Array.from({ length: 50 }, (_, n) => python.data({ code: 'def main(n): return n * 2', args: { n } }))
    expect(await Promise.all(runs)).toEqual(Array.from({ length: 50 }, (_, n) => n * 2))
  })

  it('says how to get an interpreter', async () => {
    const none = createCaller('python', environmentWith({ pythonPath: '/opt/none/python9' }))
    expect(await none.error({ code: 'result = 1' })).toBe(
      'TOOL_FAILED: the interpreter python9 cannot be started: install python3, or name one with the setting PYTHON',
    )
    await none.close()
  })

  it('closes the network where the machine can', async () => {
    const code =
      'import socket\ns = socket.socket()\ntry:\n  s.connect(("127.0.0.1", 1))\nexcept OSError as e:\n  result = e.errno'
    const outcome = await python.run({ code, network: false })
    if (outcome.status === 'error') expect(outcome.error.message).toMatch(/user namespaces/)
    else expect(outcome.data).toBe(101)
  })
})

/** Ids of the processes that have a word on their command line. */
function processesWith(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word)
    } catch {
      return false
    }
  })
}
