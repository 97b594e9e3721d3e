import { randomUUID } from 'node:crypto'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { serve } from './measure.mjs'

const connect = () => new Redis(process.argv[2] ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: null })
const CONCURRENCY = Number(process.argv[3])
/** A queue of our own on a Redis that others may use. */
const name = `bench-${randomUUID()}`

const queue = new Queue(name, { connection: connect() })
let left = 0
let finished = () => undefined

const worker = new Worker(
  name,
  async ({ data: { flow, step, steps } }) => {
    if (step < steps) {
      await queue.add('step', { flow, step: step + 1, steps })
    } else {
      left -= 1
      if (left === 0) finished()
    }
    return step
  },
  { connection: connect(), concurrency: CONCURRENCY },
)
await worker.waitUntilReady()

async function run({ executions, steps }) {
  left = executions
  const done = new Promise((resolve) => {
    finished = resolve
  })
  await Promise.all(Array.from({ length: executions }, (_, flow) => queue.add('step', { flow, step: 1, steps })))
  await done
}

serve(run, async () => {
  await worker.close(true)
  await queue.obliterate({ force: true })
})
