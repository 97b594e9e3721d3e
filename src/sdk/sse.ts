export interface ServerSentEvent {
  readonly event: string
  readonly id: string | null
  readonly data: string
}

function parseEvent(block: string): ServerSentEvent | null {
  let event = 'message'
  let id: string | null = null
  const data: string[] = []
  for (const line of block.split('\n')) {
    const match = /^(event|id|data):? ?(.*)$/.exec(line)
    if (match?.[1] === 'event') event = match[2] ?? ''
    else if (match?.[1] === 'id') id = match[2] ?? ''
    else if (match?.[1] === 'data') data.push(match[2] ?? '')
  }
  return data.length === 0 && event === 'message' ? null : { event, id, data: data.join('\n') }
}

/**
 * The events of a server-sent stream, read only as fast as they are taken. `onAlive` is told of every piece that
 * arrives, comments included.
 */
export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
  onAlive: () => void,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const decoder = new TextDecoder()
  const pieces: string[] = []
  for await (const piece of body) {
    onAlive()
    pieces.push(decoder.decode(piece, { stream: true }).replaceAll('\r', ''))
    // A long message arrives in many pieces: join them only once its end is in sight.
    if (!pieces.at(-1)?.includes('\n')) continue
    const blocks = pieces.join('').split('\n\n')
    pieces.length = 0
    pieces.push(blocks.pop() ?? '')
    for (const block of blocks) {
      const event = parseEvent(block)
      if (event !== null) yield event
    }
  }
}
