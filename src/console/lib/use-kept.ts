import { useCallback, useState } from 'react'

/** A text that the tab keeps over reloads. `given`, of the address, goes before what was kept. */
export function useKept(key: string, given: string | undefined, initial: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => given ?? sessionStorage.getItem(key) ?? initial)
  const change = useCallback(
    (next: string) => {
      setText(next)
      try {
        sessionStorage.setItem(key, next)
      } catch {
        // The tab's store is full: the text lives as long as the page.
      }
    },
    [key],
  )
  return [text, change]
}
