import { useEffect } from 'react'
import { MeDocument, type MeQuery, type Right } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, isRetryable } from '../lib/faults.js'
import { createStore, useStore } from '../lib/store.js'
import { session } from './session.js'

const RETRY_MS = 2_000

export type Caller = MeQuery['me']

const caller = createStore<Caller | null>(null)
/** For which credential it was asked; undefined: for none yet. */
let asked: string | null | undefined

async function ask(key: string | null): Promise<void> {
  if (asked === key) return
  asked = key
  caller.set(null)
  const { data, error } = await client.query(MeDocument, {}).toPromise()
  if (asked !== key) return
  if (data) return caller.set(data.me)
  asked = undefined
  if (isRetryable(describeError(error))) setTimeout(() => session.get().key === key && void ask(key), RETRY_MS)
}

/** Who one is here, by the credential of this tab; null until the server has said so. */
export function useMe(): Caller | null {
  const { key } = useStore(session)
  useEffect(() => void ask(key), [key])
  return useStore(caller)
}

/** Whether to offer something. While one does not know who one is, it is offered: the server decides in the end. */
export function may(me: Caller | null, right: Right): boolean {
  return me?.rights.includes(right) ?? true
}
