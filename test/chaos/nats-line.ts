import type { Socket } from 'node:net'
import { type Line, startLine } from '../support/line.js'

/** A message on its way to NATS. */
export interface Published {
  readonly subject: string
  readonly body: string
}

export interface NatsLine extends Line {
  /** Resolves when such a message was sent: neither it nor anything after it on its connection arrives. */
  arm(matches: (message: Published) => boolean): Promise<void>
  disarm(): void
}

const LINE_END = '\r\n'

/** A line to NATS that reads what is published and stops it where it is told. */
export async function startNatsLine(target: number): Promise<NatsLine> {
  const traps = new Map<(message: Published) => boolean, () => void>()

  /** Whether a message runs into a trap; the trap is gone then. */
  function isCaught(message: Published): boolean {
    for (const [matches, close] of traps) {
      if (!matches(message)) continue
      traps.delete(matches)
      close()
      return true
    }
    return false
  }

  function carry(near: Socket, far: Socket): void {
    const read = createReader()
    let isHeld = false
    near.on('data', (chunk: Buffer) => {
      // What comes after a trap goes no further, and may run into others.
      for (const { bytes, message } of read(chunk)) {
        if (message !== null && isCaught(message)) isHeld = true
        if (!isHeld) far.write(bytes)
      }
    })
    far.pipe(near)
  }

  const line = await startLine(target, carry)
  return {
    ...line,
    arm: (matches) => new Promise((resolve) => traps.set(matches, resolve)),
    disarm: () => traps.clear(),
  }
}

interface Read {
  readonly bytes: Buffer
  readonly message: Published | null
}

/** Cuts a client's bytes into operations (https://docs.nats.io/reference/reference-protocols/nats-protocol). */
function createReader(): (chunk: Buffer) => Read[] {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const found: Read[] = []
    for (;;) {
      const end = rest.indexOf(LINE_END)
      if (end < 0) return found
      const [operation = '', subject = '', ...more] = rest.toString('utf8', 0, end).split(' ')
      const isMessage = /^H?PUB$/i.test(operation)
      const bodyAt = end + LINE_END.length
      const size = isMessage ? Number(more.at(-1)) : 0
      const length = isMessage ? bodyAt + size + LINE_END.length : bodyAt
      if (rest.length < length) return found
      const body = rest.toString('utf8', bodyAt, bodyAt + size)
      found.push({ bytes: rest.subarray(0, length), message: isMessage ? { subject, body } : null })
      rest = rest.subarray(length)
    }
  }
}
