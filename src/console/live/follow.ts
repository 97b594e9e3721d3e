import { stringifyDocument, type TypedDocumentNode } from '@urql/core'
import { type Fault, faultOf } from '../lib/faults.js'
import { holdLink, openSocket, untilRetry } from './link.js'

export interface Following<Result, Input> {
  readonly document: TypedDocumentNode<Result, Input>
  /** Asked for each connection anew: the place to go on from is in it. */
  readonly variables: () => Input
  readonly onData: (data: Result) => void
  /** Whether nothing more can come: then the server's end of the subscription is the end. By default it is only a pause. */
  readonly isOver?: () => boolean
  /** The server refused it, for good. */
  readonly onFault?: (fault: Fault) => void
}

/** Faults that pass: the same request may succeed later. */
const PASSING = new Set(['OVERLOADED', 'RATE_LIMITED', 'INTERNAL'])

type Outcome = 'ended' | 'lost' | Fault

/** Follows a subscription over as many connections as it takes; answers the function that ends it. */
export function follow<Result, Input extends Record<string, unknown>>(following: Following<Result, Input>): () => void {
  const stop = new AbortController()
  const release = holdLink()
  void run(following, stop.signal).finally(release)
  return () => stop.abort()
}

async function run<Result, Input extends Record<string, unknown>>(
  following: Following<Result, Input>,
  signal: AbortSignal,
): Promise<void> {
  // Not while a component renders: the state of the link is shown elsewhere.
  await null
  while (!signal.aborted) {
    const outcome = await connect(following, signal)
    if (signal.aborted) return
    if (outcome === 'ended' && following.isOver?.()) return
    if (typeof outcome === 'object') return following.onFault?.(outcome)
    await untilRetry(signal)
  }
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
        error: (error) => resolve(Array.isArray(error) ? outcomeOf(error[0]) : 'lost'),
        complete: () => resolve('ended'),
      },
    )
    signal.addEventListener('abort', () => unsubscribe(), { once: true })
  })
}

function outcomeOf(error: Parameters<typeof faultOf>[0]): Outcome {
  const fault = faultOf(error)
  return PASSING.has(fault.code) ? 'lost' : fault
}
