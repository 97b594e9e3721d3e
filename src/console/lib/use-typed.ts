import { useEffect, useRef, useState } from 'react'

const REST_MS = 250

/**
 * A text that one types, shown at once. Its home, such as the address, gets it when one rests: a page that is redrawn at each
 * key would be slow, and browsers slow down pages that change their address often. A change from there takes precedence.
 */
export function useTyped(given: string, onRest: (text: string) => void): [string, (text: string) => void] {
  const [text, setText] = useState(given)
  const told = useRef(given)
  const listener = useRef(onRest)
  listener.current = onRest
  useEffect(() => {
    if (given === told.current) return
    told.current = given
    setText(given)
  }, [given])
  useEffect(() => {
    if (text === told.current) return
    const timer = setTimeout(() => {
      told.current = text
      listener.current(text)
    }, REST_MS)
    return () => clearTimeout(timer)
  }, [text])
  return [text, setText]
}
