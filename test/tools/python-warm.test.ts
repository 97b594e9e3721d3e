import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/core/json.js'
import { boundLog } from '../../src/tools/bound-log.js'
import { createToolbox } from '../../src/tools/index.js'
import { within } from '../support/pace.js'
import { createCaller, environmentWith } from './call.js'

/** What a call may find other than the one before it did: all but what modules keep. */
const STATE = `
def state():
  import builtins, decimal, gc, logging, os, resource, signal, sys, threading
  inside = os.getpid() < 1000
  return [
    sorted(vars(builtins)), print is builtins.print, type(print).__name__, sorted(sys.modules), [m.__name__ for m in sys.modules.values()],
    dict(os.environ), os.getcwd(), os.umask(0o22), str(signal.getsignal(signal.SIGTERM)), signal.getitimer(signal.ITIMER_REAL),
    threading.active_count(), sorted(os.listdir("/proc/self/fd")), sorted(os.listdir("/tmp")) if inside else None,
    len([p for p in os.listdir("/proc") if p.isdigit()]) if inside else None, os.listdir("/dev/shm") if inside else None,
    sys.path, len(sys.meta_path), sys.getrecursionlimit(), gc.isenabled(), sys.stdout is sys.__stdout__, sys.gettrace() is None,
    decimal.getcontext().prec, len(logging.root.handlers), resource.getrlimit(resource.RLIMIT_CPU), sorted(globals()),
  ]
`

/** Whatever a call leaves that could change the next one, or would have to end with it. */
const LEFT: Readonly<Record<string, string>> = {
  'a builtin that was added': 'import builtins\nbuiltins.leak = 1',
  'a builtin that was changed': 'import builtins\nbuiltins.print = len',
  'a module that was replaced': 'import json, sys, types\nsys.modules["json"] = types.ModuleType("json")',
  'a module that was made up': 'import sys, types\nsys.modules["leak"] = types.ModuleType("leak")',
  'a module under another name': 'import sys\nsys.modules["leak"] = sys',
  'a module that was removed': 'import sys\ndel sys.modules["decimal"]',
  'a module that must not be imported': 'import sys\nsys.modules["wave"] = None',
  'a variable of the environment': 'import os\nos.environ["LEAK"] = "1"',
  'another folder': 'import os\nos.chdir("/")',
  'another umask': 'import os\nos.umask(0o77)',
  'a handler of signals': 'import signal\nsignal.signal(signal.SIGTERM, lambda *_: None)',
  'a signal that is blocked': 'import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})',
  'an alarm': 'import signal\nsignal.setitimer(signal.ITIMER_REAL, 30)',
  'a descriptor': 'import os\nos.open("/dev/null", os.O_RDONLY)',
  'another stdout': 'import sys\nsys.stdout = sys.stderr',
  'another file behind stdout': 'import os\nos.dup2(os.open("/dev/null", os.O_RDWR), 1)\nos.closerange(6, 20)',
  'a thread that is a daemon': 'import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()',
  'a thread below threading': 'import _thread, time\n_thread.start_new_thread(time.sleep, (60,))',
  'threads of a pool':
    'from concurrent.futures import ThreadPoolExecutor\nkept = ThreadPoolExecutor(1)\nkept.submit(int).result()',
  'what atexit is to run': 'import atexit\natexit.register(int)',
  'a finalizer': 'import json, weakref\njson.kept = lambda: 1\nweakref.finalize(json.kept, int)',
  'a child process': 'import subprocess\nsubprocess.Popen(["sleep", "60"])',
  'a process that nobody waited for': 'import os\nif os.fork() == 0: os._exit(0)',
  'a process in a session of its own': 'import subprocess\nsubprocess.run(["sh", "-c", "setsid sleep 60 > /dev/null 2>&1 &"])',
  'a process that is hidden from the look at them': `import os, subprocess
subprocess.Popen(["sleep", "60"])
real = os.listdir
os.listdir = lambda path: ["1", str(os.getpid())] if path == "/proc" else [] if "/task" in path else real(path)`,
  'a place to import from': 'import sys\nsys.path.insert(0, "/tmp")',
  'a finder of modules': `import sys
class Finder:
  @staticmethod
  def find_spec(*_): return None
sys.meta_path.insert(0, Finder)`,
  'another limit of recursion': 'import sys\nsys.setrecursionlimit(500)',
  'a trace': 'import sys\nsys.settrace(lambda *_: None)',
  'garbage that is not collected': 'import gc\ngc.disable()',
  'a limit that was lowered': 'import resource\nresource.setrlimit(resource.RLIMIT_CPU, (60, 60))',
  'a handler of logging': 'import logging\nlogging.getLogger("code").addHandler(logging.StreamHandler())',
  'much memory': 'import json\njson.kept = bytearray(b"x") * (300 << 20)',
  'an exception': 'raise ValueError("no")',
}
const LEFT_INSIDE: typeof LEFT = {
  'a file in tmp': 'open("/tmp/leak", "w").close()',
  'a file in shared memory': 'open("/dev/shm/leak", "w").close()',
}
/** What is the call's own, or a module's. */
const FINE: typeof LEFT = {
  nothing: 'pass',
  'globals, and circles of them': 'leak = [1]\nleak.append(leak)',
  'precision of decimals': 'import decimal\ndecimal.getcontext().prec = 3',
  'modules that were imported': 'import csv, sqlite3, xml.dom.minidom, email.mime.text, http.client',
  'threads and processes that have ended': `import subprocess
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool: assert list(pool.map(abs, [-1])) == [1]
subprocess.run(["true"])`,
  'a temporary folder that is gone':
    'import tempfile\nwith tempfile.TemporaryDirectory() as name: open(name + "/x", "w").close()',
  'a loop of asyncio': 'import asyncio\nasync def work(): await asyncio.to_thread(int)\nasyncio.run(work())',
}

const trying = createToolbox(environmentWith())
const isIsolated = (await trying.isolation()) === 'isolated'
await trying.close()

interface Called {
  readonly value: JsonValue
  readonly error: string | null
  readonly log: string
}

type Parts = { readonly series?: string | null; readonly timeoutMs?: number; readonly signal?: AbortSignal }

// Calls stand back behind whatever else the machine has to do.
describe.each(['auto', 'off'] as const)(
  'iterations in one interpreter, sandbox %s',
  { timeout: within(120_000) },
  (pythonSandbox) => {
    const toolbox = createToolbox(environmentWith({ pythonSandbox }))
    afterAll(() => toolbox.close())
    let lastExecution = 0
    const isInside = pythonSandbox === 'auto' && isIsolated

    async function call(input: JsonObject, { series = '1:step:1', timeoutMs = 60_000, signal }: Parts = {}): Promise<Called> {
      const log = boundLog()
      const outcome = await toolbox.run(
        'python',
        { args: {}, context: {}, ...input },
        {
          signal: signal ?? new AbortController().signal,
          timeoutMs,
          idempotencyKey: '1:step:1:0',
          series,
          log: log.add,
        },
      )
      const error = outcome.status === 'error' ? `${outcome.error.code}: ${outcome.error.message}` : null
      return { value: outcome.data ?? null, error, log: log.text() }
    }

    /** A step of an execution of its own, iteration by iteration. */
    function stepOf(code: string, more: JsonObject = {}) {
      const execution = ++lastExecution
      return (x: number, parts: Parts = {}) => call({ code, args: { x }, ...more }, { series: `${execution}:step:1`, ...parts })
    }
    const count = 'import json\njson.count = getattr(json, "count", 0) + 1\n'
    const counted = `${count}result = json.count`

    it('keeps modules and what they hold, and nothing of the code', async () => {
      const step = stepOf(`${count}def main(x, seen=[]):\n  seen.append(x)\n  return [json.count, seen, sorted(globals())]`)
      const first = await step(0)
      expect(first).toMatchObject({ error: null, value: [1, [0], expect.any(Array)] })
      for (const x of [1, 2, 3]) expect((await step(x)).value).toEqual([x + 1, [x], (first.value as JsonValue[])[2]])
    })

    it('is for one step of one execution at one visit, its code and what it asks for, and for no call that is no iteration', async () => {
      const keys = ['70:a:1', '71:a:1', '70:b:1', '70:a:2', null, null]
      const values = []
      for (const series of keys) values.push((await call({ code: counted }, { series })).value)
      for (const more of [
        { code: `${counted} ` },
        { libs: { m: 'math' } },
        { network: true },
        { fresh: true },
        { fresh: 'True' },
      ])
        values.push((await call({ code: counted, ...more }, { series: '70:a:1' })).value)
      expect(values).toEqual(values.map(() => 1))
      for (const x of [1, 2, 3]) expect((await call({ code: counted }, { series: '72:a:1' })).value).toBe(x)
    })

    it('is another for each call that asks for it, and so for one execution after another', async () => {
      const fresh = stepOf(counted, { fresh: true })
      for (const x of [0, 1, 2]) expect((await fresh(x)).value).toBe(1)
      const executions = [stepOf(counted), stepOf(counted), stepOf(counted)]
      for (const x of [0, 1, 2])
        expect(await Promise.all(executions.map(async (step) => (await step(x)).value))).toEqual([x + 1, x + 1, x + 1])
    })

    const probe = (left: string) =>
      `${STATE}\nimport json\nmark, found = getattr(json, "mark", 0), state() if x > 0 else None\njson.mark = mark + 1\nif x == 0:\n  ${left.replaceAll('\n', '\n  ')}\nresult = [mark, found]`
    let clean: Promise<JsonValue> | null = null
    const cleanState = () => {
      const step = stepOf(`${STATE}\nresult = [0, state()]`)
      clean ??= step(0).then(({ value }) => value)
      return clean
    }

    it.each(Object.entries({ ...LEFT, ...(isInside ? LEFT_INSIDE : {}) }))('is another after %s', async (_name, left) => {
      const step = stepOf(probe(left))
      await step(0)
      const { value, error } = await step(1)
      expect(error).toBeNull()
      // The names of modules and globals are those of this code.
      const control = stepOf(probe('pass'))
      expect(value).toEqual((await control(1)).value)
    })

    it.each(Object.entries(FINE))('is the same after %s', async (_name, left) => {
      const step = stepOf(probe(left))
      expect((await step(0)).error).toBeNull()
      for (const x of [1, 2]) expect(await step(x)).toMatchObject({ error: null, value: [x, expect.any(Array)] })
      const decimals = ((await step(3)).value as [number, JsonValue[]])[1][21]
      expect(decimals).toBe(((await cleanState()) as [number, JsonValue[]])[1][21])
    })

    it.each([
      ['ends its process', 'os._exit(3)', /exit status 3/],
      ['kills it', 'os.kill(os.getpid(), 9)', /killed/],
      ['crashes it', 'ctypes.string_at(0)', /signal 11/],
      ['takes too much memory', 'kept = [bytearray(b"x") * (1 << 28) for _ in range(8)]', /may use 1024 MiB|killed/],
      ['gives too much', 'result = "x" * 30_000_000', /1 MiB/],
      ['writes into the channel of its result', 'os.write(3, b"{}")', /wrote into the channel/],
      ['writes a line into it', 'os.write(3, b"more 1 2\\n{}")', /wrote into the channel/],
    ])('and a call that %s harms itself alone', async (_name, harm, message) => {
      const step = stepOf(`import ctypes, os, time\ntime.sleep(0.005)\nresult = x\nif x in (5, 17): ${harm}`)
      const ends = await Promise.all(Array.from({ length: 24 }, (_, x) => step(x)))
      for (const [x, { value, error }] of ends.entries()) {
        if (x === 5 || x === 17) expect(error).toMatch(message)
        else expect({ x, value, error }).toEqual({ x, value: x, error: null })
      }
    })

    it('and a call that is out of time, or cancelled, ends alone', async () => {
      const step = stepOf('import time\nif x in (3, 4): time.sleep(60)\nresult = x')
      expect(await Promise.all([step(0), step(1)])).toMatchObject([{ value: 0 }, { value: 1 }])
      const controller = new AbortController()
      const others = [5, 6, 7, 8, 9].map((x) => step(x))
      const late = step(3, { timeoutMs: within(500) })
      const cancelled = step(4, { signal: controller.signal })
      await sleep(200)
      controller.abort()
      expect((await cancelled).error).toMatch(/^TOOL_FAILED: cancelled/)
      expect((await late).error).toMatch(/^TIMEOUT/)
      expect((await Promise.all(others)).map(({ value }) => value)).toEqual([5, 6, 7, 8, 9])
      expect(await step(10)).toMatchObject({ value: 10, error: null })
    })

    it.runIf(isInside)('has the limits of a call for each of them', async () => {
      const sessions = stepOf(`import os
result = 0
for _ in range(6):
  pid = os.fork()
  if pid == 0:
    try: os.setsid()
    except OSError: os._exit(1)
    os._exit(0)
  result += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0`)
      for (const x of [0, 1, 2]) expect(await sessions(x)).toMatchObject({ error: null, value: 6 })

      const memory = stepOf(`${count}much = bytearray(b"x") * (700 << 20)\ndel much\nresult = json.count`)
      for (const x of [0, 1, 2]) expect(await memory(x)).toMatchObject({ error: null, value: x + 1 })

      const light = stepOf(`${count}import os, time
began = time.process_time()
while time.process_time() - began < 0.01: pass
result = [json.count, os.nice(0)]`)
      const seen = []
      for (let x = 0; x < 30; x += 1) {
        seen.push((await light(x)).value)
        await sleep(30)
      }
      // Together they took far more than what makes one call stand back.
      expect(seen).toEqual(seen.map((_, x) => [x + 1, 10]))
    })

    it.runIf(isInside)('is another where the kernel ended a process for want of memory', async () => {
      const small = createCaller('python', environmentWith({ pythonMemoryMib: 128 }))
      const code = `import subprocess, sys, time
if x == 0:
  code = "import time; kept = bytearray(b'x') * (80 << 20); time.sleep(60)"
  both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
  while all(each.poll() is None for each in both): time.sleep(0.001)
  for each in both: each.kill()
  for each in both: each.wait()
else: time.sleep(0.3)
result = x`
      for (let each = 0; each < 5; each += 1) {
        const run = (x: number) => small.run({ code, args: { x }, context: {} }, { series: `small:step:${each}` })
        // It ends as it may: with a value, or for its memory.
        await run(0)
        expect(await run(1)).toMatchObject({ status: 'success', data: 1 })
      }
      await small.close()
    })

    it('gives each call its own log and result', async () => {
      const code = `import os, subprocess, sys
def main(x):
  print("out", x)
  print("err", x, file=sys.stderr)
  os.write(1, b"raw %d\\n" % x)
  if x % 10 == 0: subprocess.run(["echo", "sub", str(x)])
  sys.stdout.write("." * (x * 100))
  return {"x": x, "text": "t" * (x * 1000)}`
      const step = stepOf(code)
      const calls = await Promise.all(Array.from({ length: 120 }, (_, x) => step(x)))
      for (const [x, { value, log }] of calls.entries()) {
        expect(value).toEqual({ x, text: 't'.repeat(x * 1000) })
        expect(log).toBe(`out ${x}\nerr ${x}\nraw ${x}\n${x % 10 === 0 ? `sub ${x}\n` : ''}${'.'.repeat(x * 100)}`)
      }
    })

    it('takes large values, one after another', async () => {
      const step = stepOf('def main(x, text): return [x, len(text), text[:1000]]')
      for (const [x, size] of [10, 3_000_000, 100_000, 1_000_000].entries()) {
        const text = String(x).repeat(size)
        const { value } = await call({ code: 'def main(x, text): return [x, len(text)]', args: { x, text } }, { series: 'large' })
        expect(value).toEqual([x, size])
      }
      expect((await step(0)).error).toMatch(/main needs a value for "text"/)
    })

    it.runIf(process.platform === 'linux')('finds in its memory nothing that was sent to others, or by them', async () => {
      const secret = (size: number) => `found-${'x'.repeat(size)}-nowhere`
      const telling = stepOf('print(x)\nresult = x')
      const sizes = [10, 1_000, 100_000, 400_000]
      for (const [x, size] of [...sizes, ...sizes].entries()) {
        const series = x < sizes.length ? 'secret' : null
        await call({ code: 'print(x)\nresult = x', args: { x: secret(size) } }, { series })
      }
      // In the middle of their way, too: what is printed waits in the parent until the call ends.
      const middle = call(
        { code: 'import time\nprint(x, flush=True)\ntime.sleep(2)', args: { x: secret(1_000) } },
        { series: null },
      )
      await telling(0)
      await sleep(500)
      const look = `
import re
found = 0
for line in open("/proc/self/maps"):
  start, end = (int(word, 16) for word in line.split()[0].split("-"))
  if line.split()[1][0] != "r" or "[v" in line: continue
  with open("/proc/self/mem", "rb", 0) as file:
    try:
      file.seek(start)
      found += len(re.findall(rb"(?:x-no[w]here|found[-]x)", file.read(end - start)))
    except OSError: pass
result = found`
      expect((await call({ code: look }, { series: null })).value).toBe(0)
      expect((await call({ code: look }, { series: 'thief' })).value).toBe(0)
      expect((await middle).error).toBeNull()
    })

    it('has as many as wait for something, and few where calls are short', async () => {
      const waiting = stepOf(`${counted}\nimport time\ntime.sleep(${within(1_000) / 1_000})`)
      const alone = await Promise.all(Array.from({ length: 8 }, (_, x) => waiting(x)))
      expect(alone.map(({ value }) => value)).toEqual(alone.map(() => 1))
      const short = stepOf(counted)
      await short(0)
      // A handful on an idle machine; where calls take long for want of processors, some more.
      const counts = await Promise.all(Array.from({ length: 300 }, (_, x) => short(x)))
      expect(counts.filter(({ value }) => value === 1).length).toBeLessThan(100)
    })

    it('ends after a while without a call, and after many', async () => {
      const step = stepOf(counted)
      expect([(await step(0)).value, (await step(1)).value]).toEqual([1, 2])
      await sleep(within(900))
      expect((await step(2)).value).toBe(1)
      const values = []
      for (let x = 0; x < 2_003; x += 1) values.push((await step(x)).value)
      expect(Math.max(...values.map(Number))).toBe(2_000)
    })
  },
)
