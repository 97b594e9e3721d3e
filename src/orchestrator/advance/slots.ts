/** What takes longer than this gives its slot up: one that hangs must not stop those that wait behind it. */
const SLOW_MS = 250

export interface Slots {
  isFree(): boolean
  /**
   * Takes a slot; `next` is called when there is one again, and when the work has ended: what waited for the work itself, and not for
   * a slot, can go on only then. `work` must not reject.
   */
  take(work: () => Promise<void>, next: () => void): void
}

/** Bounds what is in flight, so that the rest gathers into batches meanwhile. */
export function createSlots(max: number): Slots {
  let taken = 0
  return {
    isFree: () => taken < max,
    take(work, next) {
      let isHeld = true
      taken += 1
      const giveUp = () => {
        if (isHeld) taken -= 1
        isHeld = false
        next()
      }
      const timer = setTimeout(giveUp, SLOW_MS)
      void work().finally(() => {
        clearTimeout(timer)
        giveUp()
      })
    },
  }
}
