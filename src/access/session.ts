import { randomUUID } from 'node:crypto'
import { TransientError } from '../core/errors.js'
import { linkSignals } from '../core/linked-signal.js'
import type { Principal } from '../core/principal.js'
import type { Services } from '../orchestrator/services.js'
import { POLICY } from './policy.js'
import type { AuditAction, Rule } from './rule.js'

/** One credential at work: who it is, and services that do what that caller may. */
export interface Session {
  /** Sessions with the same id see the same, and end together. */
  readonly id: string
  readonly principal: Principal
  /** Every call is checked. */
  readonly services: Services
  /** Ends with the credential. */
  readonly ending: Ending
  /** Counts a request. @throws TransientError RATE_LIMITED; the ending's reason when it has ended */
  admit(): void
}

/** Records what a caller did. */
export type RecordAction = (principal: Principal, action: AuditAction) => void

export interface SessionParts {
  readonly services: Services
  readonly note: RecordAction
  /** Requests a second; 0, or left out: no limit. */
  readonly rateLimit?: number
}

export function createSession(principal: Principal, { services, note, rateLimit = 0 }: SessionParts): Session {
  const ending = createEnding()
  const take = createRate(rateLimit)
  return {
    id: randomUUID(),
    principal,
    ending,
    services: servicesFor(services, { principal, ending, note: (action) => note(principal, action) }),
    admit() {
      if (ending.reason !== null) throw ending.reason
      take()
    },
  }
}

/** Who the services are called for. */
interface Caller {
  readonly principal: Principal
  readonly ending: Ending
  /** Called with what the caller did, after it was done. */
  readonly note: (action: AuditAction) => void
}

type Method = (...args: readonly unknown[]) => unknown

/**
 * The same services, where every call is checked against the policy first, carries the caller's name, and ends with
 * the caller's session. The APIs get nothing else, so that none can forget the check.
 */
export function servicesFor(services: Services, caller: Caller): Services {
  const bound = Object.entries(POLICY).map(([name, rules]) => {
    const service = services[name as keyof Services] as unknown as Record<string, Method>
    const methods = Object.entries(rules as Record<string, Rule>).map(([method, rule]) => {
      const call = service[method]
      if (call === undefined) throw new Error(`the policy names ${name}.${method}, which is not a method`)
      return [method, bindMethod(`${name}.${method}`, { call, rule, caller })] as const
    })
    return [name, Object.fromEntries(methods)] as const
  })
  return Object.fromEntries(bound) as unknown as Services
}

interface Bound {
  readonly call: Method
  readonly rule: Rule
  readonly caller: Caller
}

function bindMethod(name: string, { call, rule, caller }: Bound): Method {
  const { principal, ending } = caller
  return (...given) => {
    if (ending.reason !== null) throw ending.reason
    if (isHidden(principal, rule, given)) {
      if (rule.whenHidden === 'null') return Promise.resolve(null)
      throw new TransientError('NOT_FOUND', 'there is no such execution or task for this credential')
    }
    if (rule.right === 'nobody' || !principal.rights.has(rule.right)) throw forbidden(principal, name, rule.right)
    if (principal.executions !== null && rule.execution === undefined) {
      if (rule.whenHidden === 'null') return Promise.resolve(null)
      throw new TransientError('FORBIDDEN', `"${principal.name}" is bound to single executions: ${name} is about all of them`)
    }
    const named = rule.actor === undefined ? given : rule.actor(principal.actor, ...given)
    const args = rule.role === undefined ? named : rule.role(principal.role, ...named)
    if (rule.isStream) return stream(call, args, { rule, ending })
    const result = rule.signal === undefined ? call(...args) : waiting(call, args, { rule, ending })
    return rule.audit === undefined ? result : noted(result, args, { audit: rule.audit, note: caller.note })
  }
}

/** Whether the execution or the task that the call is about does not exist for the caller. */
function isHidden({ executions, taskId }: Principal, rule: Rule, args: readonly unknown[]): boolean {
  if (executions === null || rule.execution === undefined) return false
  const about = rule.execution(...args)
  if (about === null || !executions.includes(about)) return true
  return taskId !== null && rule.task !== undefined && rule.task(...args) !== taskId
}

function forbidden({ name, role }: Principal, method: string, right: string): TransientError {
  if (right === 'nobody') return new TransientError('FORBIDDEN', `${method} is not for callers of the API`)
  return new TransientError('FORBIDDEN', `"${name}" with the role ${role} may not do this: it needs the right "${right}"`, {
    details: { right },
  })
}

interface Ended {
  readonly rule: Rule
  readonly ending: Ending
}

async function* stream(
  call: Method,
  args: readonly unknown[],
  { rule, ending }: Ended,
): AsyncGenerator<unknown, void, undefined> {
  const { signal, release } = untilEnding(ending, rule.signal?.of(...args))
  try {
    yield* call(...(rule.signal?.put(signal, ...args) ?? args)) as AsyncGenerator<unknown, void, undefined>
  } catch (error) {
    // A source may reject with the abort that the end of the session is.
    throw ending.reason ?? error
  } finally {
    release()
  }
  if (ending.reason !== null) throw ending.reason
}

async function waiting(call: Method, args: readonly unknown[], { rule, ending }: Ended): Promise<unknown> {
  const { signal, release } = untilEnding(ending, rule.signal?.of(...args))
  try {
    const result = await call(...(rule.signal?.put(signal, ...args) ?? args))
    if (ending.reason !== null) throw ending.reason
    return result
  } finally {
    release()
  }
}

interface Noted {
  readonly audit: NonNullable<Rule['audit']>
  readonly note: (action: AuditAction) => void
}

async function noted(result: unknown, args: readonly unknown[], { audit, note }: Noted): Promise<unknown> {
  const value = await result
  const done = audit(value, ...args)
  for (const action of [done ?? []].flat()) note(action)
  return value
}

/** The end of a session, once: what is open then ends with the reason. */
export interface Ending {
  /** null while the credential is good. */
  readonly reason: TransientError | null
  /** Whether anything waits for it: an open stream, a socket. */
  readonly isWatched: boolean
  end(reason: TransientError): void
  /** Calls back when it ends, at once when it has. Returns how to forget the listener. */
  onEnd(listener: () => void): () => void
}

export function createEnding(): Ending {
  const listeners = new Set<() => void>()
  let reason: TransientError | null = null
  return {
    get reason() {
      return reason
    },
    get isWatched() {
      return listeners.size > 0
    },
    end(given) {
      if (reason !== null) return
      reason = given
      const told = [...listeners]
      listeners.clear()
      for (const listener of told) listener()
    },
    onEnd(listener) {
      if (reason === null) listeners.add(listener)
      else listener()
      return () => listeners.delete(listener)
    },
  }
}

/** A signal that also aborts when the session ends; `release` forgets both sources. */
function untilEnding(ending: Ending, outer: AbortSignal | undefined): { signal: AbortSignal; release(): void } {
  const { signal, abort, release } = linkSignals([outer])
  const forget = ending.onEnd(() => abort())
  return {
    signal,
    release() {
      forget()
      release()
    },
  }
}

/** How much a caller may ask at once, in seconds of its rate. */
const BURST_SECONDS = 2

/**
 * Lets a caller do so many requests a second, and twice as many at once. 0: as many as it likes.
 * Returns how to take one. @throws TransientError RATE_LIMITED with `retryAfter` in seconds
 */
export function createRate(perSecond: number, nowMs: () => number = () => performance.now()): () => void {
  if (perSecond === 0) return () => undefined
  const most = perSecond * BURST_SECONDS
  let left = most
  let at = nowMs()
  return () => {
    const now = nowMs()
    left = Math.min(most, left + ((now - at) / 1000) * perSecond)
    at = now
    if (left < 1) {
      const retryAfter = Math.max(1, Math.ceil((1 - left) / perSecond))
      throw new TransientError('RATE_LIMITED', `More than ${perSecond} requests a second; try again in ${retryAfter} s`, {
        details: { limit: perSecond, retryAfter },
      })
    }
    left -= 1
  }
}
