import { useEffect, useState } from 'react'

/** What `load` promises for a name: undefined until it is there. */
export function useLoaded<Value>(load: (name: string) => Promise<Value>, name: string): Value | undefined {
  const [known, setKnown] = useState<{ name: string; value: Value } | null>(null)
  useEffect(() => {
    let isOver = false
    void load(name).then((value) => {
      if (!isOver) setKnown({ name, value })
    })
    return () => {
      isOver = true
    }
  }, [load, name])
  return known?.name === name ? known.value : undefined
}
