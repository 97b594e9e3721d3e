import { createMemoryBus } from '../../src/bus/index.js'
import type { VariableWrite } from '../../src/commit/record.js'
import type { JsonValue } from '../../src/core/json.js'
import { spaceIdOf } from '../../src/core/space.js'
import type { VariableType } from '../../src/core/status.js'
import type { Database } from '../../src/db/database.js'
import { createVariablesService, type VariablesService, type WatchEvent, type WatchRequest } from '../../src/variables/service.js'
import { within } from '../support/pace.js'

export const ACTOR = 'api:test'

let lastId = 507861119290048685n

/** An id that no other test has. */
export function newId(): string {
  lastId += 1n
  return String(lastId)
}

const spaces = new Map<string, string>()

/** The id of a space that no other test has; `write` knows its name. */
function newSpaceId(): string {
  const name = `test/${newId()}`
  const id = spaceIdOf(name)
  spaces.set(id, name)
  return id
}

/** What has variables. */
export const STREAMS = [
  { of: 'an execution', newStream: newId },
  { of: 'a space', newStream: newSpaceId },
] as const

export function createService(db: Database): VariablesService {
  return createVariablesService({ db, bus: createMemoryBus() })
}

interface SetOptions {
  readonly type?: VariableType
  readonly sourceStep?: string | null
  readonly expectedVersion?: number
}

export function set(
  name: string,
  value: JsonValue,
  { type = 'user_defined', sourceStep = null, expectedVersion }: SetOptions = {},
): VariableWrite {
  return { operation: 'set', name, value, type, sourceStep, expectedVersion }
}

export function increment(name: string, by = '1'): VariableWrite {
  return { operation: 'increment', name, by, sourceStep: null }
}

export function remove(name: string, expectedVersion?: number): VariableWrite {
  return { operation: 'delete', name, expectedVersion }
}

/** Writes one change set as the tests' actor. */
export function write(service: VariablesService, executionId: string, ...writes: VariableWrite[]) {
  const space = spaces.get(executionId)
  return service.write({ executionId, writes, actor: ACTOR, ...(space === undefined ? {} : { space }) })
}

/** A watch whose events gather in the background. */
export function openWatch(service: VariablesService, request: Omit<WatchRequest, 'signal'>) {
  const controller = new AbortController()
  const events: WatchEvent[] = []
  const listeners = new Set<() => void>()
  let failure: unknown = null
  let isDone = false
  const done = (async () => {
    try {
      for await (const event of service.watch({ ...request, signal: controller.signal })) {
        events.push(event)
        for (const listener of listeners) listener()
      }
    } catch (error) {
      failure = error
    }
    isDone = true
    for (const listener of listeners) listener()
  })()
  return {
    events,
    changed: () => events.filter((event) => event.kind === 'changed'),
    until(isEnough: (events: readonly WatchEvent[]) => boolean, timeoutMs = 10_000): Promise<void> {
      return new Promise((resolve, reject) => {
        const check = () => {
          if (failure !== null) reject(failure)
          else if (isEnough(events)) resolve()
          else if (isDone) reject(new Error('the watch ended'))
          else return
          listeners.delete(check)
          clearTimeout(timer)
        }
        const timer = setTimeout(
          () => reject(new Error(`the watch has only ${JSON.stringify(events.map((event) => event.revision))}`)),
          within(timeoutMs),
        )
        listeners.add(check)
        check()
      })
    },
    async stop(): Promise<void> {
      controller.abort()
      await done
    },
  }
}

/** The variables after the changes, from what was there. */
export function applyEvents(start: ReadonlyMap<string, JsonValue>, events: readonly WatchEvent[]): Map<string, JsonValue> {
  const state = new Map(start)
  for (const { changes } of events) {
    for (const change of changes) {
      if (change.operation === 'delete') state.delete(change.name)
      else state.set(change.name, change.value)
    }
  }
  return state
}
