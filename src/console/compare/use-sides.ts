import { useEffect, useState } from 'react'
import { session } from '../app/session.js'
import {
  type ComparedVariableFragment,
  ComparedVariablesDocument,
  type ComparedVariablesQuery,
  ExecutionByIdDocument,
  type ExecutionHeadFragment,
  type StepRowFragment,
  StepsDocument,
  type StepsQuery,
} from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault, hintFor, isRetryable } from '../lib/faults.js'
import { useStore } from '../lib/store.js'

/** One of the two, as it was when it was read. */
export interface Side {
  readonly head: ExecutionHeadFragment | null
  readonly variables: readonly ComparedVariableFragment[]
  readonly steps: readonly StepRowFragment[]
  readonly isLoaded: boolean
  readonly fault: Fault | null
}

const NOTHING: Side = { head: null, variables: [], steps: [], isLoaded: false, fault: null }

const RETRY_MS = 2_000

class Refused extends Error {
  constructor(readonly fault: Fault) {
    super(fault.message)
  }
}

const ask: typeof client.query = client.query.bind(client)

async function answer<Data>(asked: PromiseLike<{ data?: Data; error?: Parameters<typeof describeError>[0] }>): Promise<Data> {
  const { data, error } = await asked
  const fault = describeError(error)
  if (fault) throw new Refused(fault)
  if (!data) throw new Error('an answer without data')
  return data
}

async function readVariables(id: string): Promise<ComparedVariableFragment[]> {
  const all: ComparedVariableFragment[] = []
  for (let after: string | null = null; ; ) {
    const { variables }: ComparedVariablesQuery = await answer(ask(ComparedVariablesDocument, { id, after }))
    all.push(...variables.nodes)
    if (!variables.pageInfo.hasNextPage) return all
    after = variables.pageInfo.endCursor
  }
}

async function readSteps(id: string): Promise<StepRowFragment[]> {
  const all: StepRowFragment[] = []
  for (let after: string | null = null; ; ) {
    const { execution }: StepsQuery = await answer(ask(StepsDocument, { id, after }))
    all.push(...(execution?.steps.edges.map(({ node }) => node) ?? []))
    if (!execution?.steps.pageInfo.hasNextPage) return all
    after = execution.steps.edges.at(-1)?.cursor ?? null
  }
}

async function readSide(id: string): Promise<Side> {
  try {
    const { execution: head } = await answer(ask(ExecutionByIdDocument, { id }))
    if (!head)
      return {
        ...NOTHING,
        fault: { code: 'NOT_FOUND', message: `There is no execution ${id}.`, hint: hintFor('NOT_FOUND'), details: {} },
      }
    const [variables, steps] = await Promise.all([readVariables(id), readSteps(id)])
    return { head, variables, steps, isLoaded: true, fault: null }
  } catch (error) {
    if (error instanceof Refused) return { ...NOTHING, fault: error.fault }
    throw error
  }
}

/** An execution with all its variables and steps, read once; `turn` reads it again. */
export function useSide(id: string, turn: number): Side {
  const { key } = useStore(session)
  const [known, setKnown] = useState<{ readonly id: string; readonly side: Side } | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: turn and credential read it again
  useEffect(() => {
    if (id === '') return
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const read = async () => {
      const side = await readSide(id)
      if (isOver) return
      setKnown({ id, side })
      if (isRetryable(side.fault)) timer = setTimeout(() => void read(), RETRY_MS)
    }
    void read()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [id, turn, key])
  return known?.id === id ? known.side : NOTHING
}
