import { createWriteStream, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One variable of a message: name, operation, value. */
export type LoggedChange = readonly [name: string, operation: string, value: unknown]

/** What a client saw, line by line, in the order in which it saw it. `at` is milliseconds of this process' clock. */
export type ClientLine =
  | { readonly event: 'connect'; readonly at: number; readonly instance: string; readonly after: number | null }
  | {
      readonly event: 'message'
      readonly at: number
      readonly kind: 'SUBSCRIBED' | 'CHANGED' | 'BOOKMARK'
      readonly revision: number
      readonly changes: readonly LoggedChange[]
    }
  | { readonly event: 'disconnect'; readonly at: number; readonly code: number }

/** A write that was acknowledged. */
export interface WriteLine {
  readonly event: 'acknowledged'
  readonly at: number
  readonly executionId: string
  readonly revision: number
  readonly changes: readonly LoggedChange[]
}

export interface ClientLog {
  readonly client: string
  readonly executionId: string
  readonly lines: readonly ClientLine[]
}

/** All that is known about a run once it is over. */
export interface Evidence {
  readonly clients: readonly ClientLog[]
  readonly writes: readonly WriteLine[]
}

export interface Recorder {
  client(name: string, executionId: string): (line: ClientLine) => void
  write(line: WriteLine): void
  /** Ends the recording and reads it back from the files: what the checkers see is what was written down. */
  finish(): Promise<Evidence>
}

/** Logs of clients and writers as JSON lines in a new temporary folder, whose name is printed. */
export function createRecorder(purpose: string): Recorder {
  const folder = mkdtempSync(join(tmpdir(), `transient-watch-${purpose}-`))
  console.info(`client logs: ${folder}`)
  const files = new Map<string, ReturnType<typeof createWriteStream>>()
  function append(name: string, line: object): void {
    const file = files.get(name) ?? createWriteStream(join(folder, name))
    files.set(name, file)
    file.write(`${JSON.stringify(line)}\n`)
  }
  return {
    client: (name, executionId) => (line) => append(`client.${executionId}.${name}.jsonl`, line),
    write: (line) => append('writes.jsonl', line),
    async finish() {
      await Promise.all([...files.values()].map((file) => new Promise<void>((resolve) => file.end(() => resolve()))))
      return readEvidence(folder)
    },
  }
}

function readEvidence(folder: string): Evidence {
  const clients: ClientLog[] = []
  let writes: WriteLine[] = []
  for (const name of readdirSync(folder)) {
    const lines = readFileSync(join(folder, name), 'utf8').trim().split('\n')
    const [kind, executionId, client] = name.split('.')
    if (kind === 'writes') writes = lines.map((line) => JSON.parse(line) as WriteLine)
    else clients.push({ client: client ?? '', executionId: executionId ?? '', lines: lines.map((line) => JSON.parse(line)) })
  }
  return { clients, writes }
}
