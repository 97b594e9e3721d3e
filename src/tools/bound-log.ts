/** What is kept of a step's log: its last 64 KiB. */
const LOG_LIMIT = 64 * 1024

export interface BoundLog {
  add(text: string): void
  /** The last 64 KiB, from a whole character on. */
  text(): string
}

/** A log that keeps its last `limit` bytes of UTF-8, whatever is added. */
export function boundLog(limit = LOG_LIMIT): BoundLog {
  let chunks: string[] = []
  let size = 0
  const compact = () => {
    const bytes = Buffer.from(chunks.join(''))
    const kept = tail(bytes, limit)
    chunks = [kept]
    size = Buffer.byteLength(kept)
  }
  return {
    add: (text) => {
      if (text === '') return
      chunks.push(text)
      size += Buffer.byteLength(text)
      if (size > 2 * limit) compact()
    },
    text: () => {
      if (size > limit || chunks.length > 1) compact()
      return chunks[0] ?? ''
    },
  }
}

function tail(bytes: Buffer, limit: number): string {
  let start = Math.max(0, bytes.length - limit)
  // A byte 10xxxxxx continues a character: cutting there would leave half of it.
  while (start > 0 && start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1
  return bytes.subarray(start).toString()
}
