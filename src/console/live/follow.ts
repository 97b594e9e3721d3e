import { stringifyDocument, type TypedDocumentNode } from '@urql/core'
import { refusal } from '../app/admission.js'
import { type Fault, faultOf, isRetryable } from '../lib/faults.js'
import { FORBIDDEN, holdLink, openSocket, untilRetry } from './link.js'

export interface Following<Result, Input> {
  readonly document: TypedDocumentNode<Result, Input>
  /** Asked again for each connection: it contains the position to go on from. */
  readonly variables: () => Input
  readonly onData: (data: Result) => void
  /** Whether nothing more can come: then the server's end of the subscription is the end. By default it is only a pause. */
  readonly isOver?: () => boolean
  /** The server refused it, for good. */
  readonly onFault?: (fault: Fault) => void
}

type Outcome = 'ended' | 'lost' | Fault

/** Follows a subscription over as many connections as it takes; returns the function that ends it. */
export function follow<Result, Input extends Record<string, unknown>>(following: Following<Result, Input>): () => void {
  const stop = new AbortController()
  void run(following, stop.signal)
  return () => stop.abort()
}

async function run<Result, Input extends Record<string, unknown>>(
  following: Following<Result, Input>,
  signal: AbortSignal,
): Promise<void> {
  // Not while a component renders: the state of the link is shown elsewhere.
  await null
  const release = holdLink()
  signal.addEventListener('abort', release, { once: true })
  const outcome = await untilOver(following, signal)
  if (signal.aborted) return
  signal.removeEventListener('abort', release)
  release()
  if (outcome !== null) following.onFault?.(outcome)
}

/** Why it cannot be followed; null when there is nothing more to follow. */
async function untilOver<Result, Input extends Record<string, unknown>>(
  following: Following<Result, Input>,
  signal: AbortSignal,
): Promise<Fault | null> {
  while (!signal.aborted) {
    const why = refusal()
    const outcome = why === null ? await connect(following, signal) : unknownCaller(why)
    if (outcome === 'ended' && following.isOver?.()) return null
    if (typeof outcome === 'object') return outcome
    await untilRetry(signal)
  }
  return null
}

function connect<Result, Input extends Record<string, unknown>>(
  { document, variables, onData }: Following<Result, Input>,
  signal: AbortSignal,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const unsubscribe = openSocket().subscribe<Result>(
      { query: stringifyDocument(document), variables: variables() },
      {
        next: ({ data, errors }) => {
          const [first] = errors ?? []
          if (first) {
            resolve(outcomeOf(first))
            unsubscribe()
          } else if (data && !signal.aborted) onData(data)
        },
        error: (error) => resolve(Array.isArray(error) ? outcomeOf(error[0]) : outcomeOfClosing(error)),
        complete: () => resolve('ended'),
      },
    )
    signal.addEventListener('abort', () => unsubscribe(), { once: true })
  })
}

function outcomeOf(error: Parameters<typeof faultOf>[0]): Outcome {
  const fault = faultOf(error)
  return isRetryable(fault) || fault.code === 'INTERNAL' ? 'lost' : fault
}

function outcomeOfClosing(event: unknown): Outcome {
  const isUnknown = typeof event === 'object' && event !== null && 'code' in event && event.code === FORBIDDEN
  return isUnknown ? unknownCaller('The server does not know who watches') : 'lost'
}

const unknownCaller = (message: string): Fault => faultOf({ message, extensions: { code: 'UNAUTHENTICATED' } })
