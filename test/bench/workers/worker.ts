import { createWorker } from '../../../src/sdk/index.js'

/** A worker in a process of its own, whose tool costs nothing: `worker.ts URL POOL CONCURRENCY`, until its parent leaves. */
const [url = '', pool = '', concurrency = '1'] = process.argv.slice(2)
const worker = createWorker({
  ...{ url, pool, concurrency: Number(concurrency) },
  run: () => ({ status: 'success', data: 1 }),
})
process.once('disconnect', () => void worker.drain().then(() => process.exit(0)))
process.send?.('ready')
await worker.done
