import { useEffect } from 'react'

/** The title of the tab while a page is open. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Transient`
    return () => {
      document.title = 'Transient'
    }
  }, [title])
}
