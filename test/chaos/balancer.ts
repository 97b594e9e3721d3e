import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Balancer {
  readonly url: string
  close(): Promise<void>
}

/** One port before several processes, taken in turn: one that refuses is passed over, one that is frozen is not noticed. */
export async function startBalancer(urls: readonly string[]): Promise<Balancer> {
  const ports = urls.map((url) => Number(new URL(url).port))
  const open = new Set<Socket>()
  let turn = 0

  function join(near: Socket, triesLeft: number): void {
    turn += 1
    const far = connect(ports[turn % ports.length] ?? 0, '127.0.0.1')
    far.once('connect', () => {
      open.add(far)
      near.pipe(far)
      far.pipe(near)
    })
    far.once('error', () => {
      if (far.bytesRead > 0 || triesLeft === 0) near.destroy()
    })
    far.once('close', () => {
      const wasOpen = open.delete(far)
      if (wasOpen || triesLeft === 0 || near.destroyed) near.destroy()
      else join(near, triesLeft - 1)
    })
    near.once('close', () => far.destroy())
  }

  const server = createServer((near) => {
    open.add(near)
    near.on('error', () => undefined)
    near.once('close', () => open.delete(near))
    join(near, ports.length - 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
