/**
 * A source stream that ends at once when its reader leaves. `return()` of a bare async generator waits behind the
 * `next()` that is pending, which for an idle watch is for ever; here it aborts the generator first.
 * The first event is awaited, so that a refused watch (REVISION_GONE, VALIDATION) fails the subscription itself. `onTaken` is told
 * of each item just before it is executed.
 */
export async function openStream<T>(
  open: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  onTaken: (item: T) => void = () => undefined,
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
      const taken = first ?? (await source.next())
      first = null
      if (!taken.done) onTaken(taken.value)
      return taken
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

export function isStream<T>(value: unknown): value is AsyncIterable<T> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
