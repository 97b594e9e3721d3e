import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'

const BUCKET = 'bench'
const STREAM = `KV_${BUCKET}`

/** A key as NATS KV keeps it, its watchers' consumers, and a writer. All values are kept, so that a slow watcher loses none. */
export interface KeyValue {
  /** One consumer for each watcher, as `kv.watch` makes them, but for flow control, whose cost NATS is spared here. */
  addWatchers(count: number, subject: string): Promise<void>
  put(value: string): Promise<void>
  close(): Promise<void>
}

export async function openKeyValue(port: number): Promise<KeyValue> {
  const connection = await connect({ servers: `127.0.0.1:${port}` })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name: STREAM, subjects: [`$KV.${BUCKET}.>`] })
  const stream = jetstream(connection)
  return {
    async addWatchers(count, subject) {
      for (let index = 0; index < count; index += 1) {
        await manager.consumers.add(STREAM, {
          name: `w${subject}${index}`.replaceAll('.', '_'),
          deliver_subject: `${subject}.${index}`,
          deliver_policy: 'new',
          ack_policy: 'none',
          max_deliver: 1,
          mem_storage: true,
          num_replicas: 1,
          inactive_threshold: 60_000_000_000,
        })
      }
    },
    put: async (value) => {
      await stream.publish(`$KV.${BUCKET}.n`, value)
    },
    close: () => connection.close(),
  }
}
