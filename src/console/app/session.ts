import { createStore } from '../lib/store.js'

const KEY = 'transient-key'

export interface Session {
  /** Kept for this tab only; null without one. */
  readonly key: string | null
  /** Why a key is asked for; null when none is needed. */
  readonly demand: string | null
}

export const session = createStore<Session>({ key: sessionStorage.getItem(KEY), demand: null })

/** From now on every request shows this key. */
export function logIn(key: string): void {
  sessionStorage.setItem(KEY, key)
  session.set({ key, demand: null })
}

export function logOut(): void {
  sessionStorage.removeItem(KEY)
  session.set({ key: null, demand: null })
}

/** The server wants to know who calls. */
export function demandLogin(reason: string): void {
  const { key, demand } = session.get()
  if (demand === null) session.set({ key, demand: reason })
}

/** One would rather not log in now; the next refusal asks again. */
export function withdrawDemand(): void {
  session.set({ key: session.get().key, demand: null })
}
