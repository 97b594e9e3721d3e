import { useEffect, useMemo } from 'react'
import { session } from '../app/session.js'
import { type Store, useStore } from '../lib/store.js'

interface Feed<View> extends Pick<Store<View>, 'get' | 'subscribe'> {
  stop(): void
}

/** What a feed shows; it lives as long as the component shows this key, and starts again after a login. */
export function useFeed<View>(create: (key: string) => Feed<View>, key: string): View {
  return useFeedHandle<View, Feed<View>>(create, key)[0]
}

/** The same, with the feed itself for what one may ask of it. */
export function useFeedHandle<View, Kind extends Feed<View>>(
  create: (key: string) => Kind & Feed<View>,
  key: string,
): [View, Kind] {
  const lifetime = useMemo(() => createFeedLifetime<View, Kind>(() => create(key)), [create, key])
  useEffect(() => lifetime.mount(), [lifetime])
  return [useStore(lifetime), lifetime.open()]
}

/** Starts with the first look, so that rendering needs no effect first; React's double mount gives it back and takes it again. */
function createFeedLifetime<View, Kind extends Feed<View>>(create: () => Kind) {
  let feed: Kind | null = null
  const listeners = new Set<() => void>()
  let unsubscribe: () => void = () => undefined

  function open(): Kind {
    if (feed !== null) return feed
    const opened = create()
    unsubscribe = opened.subscribe(() => {
      for (const listener of listeners) listener()
    })
    feed = opened
    return opened
  }

  function close(): void {
    unsubscribe()
    feed?.stop()
    feed = null
  }

  return {
    open,
    get: () => open().get(),
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    mount() {
      open()
      let { key } = session.get()
      const forget = session.subscribe(() => {
        if (session.get().key === key) return
        key = session.get().key
        close()
        open()
        for (const listener of listeners) listener()
      })
      return () => {
        forget()
        close()
      }
    },
  }
}
