import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from '../support/paths.js'
import { cpuSeconds, endedChildrenCpuSeconds } from '../support/process.js'
import { startTestServer } from '../support/server.js'
import { medianOf, report, tableOf } from './lib/report.js'

/**
 * `npm run bench:python`: one asynchronous iterator over 10,000 items whose step is a line of Python, on a server with a PostgreSQL of its
 * own: eight iterations at once, as by default; 32; and with `fresh: true`, a process for each. Beside a `python3` that runs the same function
 * over the same list in one process, and one that starts anew for each call.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const ITEMS = Number(process.env['BENCH_ITEMS'] ?? 10_000)
/** Where each call has a process and imports for itself, 10,000 take half an hour. */
const FRESH_ITEMS = Number(process.env['BENCH_FRESH_ITEMS'] ?? 100)
const AT_ONCE = 32
/** A process a call costs the same however many there are. */
const FRESH_CALLS = Number(process.env['BENCH_FRESH'] ?? 20)
const SLOW_MODULE = 'import time\nend = time.thread_time() + 0.2\nwhile time.thread_time() < end: pass\n'

const FUNCTION = 'def main(x): return x + 1'
const CASES = [
  { name: 'nothing imported', id: 'pythonCalls', code: FUNCTION },
  { name: '`import json, decimal`', id: null, code: `import json, decimal\n${FUNCTION}` },
  { name: 'a module that takes 200 ms', id: 'pythonImport', code: `import slow_module\n${FUNCTION}` },
] as const

interface Round {
  readonly perSecond: number
  readonly cpuMicros: number
}

let playbooks = 0
const columns = ['code', 'who', 'calls', 'calls/s, median', 'rounds', 'CPU of a call, µs']
const lines: (string | number)[][] = []
const seconds: Record<string, number> = {}

// Not below /tmp, which is each call's own.
const folder = mkdtempSync(join(cacheFolder(), 'bench-python-'))
// Calls run as users of their own.
chmodSync(folder, 0o755)
try {
  const python = interpreterWith(folder)
  const server = await startTestServer({ env: { DATABASE_URL: '', NATS_URL: '', PYTHON: python, CONCURRENCY: String(AT_ONCE) } })
  try {
    for (const { name, id, code } of CASES) {
      const contenders = [
        iteratorOf('Transient, an async iterator', ITEMS, await server.register(playbookOf(code, 'mode: async'))),
        iteratorOf(
          `the same, ${AT_ONCE} at once`,
          ITEMS,
          await server.register(playbookOf(code, `mode: async, concurrency: ${AT_ONCE}`)),
        ),
        iteratorOf('the same, `fresh: true`', FRESH_ITEMS, await server.register(playbookOf(code, 'mode: async', 'fresh: true'))),
        { who: 'python3, one process', calls: ITEMS, run: async () => oneProcess(python, code, ITEMS), rounds: [] as Round[] },
        { who: 'python3, one for each call', calls: FRESH_CALLS, run: async () => fresh(python, code), rounds: [] as Round[] },
      ]
      for (const { who, run } of contenders) if (who.startsWith('Transient')) await run(20)
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const one of contenders) {
          one.rounds.push(await one.run())
          console.info(`round ${round + 1}: ${name}, ${one.who}: ${one.rounds.at(-1)?.perSecond.toFixed(0)}/s`)
        }
      }
      for (const { who, calls, rounds } of contenders) {
        const rates = rounds.map(({ perSecond }) => perSecond)
        const cpu = medianOf(rounds.map(({ cpuMicros }) => cpuMicros))
        lines.push([name, who, calls, medianOf(rates).toFixed(0), rates.map((rate) => rate.toFixed(0)).join(' '), cpu.toFixed(0)])
      }
      const ours = medianOf(contenders[0]?.rounds.map(({ perSecond }) => perSecond) ?? [])
      if (id !== null) seconds[id] = 10_000 / ours
    }
  } finally {
    await server.close()
  }
  report({
    name: 'python',
    command: 'npm run bench:python',
    versions: [execFileSync(python, ['-V'], { encoding: 'utf8' }).trim()],
    body: [tableOf(columns, lines)],
    reached: seconds,
  })

  function iteratorOf(who: string, calls: number, path: string) {
    return { who, calls, run: (items = calls) => iterate(path, items), rounds: [] as Round[] }
  }

  /** From the start of the execution to its end; the processor time is the server's and its interpreters', without PostgreSQL's. */
  async function iterate(path: string, items: number): Promise<Round> {
    // Interpreters of the round before are idle for half a second; what ends one takes its processor time along.
    await sleep(1_000)
    const before = cpuWithInterpreters(server.pid())
    const began = performance.now()
    const id = await server.startExecution(path, { items: Array.from({ length: items }, (_, index) => index) })
    const { status, error } = await server.untilEnded(id, 3_600_000)
    const taken = (performance.now() - began) / 1000
    if (status !== 'COMPLETED') throw new Error(`the execution ended as ${status}: ${error?.message}`)
    const used = cpuWithInterpreters(server.pid()) - before
    return { perSecond: items / taken, cpuMicros: (used * 1e6) / items }
  }
} finally {
  rmSync(folder, { recursive: true })
}

/** Of the server, and of its children without PostgreSQL and what they started; calls count once they have ended. */
function cpuWithInterpreters(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  const interpreters = children.filter((child) => !readFileSync(`/proc/${child}/comm`, 'utf8').startsWith('postgres'))
  return cpuSeconds(pid) + interpreters.reduce((sum, child) => sum + cpuOfFamily(child), 0)
}

function cpuOfFamily(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  return cpuSeconds(pid) + endedChildrenCpuSeconds(pid) + children.reduce((sum, child) => sum + cpuOfFamily(child), 0)
}

function cacheFolder(): string {
  const path = join(ROOT, 'node_modules/.cache')
  mkdirSync(path, { recursive: true })
  return path
}

/** An environment of its own, with the module that is slow to import. */
function interpreterWith(place: string): string {
  execFileSync('python3', ['-m', 'venv', '--without-pip', place])
  const python = join(place, 'bin/python')
  const packages = execFileSync(python, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], { encoding: 'utf8' })
  writeFileSync(join(packages.trim(), 'slow_module.py'), SLOW_MODULE)
  return python
}

function playbookOf(code: string, mode: string, more = 'fresh: false'): string {
  const text = code.split('\n').map((line) => `      ${line}`)
  return [
    'apiVersion: noetl.io/v1',
    'kind: Playbook',
    `metadata: {name: bench_python, path: bench/python${++playbooks}}`,
    'workflow:',
    '  - step: start',
    `    loop: {in: "{{ workload.items }}", iterator: x, ${mode}, fail_fast: true}`,
    `    ${more}`,
    '    tool: python',
    '    args: {x: "{{ x }}"}',
    '    code: |',
    ...text,
  ].join('\n')
}

function oneProcess(python: string, code: string, items: number): Round {
  const program = `${code}\nimport json, sys\nprint(len(json.dumps([main(x) for x in range(${items})])))`
  return timed(items, () => execFileSync(python, ['-I', '-c', program]))
}

function fresh(python: string, code: string): Round {
  return timed(FRESH_CALLS, () => {
    for (let x = 0; x < FRESH_CALLS; x += 1) execFileSync(python, ['-I', '-c', `${code}\nprint(main(${x}))`])
  })
}

function timed(calls: number, work: () => void): Round {
  const before = endedChildrenCpuSeconds(process.pid)
  const began = performance.now()
  work()
  const taken = (performance.now() - began) / 1000
  return { perSecond: calls / taken, cpuMicros: ((endedChildrenCpuSeconds(process.pid) - before) * 1e6) / calls }
}
