import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A line to a server that counts how often a client spoke after it was answered. */
export interface CountedLine {
  readonly url: string
  /** Round trips since the last call. */
  count(): number
  /** The next answer is given, but not heard: its connection breaks. */
  loseNextAnswer(): void
  close(): Promise<void>
}

/** What a client sends in several pieces before it hears an answer is one round trip. */
export async function countRoundTrips(url: string): Promise<CountedLine> {
  const { hostname, port } = new URL(url)
  const open = new Set<Socket>()
  let trips = 0
  let isLosing = false
  const server = createServer((near) => {
    const far = connect(Number(port || 5432), hostname)
    let isAnswered = true
    let isProbe: boolean | null = null
    near.on('data', (chunk) => {
      // On a machine that stands still for a moment the database is asked by a connection of its own whether it is there: nobody waits for that.
      isProbe ??= chunk.includes('transient liveness')
      if (isAnswered && !isProbe) trips += 1
      isAnswered = false
      far.write(chunk)
    })
    far.on('data', (chunk) => {
      isAnswered = true
      if (isProbe || !isLosing) {
        near.write(chunk)
        return
      }
      isLosing = false
      near.destroy()
    })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.setNoDelay(true)
      from.on('error', () => undefined)
      from.once('close', () => {
        open.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const counted = new URL(url)
  counted.hostname = '127.0.0.1'
  counted.port = String((server.address() as AddressInfo).port)
  return {
    url: counted.href,
    count() {
      const seen = trips
      trips = 0
      return seen
    },
    loseNextAnswer() {
      isLosing = true
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
