import { afterAll, describe, expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { createCaller, environmentWith } from './call.js'

/** Python in lines, without the margin that it has in this file. */
function code(lines: string): string {
  const margin = /^\n( *)/.exec(lines)?.[1] ?? ''
  return lines.replaceAll(`\n${margin}`, '\n').trim()
}

const LOOKS_ITSELF_UP = code(`
  from __future__ import annotations
  import collections, dataclasses, doctest, enum, inspect, pickle, sys, timeit, typing, unittest
  @dataclasses.dataclass
  class Point:
    x: int
    next: Point | None = None
    kind: typing.ClassVar[str] = "p"
  class Color(enum.Enum):
    RED = 1
  class Pair(typing.NamedTuple):
    left: Point
  Old = collections.namedtuple("Old", "a b")
  class Shape(typing.TypedDict):
    corner: Point
  def double(x: int) -> int:
    """
    >>> double(2)
    4
    """
    return x * 2
  class Tests(unittest.TestCase):
    def test_double(self): self.assertEqual(double(1), 2)
  def main():
    kept = [Point(1, Point(2)), Color.RED, Pair(Point(3)), Old(1, 2), double]
    return {
      "dataclass": dataclasses.asdict(Point(1, Point(2))),
      "pickle": pickle.loads(pickle.dumps(kept)) == kept,
      "hints": [typing.get_type_hints(each)[name].__name__ for each, name in ((Shape, "corner"), (Pair, "left"), (double, "x"))],
      "source": [inspect.getsource(double).splitlines()[0], inspect.getsource(Color).splitlines()[1].strip()],
      "module": inspect.getmodule(Point) is sys.modules[__name__] is sys.modules["__main__"],
      "unittest": unittest.main(exit=False, argv=["tests"]).result.testsRun,
      "timeit": timeit.timeit("double(1)", "from __main__ import double", number=1) > 0,
      "doctest": list(doctest.testmod()),
      "name": [__name__, sys.argv],
    }
`)

// Calls stand back behind whatever else the machine has to do.
describe.each(['auto', 'off'] as const)('python code is a program, sandbox %s', { timeout: within(120_000) }, (pythonSandbox) => {
  const python = createCaller('python', environmentWith({ pythonSandbox }))
  afterAll(() => python.close())

  it('whose module is found by what looks itself up', async () => {
    expect(await python.data({ code: LOOKS_ITSELF_UP })).toEqual({
      dataclass: { x: 1, next: { x: 2, next: null } },
      pickle: true,
      hints: ['Point', 'Point', 'int'],
      source: ['def double(x: int) -> int:', 'RED = 1'],
      module: true,
      unittest: 1,
      timeit: true,
      doctest: [0, 1],
      name: ['__playbook__', ['<code>']],
    })
  })

  it('whose functions other processes find', async () => {
    const pools = code(`
      import concurrent.futures, multiprocessing
      def double(x): return x * 2
      def main():
        fork = multiprocessing.get_context("fork")
        with fork.Pool(2) as pool: first = pool.map(double, [1, 2])
        with concurrent.futures.ProcessPoolExecutor(2, fork) as pool: return [first, list(pool.map(double, [3]))]
    `)
    expect(await python.data({ code: pools })).toEqual([[2, 4], [6]])
  })

  it('whose exceptions show what caused them, in the message and as Python prints them in the log', async () => {
    const caused = code(`
      def main():
        try:
          {}["customer_id"]
        except KeyError as e:
          raise RuntimeError("wrapped") from e
    `)
    expect(await python.error({ code: caused })).toBe(
      'TOOL_FAILED: RuntimeError: wrapped (line 5 of the code: raise RuntimeError("wrapped") from e); ' +
        'caused by KeyError: \'customer_id\' (line 3 of the code: {}["customer_id"])',
    )
    const printed = python.log().replace(/^[ ~^]+\n/gm, '')
    expect(printed).toBe(
      'Traceback (most recent call last):\n  File "<code>", line 3, in main\n    {}["customer_id"]\nKeyError: \'customer_id\'\n\n' +
        'The above exception was the direct cause of the following exception:\n\n' +
        'Traceback (most recent call last):\n  File "<code>", line 5, in main\n    raise RuntimeError("wrapped") from e\nRuntimeError: wrapped\n',
    )
  })

  it('whose contexts, notes and groups are there; what Python hides is not', async () => {
    const context = 'try:\n  1 / 0\nexcept ZeroDivisionError:\n  int("x")'
    expect(await python.error({ code: context })).toMatch(/ValueError: .*; while handling ZeroDivisionError: division by zero/)
    expect(python.log()).toMatch(/ZeroDivisionError: division by zero\n\nDuring handling[\s\S]*\nValueError: /)
    expect(await python.error({ code: context.replace('int("x")', 'raise KeyError("k") from None') })).not.toContain(
      'ZeroDivision',
    )
    expect(python.log()).not.toContain('ZeroDivision')

    if (!(await python.data({ code: 'import sys\nresult = sys.version_info >= (3, 11)' }))) return
    const group = code(`
      def main():
        noted = TypeError("second")
        noted.add_note("look here")
        inner = ExceptionGroup("inner", [noted, OSError(5, "third")])
        raise ExceptionGroup("many", [ValueError("first"), inner])
    `)
    expect(await python.error({ code: group })).toMatch(
      /ExceptionGroup: many \(2 sub-exceptions\) .*; its member ValueError: first; .*TypeError: second; note: look here; .*third/,
    )
    const log = python.log()
    for (const text of ['ValueError: first', 'TypeError: second', 'look here', 'OSError: [Errno 5] third', '---- 1 ----']) {
      expect(log).toContain(text)
    }
    expect(log).not.toContain('child.py')
  })

  it('whose exceptions may be odd: without a message, in a circle, thousands of them', async () => {
    const unprintable = 'class Odd(Exception):\n  def __str__(self): raise ValueError\nraise Odd()'
    expect(await python.error({ code: unprintable })).toMatch(/^TOOL_FAILED: Odd: /)
    const circle = 'a, b = ValueError("a"), ValueError("b")\na.__cause__, b.__cause__ = b, a\nraise a'
    expect(await python.error({ code: circle })).toMatch(/ValueError: a .*; caused by ValueError: b$/)
    const chain = 'e = None\nfor n in range(500):\n  f = ValueError("n" * 900)\n  f.__cause__ = e\n  e = f\nraise e'
    expect((await python.error({ code: chain })).length).toBeLessThan(5000)
  })

  it('whose threads are waited for, and whose atexit runs, after an error too', async () => {
    const threads = (end: string) =>
      code(`
        import atexit, concurrent.futures, multiprocessing, threading, time
        atexit.register(print, "atexit ran")
        def work(name):
          time.sleep(0.3)
          print(name, "done", flush=True)
        def main():
          threading.Thread(target=work, args=("thread",)).start()
          threading.Thread(target=time.sleep, args=(300,), daemon=True).start()
          concurrent.futures.ThreadPoolExecutor(1).submit(work, "pool")
          multiprocessing.get_context("fork").Process(target=work, args=("process",)).start()
          value = [1]
          threading.Timer(0.1, value.append, (2,)).start()
          ${end}
      `)
    expect(await python.data({ code: threads('return value') })).toEqual([1])
    for (const text of ['thread done', 'pool done', 'process done', 'atexit ran']) expect(python.log()).toContain(text)
    expect(await python.error({ code: threads('raise ValueError("no")') })).toMatch(/ValueError: no/)
    for (const text of ['ValueError: no\n', 'thread done', 'pool done', 'process done', 'atexit ran']) {
      expect(python.log()).toContain(text)
    }
  })

  it('whose endless thread ends at the timeout, and is named in the log', async () => {
    const endless = 'import threading, time\nthreading.Thread(target=time.sleep, args=(300,), name="poller").start()\nresult = 1'
    expect(await python.error({ code: endless }, { timeoutMs: within(1_500) })).toMatch(/^TIMEOUT/)
    expect(python.log()).toContain('waiting for threads that are no daemons: poller')
  })

  it('whose processes left behind are named in the log', async () => {
    const left = code(`
      import os, subprocess, sys
      subprocess.Popen(["sleep", "61"])
      subprocess.Popen(["sleep", "62"], start_new_session=True)
      subprocess.run([sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '63'])"])
      ended = subprocess.Popen(["true"])
      ended.wait()
      result = 1
    `)
    expect(await python.data({ code: left })).toBe(1)
    const line = python.log()
    expect(line).toMatch(/^still running when the code ended, and stopped: /)
    for (const name of ['sleep 61', 'sleep 62', 'sleep 63']) expect(line).toContain(name)
    expect(await python.data({ code: 'import subprocess\nsubprocess.run(["true"])\nresult = 2' })).toBe(2)
    expect(python.log()).toBe('')
  })

  it('that finds nothing of the call before it', async () => {
    const state = code(`
      import builtins, os, sys, threading
      result = [sorted(vars(builtins)), sorted(sys.modules), threading.active_count(), sorted(os.listdir("/proc/self/fd"))[:4],
                sorted(name for name in globals()), sys.stdout is sys.__stdout__, signalled if "signalled" in globals() else None]
    `)
    const first = await python.data({ code: state })
    const dirty = code(`
      import builtins, json, os, sys, threading, time
      builtins.leak = builtins.print = 1
      sys.modules["leak"] = sys
      del sys.modules["json"]
      signalled = 1
      threading.Thread(target=time.sleep, args=(300,), daemon=True).start()
      [open("/dev/null") for _ in range(9)]
      sys.stdout = None
      if os.getpid() < 1000: open("/tmp/leak", "w").write("x")
      result = 1
    `)
    expect(await python.data({ code: dirty })).toBe(1)
    expect(await python.data({ code: state })).toEqual(first)
  })
})
