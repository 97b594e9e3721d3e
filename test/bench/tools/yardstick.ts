import pg from 'pg'
import { request } from 'undici'

/**
 * What a step's tool does, called in a loop in a process of its own: `yardstick.ts URL DATABASE AT_ONCE`. Told `http 2000` or `postgres 2000` it answers how
 * many milliseconds so many calls took, and how much processor time.
 */
const [url = '', database = '', atOnce = '1'] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: database, max: Number(atOnce) })

const CALLS = {
  http: async (item: number) => {
    const { body } = await request(`${url}?item=${item}`)
    return body.json()
  },
  postgres: async (item: number) => (await pool.query('SELECT $1::int + 1 AS next', [item])).rows,
}

process.on('message', (message: { readonly kind: keyof typeof CALLS; readonly count: number }) => void run(message))
process.once('disconnect', () => process.exit(0))
process.send?.('ready')

async function run({ kind, count }: { readonly kind: keyof typeof CALLS; readonly count: number }): Promise<void> {
  const call = CALLS[kind]
  const began = performance.now()
  const before = process.cpuUsage()
  let next = 0
  const loop = async () => {
    while (next < count) await call(next++)
  }
  await Promise.all(Array.from({ length: Number(atOnce) }, loop))
  const { user, system } = process.cpuUsage(before)
  process.send?.({ ms: performance.now() - began, cpuMicros: user + system })
}
