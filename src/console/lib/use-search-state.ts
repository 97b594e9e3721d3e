import { useCallback } from 'react'
import { useSearchParams } from 'react-router'

/** What a page shows stands in its address. Setting an empty text removes it; the rest stays. */
export function useSearchState(): [URLSearchParams, (change: Readonly<Record<string, string>>) => void] {
  const [search, setSearch] = useSearchParams()
  const change = useCallback(
    (changes: Readonly<Record<string, string>>) =>
      setSearch(
        (before) => {
          const next = new URLSearchParams(before)
          for (const [name, value] of Object.entries(changes)) {
            if (value === '') next.delete(name)
            else next.set(name, value)
          }
          return next
        },
        { replace: true },
      ),
    [setSearch],
  )
  return [search, change]
}
