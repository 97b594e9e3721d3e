import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../support/paths.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { openTerminal, type Terminal } from '../support/terminal.js'
import { startProcess, until } from '../support/worker.js'

/** Collects garbage all the time, as a long run does now and then. */
const GARBAGE = [
  '--expose-gc',
  '--import',
  `data:text/javascript,${encodeURIComponent('setInterval(() => globalThis.gc(), 100).unref()')}`,
]
const CLI = join(ROOT, 'bin/transient.js')

/** Two steps: one at once, one that takes its time. */
const playbook = (name: string, seconds: number) => `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: ${name}, path: test/${name}}
workflow:
- step: start
  vars: {begun: true}
  next: work
- step: work
  tool: {kind: python, code: "import time; time.sleep(${seconds}); result = 1"}
  vars: {done: true}
`

describe('a command that has said its last line', () => {
  let server: TestServer
  let folder: string
  let terminal: Terminal | null = null

  beforeAll(async () => {
    server = await startTestServer()
    folder = mkdtempSync(join(tmpdir(), 'transient-cli-'))
    writeFileSync(join(folder, 'short.yaml'), playbook('short', 1))
    writeFileSync(join(folder, 'long.yaml'), playbook('long', 600))
  })
  afterEach(async () => {
    await terminal?.close()
    terminal = null
  })
  afterAll(async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  })

  const start = (file: string): Terminal => {
    terminal = openTerminal([process.execPath, CLI, '--url', server.url, 'execution', 'run', join(folder, file)])
    return terminal
  }
  const idIn = (shown: string): string => /execution (\d+)/.exec(shown)?.[1] ?? ''

  it.each([['execution run'], ['execution watch'], ['demo']])('%s ends, whatever was collected meanwhile', async (command) => {
    const words = command.split(' ')
    if (command === 'execution run') words.push(join(folder, 'short.yaml'))
    if (command === 'execution watch') words.push(await server.startExecution(await server.register(playbook('short', 1))))
    const ran = startProcess(process.execPath, [...GARBAGE, CLI, '--url', server.url, ...words])
    await until(() => /execution \d+ completed/.test(ran.output()), `${command} shows the end`, 90_000)
    expect(await Promise.race([ran.ended, new Promise((resolve) => setTimeout(resolve, 30_000, 'still there'))])).toBe(0)
  })

  it('on a terminal, Ctrl-C ends it while the spinner turns, and it says that the execution goes on, and how to see and end it', async () => {
    const screen = start('long.yaml')
    const id = idIn(await screen.until('work'))
    await screen.press('Ctrl-C')
    expect(await screen.state('SIGINT')).toBe('SIGINT')
    const shown = await screen.until('to end it')
    expect(shown).toContain(`transient --url ${server.url} execution watch ${id}`)
    expect(shown).toContain(`transient --url ${server.url} execution cancel ${id}`)
    // The cursor that the spinner hid is back.
    expect(shown.lastIndexOf('\u001b[?25h')).toBeGreaterThan(shown.lastIndexOf('\u001b[?25l'))
    expect((await server.execution(id)).status).toBe('RUNNING')
  })

  it('Ctrl-Z stops it, and says the same; fg goes on where it was, and Ctrl-Z works again', async () => {
    const screen = start('long.yaml')
    const id = idIn(await screen.until('work'))
    for (const _ of ['once', 'again']) {
      await screen.forget()
      await screen.press('Ctrl-Z')
      expect(await screen.state('stopped')).toBe('stopped')
      await screen.until(`execution cancel ${id}`)
      await screen.forget()
      await screen.continue()
      expect(await screen.state('runs')).toBe('runs')
      await screen.until('work')
    }
    await screen.press('Ctrl-C')
    expect(await screen.state('SIGINT')).toBe('SIGINT')
  })

  it('SIGTERM says it, too, on stderr, and stdout has the data alone', async () => {
    const ran = startProcess(process.execPath, [
      CLI,
      '--url',
      server.url,
      '-o',
      'jsonl',
      'execution',
      'run',
      join(folder, 'long.yaml'),
    ])
    await until(() => ran.output().includes('"work"'), 'the step runs', 60_000)
    ran.signal('SIGTERM')
    expect(await ran.ended).toBe('SIGTERM')
    expect(ran.output()).toContain('goes on without this command')
  })

  it('vars watch and an idle worker end with Ctrl-C', async () => {
    for (const [words, last] of [
      [['vars', 'watch', '700000000000000001'], 'watching from'],
      [['worker', '--pool', 'nobody'], 'claims tasks'],
    ] as const) {
      const screen = openTerminal([process.execPath, CLI, '--url', server.url, ...words])
      terminal = screen
      await screen.until(last)
      await screen.press('Ctrl-C')
      const ended = words[0] === 'vars' ? 'SIGINT' : 'exit 0'
      expect(await screen.state(ended)).toBe(ended)
      await screen.close()
      terminal = null
    }
  })
})
