import { createSocket } from 'node:dgram'
import { promises } from 'node:dns'
import { once } from 'node:events'
import type { LookupAll } from '../../src/tools/http/connect.js'

/** A DNS server on loopback whose answers for one name change from question to question. */
export interface NameServer {
  /** Asks it, and nothing else, as the machine's resolver would ask its own. */
  readonly lookup: LookupAll
  /** What the questions from now on are answered with, in turn; the last one again and again. */
  answerWith(...answers: readonly (readonly string[])[]): void
  /** How often it was asked for addresses. */
  readonly asked: () => number
  close(): void
}

const HEADER_BYTES = 12
const TYPE_A = 1

export async function startNameServer(): Promise<NameServer> {
  let answers: (readonly string[])[] = []
  let asked = 0
  const socket = createSocket('udp4')
  socket.on('message', (question, { port, address }) => {
    const type = question.readUInt16BE(endOfName(question))
    const addresses = type === TYPE_A ? (answers[Math.min(asked, answers.length - 1)] ?? []) : []
    if (type === TYPE_A) asked += 1
    socket.send(answerTo(question, addresses), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const resolver = new promises.Resolver({ timeout: 2_000, tries: 1 })
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
  return {
    lookup: (host, _options, callback) => {
      resolver.resolve4(host).then(
        (found) =>
          callback(
            null,
            found.map((address) => ({ address, family: 4 })),
          ),
        (error: NodeJS.ErrnoException) => callback(error, []),
      )
    },
    answerWith(...given) {
      answers = [...given]
      asked = 0
    },
    asked: () => asked,
    close: () => socket.close(),
  }
}

function endOfName(message: Buffer): number {
  let at = HEADER_BYTES
  while (message[at] !== 0) at += 1 + (message[at] ?? 0)
  return at + 1
}

/** RFC 1035: the question again, then an A record with a time to live of 0 for each address. */
function answerTo(question: Buffer, addresses: readonly string[]): Buffer {
  const header = Buffer.from(question.subarray(0, HEADER_BYTES))
  header.writeUInt16BE(0x8180, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(addresses.length, 6)
  header.writeUInt32BE(0, 8)
  const records = addresses.map((address) =>
    Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  )
  return Buffer.concat([header, question.subarray(HEADER_BYTES, endOfName(question) + 4), ...records])
}
