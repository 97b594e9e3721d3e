import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A line to a port of this machine. */
export interface Line {
  readonly port: number
  /** Cuts every connection that is open. */
  cut(): void
  /** How often it was cut while something was open. */
  readonly cuts: () => number
  close(): Promise<void>
}

function passOn(near: Socket, far: Socket): void {
  near.pipe(far)
  far.pipe(near)
}

/** Opens a line to the port, asked for anew for each connection; `carry` passes on what comes from either side (all of it where absent). */
export async function startLine(
  target: number | (() => number),
  carry: (near: Socket, far: Socket) => void = passOn,
): Promise<Line> {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(typeof target === 'number' ? target : target(), '127.0.0.1')
    carry(near, far)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.on('error', () => undefined)
      from.once('close', () => {
        open.delete(from)
        to.destroy()
      })
    }
  })
  let cuts = 0
  const cut = () => {
    cuts += open.size > 0 ? 1 : 0
    for (const socket of open) socket.destroy()
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    cuts: () => cuts,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      cut()
      await closed
    },
  }
}
