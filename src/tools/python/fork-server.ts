import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { programEnvironment } from '../../config.js'
import type { MemoryGroup } from './memory-group.js'
import type { Command } from './sandbox.js'

const CLOSE_GRACE_MS = 2000
const STDERR_KEPT = 2000

/**
 * Ends that are no exit status: too large a result, or none that can be told from what else was written; too much memory, too many sockets;
 * no process, or it had ended before; the parent itself ended or never began.
 */
const WORDS = ['limit', 'spoilt', 'memory', 'sockets', 'fork', 'gone', 'lost', 'missing'] as const

/** How a call ended: the exit status of its process (negative: a signal), what it sent, and what it printed. */
export interface CallEnd {
  readonly exit: number | (typeof WORDS)[number]
  readonly result: string
  readonly log: string
  /** Whether its process lives and takes another call. */
  readonly isKept: boolean
}

export interface ForkServerListener {
  ready(name: string): void
  gone(name: string): void
}

/** A warm Python process that forks a child for a call, or for calls that follow one another. A process is named by its first call. */
export interface ForkServer {
  readonly isAlive: boolean
  /** Runs a call in a process that ends with it. */
  run(id: string, payload: string): Promise<CallEnd>
  /** Runs a call in a process that is kept, if the call leaves it as it was. */
  open(id: string, payload: string): Promise<CallEnd>
  /** Runs a further call in a process that was kept. */
  next(name: string, id: string, payload: string): Promise<CallEnd>
  kill(name: string): void
  /** Called for each process that is kept: when it has started and begins with its first call, and when it ended without being killed. */
  listen(listener: ForkServerListener): void
  close(): Promise<void>
}

const NOTHING = { result: '', log: '', isKept: false }

/** Starts the interpreter, with the group of the kernel that its calls are in; a failure to start shows as the end of the calls. */
export function startForkServer({ file, args }: Command, group: MemoryGroup | null): ForkServer {
  const waiting = new Map<string, (end: CallEnd) => void>()
  // The environment of a process can be read from the outside of it, so that no secret may be in it to begin with.
  const process = startProcess(file, args, group)
  let isAlive = true
  let stderr = ''
  let listener: ForkServerListener = { ready: () => {}, gone: () => {} }

  const endAll = (end: CallEnd) => {
    isAlive = false
    const resolvers = [...waiting.values()]
    waiting.clear()
    for (const resolve of resolvers) resolve(end)
  }
  const exited = new Promise<void>((resolve) => {
    process.once('error', () => {
      endAll({ ...NOTHING, exit: 'missing' })
      resolve()
    })
    process.once('close', () => {
      endAll({ ...NOTHING, exit: 'lost', log: stderr })
      resolve()
    })
  }).then(() => group?.remove())
  process.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT)
  })
  process.stdout.on(
    'data',
    createFrameReader(
      (id, end) => {
        waiting.get(id)?.(end)
        waiting.delete(id)
      },
      (word, name) => listener[word](name),
    ),
  )
  // A write to a process that just ended fails here; its `close` event ends the calls.
  process.stdin.on('error', () => {})

  const send = (id: string, header: string, payload: string): Promise<CallEnd> =>
    new Promise((resolve) => {
      if (!isAlive) return resolve({ ...NOTHING, exit: 'lost', log: stderr })
      waiting.set(id, resolve)
      const bytes = Buffer.from(payload)
      process.stdin.cork()
      process.stdin.write(`${header} ${bytes.length}\n`)
      process.stdin.write(bytes)
      process.stdin.uncork()
    })

  return {
    get isAlive() {
      return isAlive
    },
    run: (id, payload) => send(id, `run ${id}`, payload),
    open: (id, payload) => send(id, `open ${id}`, payload),
    next: (name, id, payload) => send(id, `next ${name} ${id}`, payload),
    kill: (name) => {
      if (isAlive) process.stdin.write(`kill ${name}\n`)
    },
    listen: (given) => {
      listener = given
    },
    close: () => stop(process, exited),
  }
}

function startProcess(file: string, args: readonly string[], group: MemoryGroup | null) {
  const stdio = ['pipe', 'pipe', 'pipe', ...(group === null ? [] : [group.descriptor])] as const
  try {
    return spawn(file, args, { stdio: [...stdio], env: programEnvironment() }) as ChildProcessWithoutNullStreams
  } finally {
    group?.closeDescriptor()
  }
}

async function stop(process: ChildProcess, exited: Promise<void>): Promise<void> {
  process.stdin?.end()
  const timer = setTimeout(() => process.kill('SIGKILL'), CLOSE_GRACE_MS)
  await exited
  clearTimeout(timer)
}

/** Cuts the responses (`end <id> <exit> <result bytes> <log bytes> <kept or ended>`, then both; `ready <name>`, `gone <name>`) out of the stream. */
function createFrameReader(
  onEnd: (id: string, end: CallEnd) => void,
  onWord: (word: keyof ForkServerListener, name: string) => void,
): (chunk: Buffer) => void {
  let chunks: Buffer[] = []
  let size = 0
  let needed = 0
  const readFrame = (bytes: Buffer): Buffer | null => {
    const lineEnd = bytes.indexOf(10)
    if (lineEnd < 0) return null
    const words = bytes.toString('utf8', 0, lineEnd).split(' ')
    const [word, id = '', exit = '', resultSize = '0', logSize = '0', kept] = words
    const resultEnd = lineEnd + 1 + Number(resultSize)
    const end = resultEnd + Number(logSize)
    needed = end
    if (bytes.length < end) return null
    needed = 0
    if (word === 'ready' || word === 'gone') {
      onWord(word, id)
      return bytes.subarray(end)
    }
    onEnd(id, {
      exit: WORDS.find((word) => word === exit) ?? Number(exit),
      result: bytes.toString('utf8', lineEnd + 1, resultEnd),
      log: bytes.toString('utf8', resultEnd, end),
      isKept: kept === 'kept',
    })
    return bytes.subarray(end)
  }
  return (chunk) => {
    chunks.push(chunk)
    size += chunk.length
    if (size < needed) return
    let rest: Buffer | null = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    while (rest !== null && rest.length > 0) {
      const left = rest
      rest = readFrame(left)
      chunks = [rest ?? left]
    }
    size = chunks[0]?.length ?? 0
  }
}
