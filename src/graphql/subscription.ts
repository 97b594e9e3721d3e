/**
 * A source stream that ends at once when its reader leaves. `return()` of a bare async generator waits behind the
 * `next()` that is pending, which for an idle watch is for ever; here it aborts the generator first.
 * The first event is awaited, so that a refused watch (REVISION_GONE, VALIDATION) fails the subscription itself.
 */
export async function openStream<T>(
  open: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
): Promise<AsyncGenerator<T, void, undefined>> {
  const abort = new AbortController()
  const source = open(abort.signal)
  let first: IteratorResult<T, void> | null = await source.next()

  async function close(): Promise<IteratorResult<T, void>> {
    abort.abort()
    // The generator may reject with the abort that we caused: the reader is gone, nobody is to be told.
    await source.return().catch(() => undefined)
    return { done: true, value: undefined }
  }

  const stream: AsyncGenerator<T, void, undefined> = {
    async next() {
      const held = first
      first = null
      if (held !== null) return held
      return await source.next()
    },
    return: close,
    async throw(error) {
      await close()
      throw error
    },
    [Symbol.asyncIterator]: () => stream,
  }
  return stream
}

interface StreamMapping<T, U> {
  map(item: T): U
  /** The last item of a stream that failed. */
  recover(error: unknown): U
}

/** Maps a stream; `return()` goes to the source at once, also while an item is awaited. */
export function mapStream<T, U>(
  source: AsyncIterable<T>,
  { map, recover }: StreamMapping<T, U>,
): AsyncGenerator<U, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let isDone = false
  const end: IteratorResult<U, void> = { done: true, value: undefined }
  const stream: AsyncGenerator<U, void, undefined> = {
    async next() {
      if (isDone) return end
      try {
        const item = await iterator.next()
        if (!item.done) return { done: false, value: map(item.value) }
        isDone = true
        return end
      } catch (error) {
        if (isDone) return end
        isDone = true
        return { done: false, value: recover(error) }
      }
    },
    async return() {
      isDone = true
      await iterator.return?.()
      return end
    },
    async throw(error) {
      await stream.return()
      throw error
    },
    [Symbol.asyncIterator]: () => stream,
  }
  return stream
}

export function isStream<T>(value: unknown): value is AsyncIterable<T> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
