import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connectTo } from './databases.js'
import type { Effect } from './record.js'

/** The world outside: a service, a file and a table, each of which remembers what steps did to it, and when. */
export interface EffectSink {
  /** Takes a POST; its key is the header Effect, or else Idempotency-Key. */
  readonly url: string
  /** One line `key milliseconds` for each effect. */
  readonly file: string
  /** Every effect so far. */
  list(): Promise<Effect[]>
  close(): Promise<void>
}

/** Opens the sink; `databaseUrl` gets a table `effect (key, at)`. */
export async function openEffectSink(databaseUrl: string, file: string): Promise<EffectSink> {
  const posted: Effect[] = []
  const server = createServer((request, response) => {
    request.resume()
    posted.push({ key: String(request.headers['effect'] ?? request.headers['idempotency-key']), at: Date.now() })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok": true}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  writeFileSync(file, '', { mode: 0o666 })
  const table = async <Row extends object>(sql: string) => {
    const client = await connectTo(databaseUrl)
    const { rows } = await client.query<Row>(sql)
    await client.end()
    return rows
  }
  await table('CREATE TABLE effect (key text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    file,
    async list() {
      const rows = await table<Effect>('SELECT key, (extract(epoch FROM at) * 1000)::float8 AS at FROM effect')
      const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
      const written = lines.map((line) => ({ key: line.split(' ')[0] ?? '', at: Number(line.split(' ')[1]) }))
      return [...posted, ...rows, ...written]
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
