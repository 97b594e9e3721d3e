import { useEffect, useState } from 'react'
import { formatDuration, formatFullTime, formatTime } from '../lib/format.js'

/** The present, moving while something waits for it. */
export function useNow(isMoving: boolean, everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (!isMoving) return
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [isMoving, everyMs])
  return now
}

/** How long something took, or has been taking. */
export function Duration({ from, to }: { from: string | null; to: string | null }) {
  const now = useNow(to === null)
  if (from === null) return <span>–</span>
  return <span>{formatDuration((to === null ? now : Date.parse(to)) - Date.parse(from))}</span>
}

export function Time({ iso }: { iso: string }) {
  return (
    <time dateTime={iso} title={formatFullTime(iso)}>
      {formatTime(iso)}
    </time>
  )
}
