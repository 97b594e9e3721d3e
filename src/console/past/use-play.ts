import { useEffect, useState } from 'react'

interface Playing {
  readonly at: number | null
  readonly newest: number
  /** Whether what one asked for is shown. */
  readonly isSettled: boolean
  readonly onGo: (revision: number) => void
}

const FRAME_MS = 400
/** However long the history is, playing it takes at most so many frames. */
const FRAMES = 60

/** Goes from revision to revision by itself, each time that the last one is shown, up to the newest. */
export function usePlay({ at, newest, isSettled, onGo }: Playing): [boolean, (isOn: boolean) => void] {
  const [isOn, setOn] = useState(false)
  const stride = Math.max(1, Math.ceil(newest / FRAMES))
  useEffect(() => {
    if (!isOn || !isSettled) return
    if (at !== null && at >= newest) return setOn(false)
    const timer = setTimeout(() => onGo(Math.min(newest, (at ?? 0) + stride)), FRAME_MS)
    return () => clearTimeout(timer)
  }, [isOn, isSettled, at, newest, stride, onGo])
  const toggle = (next: boolean) => {
    if (next && (at === null || at >= newest)) onGo(0)
    setOn(next)
  }
  return [isOn, toggle]
}
