import { changeRun, type Draft } from '../../commit/draft.js'
import type { RunState } from '../../commit/run.js'
import type { Playbook, Step } from '../../playbook/model.js'
import { closedJoin, endedJoin } from '../decide/branches.js'
import { isLive } from './visits.js'

/** Visits that have not ended, in the order in which they were opened. */
function liveVisits({ runs }: Draft): RunState[] {
  return [...runs.values()].filter(({ iteration, status }) => iteration === null && isLive(status)).sort((a, b) => a.run - b.run)
}

/** Begins the steps with `join` that no branch can reach any more, now that one has ended. */
export function closeJoins(draft: Draft, playbook: Playbook, offer: (step: Step, run: number) => void): void {
  for (let ended = endedJoin(playbook, liveVisits(draft)); ended; ended = endedJoin(playbook, liveVisits(draft))) {
    const { run, join } = ended
    const step = playbook.steps.find(({ name }) => name === run.step)
    if (!step) throw new Error(`run ${run.run} is of no step`)
    changeRun(draft, run.run, { branch: { passed: run.branch?.passed ?? {}, join: closedJoin(step, join) } })
    offer(step, run.run)
  }
}
