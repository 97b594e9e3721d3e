import { afterAll, beforeAll, expect, it } from 'vitest'
import { type InProcessServer, startInProcess } from './server.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
  await server.ask(write('7'))
})
afterAll(() => server?.close())

/** The first write makes the execution. */
const write = (id: string) => `mutation { upsertVariable(input: { executionId: "${id}", name: "a", value: 1 }) { revision } }`

/** The ids that a subscription sends, from when it stands. */
async function subscribe(query: string): Promise<{ next(): Promise<string>; close(): Promise<void> }> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
  })
  const reader = (response.body ?? new ReadableStream<Uint8Array<ArrayBuffer>>()).pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    async next() {
      for (;;) {
        const found = /"executionsChanged":\{"id":"(\d+)"\}/.exec(text)
        if (found) {
          text = text.slice(found.index + found[0].length)
          return found[1] ?? ''
        }
        const { done, value } = await reader.read()
        if (done) throw new Error(`the stream ended: ${text}`)
        text += value
      }
    },
    close: () => reader.cancel(),
  }
}

it('executionsChanged begins with what is there, or with what happens from now', async () => {
  const all = await subscribe('subscription { executionsChanged { id } }')
  const fromNow = await subscribe('subscription { executionsChanged(from: NOW) { id } }')
  await server.ask(write('8'))
  expect(await fromNow.next()).toBe('8')
  expect(await all.next()).toBe('7')
  expect(await all.next()).toBe('8')
  await Promise.all([all.close(), fromNow.close()])
})
