import type { RunState, ToolsState } from '../../commit/run.js'
import type { ListedTool, Step, ToolCall } from '../../playbook/model.js'

/** The turn of one tool of a list. */
export interface ToolTurn {
  readonly listed: ListedTool
  readonly index: number
  readonly state: ToolsState
}

interface Running {
  readonly step: Step
  readonly run: RunState
}

/** The tool whose turn it is in a list of tools; null where there is no list, for an iterator's own visit, and after its end. */
export function turnOf({ step, run }: Running): ToolTurn | null {
  if (!step.tools || (step.loop && run.iteration === null)) return null
  const state = run.tools ?? { ...BEGINNING, current: step.tools[0]?.name ?? null }
  const index = step.tools.findIndex(({ name }) => name === state.current)
  const listed = step.tools[index]
  return listed ? { listed, index, state } : null
}

const BEGINNING: ToolsState = { current: null, startedAt: null, firstAttempt: 1, turns: 0, last: null, locals: {}, done: [] }

/** The call that an attempt makes: of a list of tools, that of the one whose turn it is. */
export function callOf(running: Running): ToolCall | null {
  const turn = turnOf(running)
  return turn ? turn.listed.tool : running.step.tool
}

/** The call of a step's first attempt. */
export function firstCallOf({ tool, tools }: Step): ToolCall | null {
  return tools ? (tools[0]?.tool ?? null) : tool
}

/** Every call that a step may make. */
export function callsOf({ tool, tools }: Step): ToolCall[] {
  return [tool, ...(tools?.map((listed) => listed.tool) ?? [])].filter((call) => call !== null)
}
