// Which files of src/ run for one write, and for one execution of two steps: `npm run flow`. The server runs from source in this process, on a
// PostgreSQL of its own in a temporary folder; V8 counts the calls of every function (precise coverage). What a file does when it is imported is
// not counted, nor is what runs while nobody asks anything (the relay's and the retention's rounds).
import { mkdtempSync, rmSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../src/config.js'
import { createLogger } from '../src/server/logger.js'
import { startServer } from '../src/server/main.js'

const SOURCES = fileURLToPath(new URL('../src/', import.meta.url))
const GENERATED = /(?:^|\/)generated\//
/** Each request is made so often; a file is counted when it ran every time. */
const TIMES = 5
const LIMIT_MS = 20_000

const PLAYBOOK = `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: flow, path: flow}
workflow:
  - step: start
    tool: {kind: python, code: 'result = {"n": 1}'}
    vars: {n: "{{ result.n }}"}
    next: [{step: second}]
  - step: second
    vars: {m: "{{ vars.n + 1 }}"}
`

/** The files in which a function ran since the last call. */
async function ranSince(session: Session): Promise<Set<string>> {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const ran = result.filter(({ url, functions }) => {
    if (!url.startsWith('file:') || !fileURLToPath(url).startsWith(SOURCES)) return false
    // What begins with the file is the file itself, which runs when it is imported.
    return functions.some(({ ranges: [range] }) => range !== undefined && range.startOffset > 0 && range.count > 0)
  })
  const names = ran.map(({ url }) => relative(SOURCES, fileURLToPath(url)))
  return new Set(names.filter((name) => !GENERATED.test(name)))
}

/** The files that run for a request every time it is made. */
async function filesOf(session: Session, request: () => Promise<void>): Promise<string[]> {
  await request()
  const times: Set<string>[] = []
  for (let time = 0; time < TIMES; time += 1) {
    await ranSince(session)
    await request()
    times.push(await ranSince(session))
  }
  const [first = new Set<string>()] = times
  return [...first].filter((file) => times.every((ran) => ran.has(file))).sort()
}

function show(title: string, files: readonly string[]): void {
  console.info(`\n${title}: ${files.length} files`)
  const byFolder = new Map<string, string[]>()
  for (const file of files) {
    const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '.'
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), file.slice(file.lastIndexOf('/') + 1).replace(/\.ts$/, '')])
  }
  for (const [folder, names] of byFolder) console.info(`  ${folder}: ${names.join(', ')}`)
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'transient-flow-'))
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  const server = await startServer(loadConfig({ PORT: '0', DATA_DIR: dataDir }), { logger: createLogger('warn') })
  try {
    const post = async (path: string, body: object): Promise<unknown> => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
      return answer.json()
    }
    let written = 0
    const write = async (): Promise<void> => {
      const query =
        'mutation ($input: UpsertVariableInput!) { upsertVariable(input: $input) { revision variable { name value } } }'
      written += 1
      await post('/graphql', { query, variables: { input: { executionId: '1', name: 'n', value: written } } })
    }
    await post('/api/playbooks', { source: PLAYBOOK })
    const execute = async (): Promise<void> => {
      const { id } = (await post('/api/executions', { path: 'flow' })) as { readonly id: string }
      const endsAt = Date.now() + LIMIT_MS
      // Looked at by no request: what it would run is not the execution's.
      while ((await server.services.executions.find(id))?.status !== 'completed') {
        if (Date.now() > endsAt) throw new Error('the execution did not complete')
        await sleep(100)
      }
    }
    show('one upsertVariable over HTTP', await filesOf(session, write))
    show('one execution of two steps, the first in python', await filesOf(session, execute))
  } finally {
    await server.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

await main()
process.exit(0)
