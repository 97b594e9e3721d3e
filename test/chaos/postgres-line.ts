import type { Socket } from 'node:net'
import { type Line, startLine } from '../support/line.js'

/** A statement on its way to PostgreSQL, with its parameters as text. */
export interface Statement {
  readonly text: string
  readonly parameters: readonly (string | null)[]
}

/** Where a process dies: before a statement reaches PostgreSQL, or after it was carried out and before its answer is heard. */
export interface Trap {
  readonly at: 'statement' | 'answer'
  /** `transaction`: what was sent since its BEGIN, this statement included. */
  matches(statement: Statement, transaction: readonly Statement[]): boolean
}

export interface PostgresLine extends Line {
  /** Resolves when the trap has closed: what matched goes no further, and its connection is still. Each closes once. */
  arm(trap: Trap): Promise<void>
  disarm(): void
}

const STARTUP_HEADER = 4
const HEADER = 5

/** A line to PostgreSQL that reads what is sent and stops it where it is told: a debugger's breakpoint, from outside. */
export async function startPostgresLine(target: number): Promise<PostgresLine> {
  const traps = new Map<Trap, () => void>()

  /** The traps that a statement runs into, several where executions share a transaction; they are gone then. */
  function caught(statement: Statement, transaction: readonly Statement[]): { at: Trap['at']; close: () => void } | null {
    const hits = [...traps].filter(([trap]) => trap.matches(statement, transaction))
    for (const [trap] of hits) traps.delete(trap)
    const at = hits[0]?.[0].at
    if (at === undefined) return null
    const close = () => {
      for (const [, closed] of hits) closed()
    }
    return { at, close }
  }

  function carry(near: Socket, far: Socket): void {
    const read = createReader()
    let isHeld = false
    let onAnswer: (() => void) | null = null
    near.on('data', (chunk: Buffer) => {
      for (const { bytes, statement, transaction } of isHeld ? [] : read(chunk)) {
        const hit = statement && caught(statement, transaction)
        if (hit?.at === 'statement') {
          isHeld = true
          hit.close()
          return
        }
        if (hit) onAnswer = hit.close
        far.write(bytes)
      }
    })
    far.on('data', (chunk: Buffer) => {
      if (onAnswer === null) near.write(chunk)
      else onAnswer()
    })
  }

  const line = await startLine(target, carry)
  return {
    ...line,
    arm: (trap) => new Promise((resolve) => traps.set(trap, resolve)),
    disarm: () => traps.clear(),
  }
}

interface Read {
  readonly bytes: Buffer
  readonly statement: Statement | null
  readonly transaction: readonly Statement[]
}

/** Cuts a client's bytes into messages (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
function createReader(): (chunk: Buffer) => Read[] {
  const texts = new Map<string, string>()
  let rest: Buffer = Buffer.alloc(0)
  let isStarted = false
  let transaction: Statement[] = []

  function statementOf(kind: string, body: Buffer): Statement | null {
    const [first = '', second = ''] = body.toString('utf8').split('\0', 2)
    if (kind === 'P') texts.set(first, second)
    if (kind === 'Q') return { text: first, parameters: [] }
    if (kind !== 'B') return null
    return { text: texts.get(second) ?? '', parameters: parametersOf(body) }
  }

  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const found: Read[] = []
    for (;;) {
      const header = isStarted ? HEADER : STARTUP_HEADER
      if (rest.length < header) return found
      const length = rest.readUInt32BE(header - 4) + header - 4
      if (rest.length < length) return found
      const bytes = rest.subarray(0, length)
      rest = rest.subarray(length)
      const statement = isStarted ? statementOf(String.fromCharCode(bytes[0] ?? 0), bytes.subarray(HEADER)) : null
      isStarted = true
      if (statement?.text === 'BEGIN') transaction = []
      if (statement) transaction = [...transaction, statement]
      found.push({ bytes, statement, transaction })
    }
  }
}

/** The parameters of a Bind message: two names, the formats, the values. */
function parametersOf(body: Buffer): (string | null)[] {
  let at = body.indexOf(0, body.indexOf(0) + 1) + 1
  at += 2 + 2 * body.readUInt16BE(at)
  const values: (string | null)[] = []
  const count = body.readUInt16BE(at)
  at += 2
  for (let index = 0; index < count; index += 1) {
    const length = body.readInt32BE(at)
    at += 4
    values.push(length < 0 ? null : body.toString('utf8', at, at + length))
    at += Math.max(length, 0)
  }
  return values
}
