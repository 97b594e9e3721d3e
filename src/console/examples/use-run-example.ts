import { useCallback, useState } from 'react'
import { useNavigate } from 'react-router'
import { RegisterDocument, StartDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { readExample } from './examples.js'

/** One click: registers an example, starts it, and goes to its page. */
export function useRunExample() {
  const navigate = useNavigate()
  const [running, setRunning] = useState<string | null>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const run = useCallback(
    async (name: string) => {
      setRunning(name)
      setFault(null)
      const outcome = await start(name)
      setRunning(null)
      if (typeof outcome === 'string') await navigate(`/executions/${outcome}`)
      else setFault(outcome)
    },
    [navigate],
  )
  return { run, running, fault }
}

/** The execution's id, or why there is none. */
async function start(name: string): Promise<string | Fault | null> {
  const source = await readExample(name)
  const registered = await client.mutation(RegisterDocument, { source: source ?? '' }).toPromise()
  if (!registered.data) return describeError(registered.error)
  const { path, version } = registered.data.registerPlaybook
  const started = await client.mutation(StartDocument, { input: { path, version } }).toPromise()
  return started.data?.startExecution.id ?? describeError(started.error)
}
