import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ROOT } from './paths.js'

/** A command on a terminal of its own, as somebody sits before it. */
export interface Terminal {
  /** Waits for a text; answers all that was shown since `forget`. */
  until(text: string): Promise<string>
  forget(): Promise<void>
  press(key: 'Ctrl-C' | 'Ctrl-Z'): Promise<void>
  /** Waits until it is so; answers how it is. */
  state(expected: string): Promise<string>
  /** As `fg` does. */
  continue(): Promise<void>
  close(): Promise<void>
}

const KEYS = { 'Ctrl-C': '03', 'Ctrl-Z': '1a' } as const

/** Starts a program on a terminal. */
export function openTerminal(command: readonly string[], env: Record<string, string> = {}): Terminal {
  const child = spawn('python3', [join(ROOT, 'test/support/terminal.py'), ...command], {
    cwd: ROOT,
    // A continuous integration's variable tells programs that nobody sits there.
    env: { ...process.env, CI: undefined, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (order: string): Promise<[boolean | string, string]> => {
    child.stdin.write(`${order}\n`)
    const { value } = await answers.next()
    return JSON.parse(value ?? 'null') as [boolean | string, string]
  }
  return {
    async until(text) {
      const [isShown, shown] = await ask(`until ${text}`)
      if (isShown !== true) throw new Error(`"${text}" was not shown, but:\n${shown}`)
      return shown
    },
    async forget() {
      await ask('forget')
    },
    async press(key) {
      await ask(`key ${KEYS[key]}`)
    },
    async state(expected) {
      return String((await ask(`state ${expected}`))[0])
    },
    async continue() {
      await ask('continue')
    },
    close: () =>
      new Promise((resolve) => {
        child.once('close', () => resolve())
        child.stdin.end()
      }),
  }
}
