import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.js'

const run = (...args: string[]) =>
  createProgram()
    .configureOutput({ writeOut: () => undefined })
    .parseAsync(['node', 'transient', ...args])

it.each([
  [['--pool', ''], /--pool: "" may hold letters/],
  [['--pool', 'a.b'], /--pool: "a.b" may hold letters/],
  [['--concurrency', '0'], /--concurrency: not from 1 to 1000/],
  [['--concurrency', 'many'], /"many" is not a whole number/],
  [['--url', 'nonsense'], /"nonsense" is not a URL of a server, such as/],
  [['--url', 'ftp://127.0.0.1'], /is not a URL of a server/],
  [['--alive-file', '/no/such/folder/file'], /cannot be written/],
])('transient worker %j is refused before anything is claimed', async (args, message) => {
  await expect(run('worker', ...args)).rejects.toThrow(message)
})

it('--version says what is installed', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  await expect(run('--version')).rejects.toMatchObject({ code: 'commander.version', exitCode: 0, message: version })
})

it('the help of a command lists where the server is, too', () => {
  const worker = createProgram().commands.find((command) => command.name() === 'worker')
  const help = worker?.helpInformation() ?? ''
  for (const option of ['--pool', '--concurrency', '--alive-file', '--url', '--key']) expect(help).toContain(option)
})
