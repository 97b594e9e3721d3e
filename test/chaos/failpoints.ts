import type { NatsLine, Published } from './nats-line.js'
import type { PostgresLine, Statement, Trap } from './postgres-line.js'

/** The lines of one server: it dies where one of them stops it. */
export interface ServerLines {
  readonly postgres: PostgresLine
  readonly nats: NatsLine
}

export interface Failpoint {
  readonly name: string
  /** `act` is an iterator, and not a single run. */
  readonly isIterator: boolean
  /** How often its tool has had its effect in the end: in the run, or in the iteration, that died. */
  readonly effects: number
  /** The trap for the step `act` of an execution; made once for all lines, as it remembers what it saw. */
  trap(id: string): { readonly postgres: Trap } | { readonly nats: (message: Published) => boolean }
}

/** `act` is the second run, makes the first revision, and dies in its third iteration. */
const RUN = 2
const ACTED_AT = 1
export const DIES_IN_ITERATION = 3

type Transaction = readonly Statement[]

const isCommit = ({ text }: Statement): boolean => text === 'COMMIT'
const isLock = ({ text, parameters }: Statement, id: string): boolean =>
  /FOR NO KEY UPDATE/.test(text) && parameters[0]?.includes(id) === true
/** Hands the task to a worker; what the worker runs is prepared in the same transaction. Of the statement that writes all, its tasks. */
const isLease = ({ text, parameters }: Statement, id: string): boolean => {
  if (!/deliveries = u\.deliveries/.test(text)) return false
  const tasks = JSON.parse(parameters[4] ?? '[]') as { execution_id: string; run: number; status: string }[]
  return tasks.some((task) => task.execution_id === id && task.run === RUN && task.status !== 'done')
}

/** The end of the transaction that begins the run. */
const begins = (id: string) => (statement: Statement, transaction: Transaction) =>
  isCommit(statement) && transaction.some((one) => isLease(one, id))

/** The end of a transaction that writes what `act` does to its variable. */
const ends = (id: string) => (statement: Statement, transaction: Transaction) =>
  isCommit(statement) &&
  transaction.some(({ parameters }) =>
    parameters.some((text) => text?.includes(id) && text.includes('"name":"acted","operation":"set"')),
  )

export const FAILPOINTS: readonly Failpoint[] = [
  {
    name: 'before the tool',
    isIterator: false,
    effects: 1,
    trap: (id) => ({ postgres: { at: 'answer', matches: begins(id) } }),
  },
  {
    name: 'after the tool',
    isIterator: false,
    effects: 2,
    trap(id) {
      const isBegin = begins(id)
      let hasBegun = false
      const matches = (statement: Statement, transaction: Transaction) => {
        if (hasBegun) return isLock(statement, id)
        hasBegun = isBegin(statement, transaction)
        return false
      }
      return { postgres: { at: 'statement', matches } }
    },
  },
  {
    name: 'inside the transaction',
    isIterator: false,
    effects: 2,
    trap: (id) => ({ postgres: { at: 'statement', matches: ends(id) } }),
  },
  {
    name: 'after the transaction',
    isIterator: false,
    effects: 1,
    trap: (id) => ({ postgres: { at: 'answer', matches: ends(id) } }),
  },
  {
    name: 'before the hint',
    isIterator: false,
    effects: 1,
    trap: (id) => ({ nats: ({ subject, body }) => subject === `hint.${id}` && Number(body.split(' ')[0]) >= ACTED_AT }),
  },
  {
    name: 'in the middle of an iterator',
    isIterator: true,
    effects: 2,
    trap(id) {
      const isEnd = ends(id)
      let iterations = 0
      const matches = (statement: Statement, transaction: Transaction) => {
        iterations += isEnd(statement, transaction) ? 1 : 0
        return isEnd(statement, transaction) && iterations === DIES_IN_ITERATION
      }
      return { postgres: { at: 'statement', matches } }
    },
  },
]

/** Resolves with the number of the server that ran into the failpoint: the first one that does, and only that. */
export function armOnAll(lines: readonly ServerLines[], failpoint: Failpoint, id: string): Promise<number> {
  const trap = failpoint.trap(id)
  let isClosed = false
  const once = (isHit: boolean) => {
    const isFirst = isHit && !isClosed
    isClosed ||= isHit
    return isFirst
  }
  const armed = lines.map(async ({ postgres, nats }, server) => {
    if ('nats' in trap) await nats.arm((message) => once(trap.nats(message)))
    else await postgres.arm({ ...trap.postgres, matches: (...seen) => once(trap.postgres.matches(...seen)) })
    return server
  })
  return Promise.race(armed)
}
