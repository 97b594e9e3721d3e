/** What takes longer than this gives its slot up: one that hangs must not stop those that wait behind it. */
const SLOW_MS = 250

export interface Slots {
  isFree(): boolean
  /** Takes a slot; `onFree` is called when there is one again. `work` must not reject. */
  take(work: () => Promise<void>, onFree: () => void): void
}

/** Bounds what is in flight, so that the rest gathers into batches meanwhile. */
export function createSlots(max: number): Slots {
  let taken = 0
  return {
    isFree: () => taken < max,
    take(work, onFree) {
      let isHeld = true
      taken += 1
      const free = () => {
        clearTimeout(timer)
        if (!isHeld) return
        isHeld = false
        taken -= 1
        onFree()
      }
      const timer = setTimeout(free, SLOW_MS)
      void work().finally(free)
    },
  }
}
