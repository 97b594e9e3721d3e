type Open<T> = (signal: AbortSignal) => AsyncGenerator<T, void, undefined>

/**
 * A source stream that ends at once when its reader leaves. The first event is awaited, so that a refused watch (REVISION_GONE,
 * VALIDATION) fails the subscription itself; the caller may leave meanwhile. `onTaken` is told of each item just before it is executed.
 */
export async function openStream<T>(
  caller: AbortSignal,
  open: Open<T>,
  onTaken?: (item: T) => void,
): Promise<AsyncGenerator<T, void, undefined>> {
  const abort = new AbortController()
  const leave = (): void => abort.abort()
  if (caller.aborted) leave()
  caller.addEventListener('abort', leave, { once: true })
  try {
    const source = open(abort.signal)
    return createStream({ source, abort, first: await source.next(), onTaken })
  } finally {
    // From here on others may read the same stream: its end is its `return`.
    caller.removeEventListener('abort', leave)
  }
}

/** The same where the first item may be long in coming: the subscription stands before it. */
export function openPatientStream<T>(open: Open<T>, onTaken?: (item: T) => void): AsyncGenerator<T, void, undefined> {
  const abort = new AbortController()
  return createStream({ source: open(abort.signal), abort, first: null, onTaken })
}

interface StreamParts<T> {
  readonly source: AsyncGenerator<T, void, undefined>
  readonly abort: AbortController
  readonly first: IteratorResult<T, void> | null
  readonly onTaken: ((item: T) => void) | undefined
}

/**
 * `return()` of a bare async generator waits behind the `next()` that is pending, which for an idle watch is for ever; here it
 * aborts the generator first.
 */
function createStream<T>({ source, abort, first: given, onTaken }: StreamParts<T>): AsyncGenerator<T, void, undefined> {
  let first = given

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
      if (!taken.done) onTaken?.(taken.value)
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
