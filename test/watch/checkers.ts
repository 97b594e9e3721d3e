import type { ClientLine, ClientLog, Evidence, WriteLine } from './record.js'

/** Bookmarks come every 5 s at the latest; the rest is a busy machine. */
const SILENCE_MS = 6_000
const SHOWN = 5

type Message = Extract<ClientLine, { event: 'message' }>

/** What is wrong with a run, in words; empty when nothing is. */
export type Checker = (evidence: Evidence) => string[]

/** One checker for each of the six guarantees; they see nothing but the logs. */
export const CHECKERS = {
  ordered: eachClient(({ lines }) => {
    let last = 0
    return changed(lines).flatMap(({ revision }) => {
      const isBack = revision < last
      last = revision
      return isBack ? [`revision ${revision} came late`] : []
    })
  }),

  unique: eachClient(({ lines }) => {
    const seen = new Set<number>()
    return changed(lines).flatMap(({ revision }) => {
      const isSecond = seen.has(revision)
      seen.add(revision)
      return isSecond ? [`revision ${revision} came twice`] : []
    })
  }),

  /** Every revision from where the client began, up to the last acknowledged one. */
  reliable: eachClient(({ lines, executionId }, { writes }) => {
    const start = messages(lines).find(({ kind }) => kind === 'SUBSCRIBED')?.revision
    if (start === undefined) return ['never subscribed']
    const seen = new Set(changed(lines).map(({ revision }) => revision))
    const last = Math.max(start, lastRevision(writes, executionId))
    const missing: string[] = []
    for (let revision = start + 1; revision <= last; revision += 1) {
      if (!seen.has(revision)) missing.push(`revision ${revision} of ${last} never came`)
    }
    return missing
  }),

  /** Each message holds exactly what was written at its revision. */
  atomic: eachClient(({ lines, executionId }, { writes }) => {
    const written = new Map(
      writes.filter((write) => write.executionId === executionId).map((write) => [write.revision, contentOf(write.changes)]),
    )
    return changed(lines).flatMap(({ revision, changes }) => {
      const expected = written.get(revision)
      return expected === undefined || expected === contentOf(changes) ? [] : [`revision ${revision} is not what was written`]
    })
  }),

  /** A connection starts where the one before ended: SUBSCRIBED says so, and the next change is the next revision. */
  resumable: eachClient(({ lines }) =>
    connections(lines).flatMap(({ after, received }) => {
      const [first, second] = received
      if (after === null || first === undefined) return []
      if (first.kind !== 'SUBSCRIBED') return [`a connection after ${after} began with ${first.kind}`]
      if (first.revision !== after) return [`asked for what is after ${after}, subscribed at ${first.revision}`]
      return second?.kind === 'CHANGED' && second.revision !== after + 1 ? [`after ${after} came ${second.revision} first`] : []
    }),
  ),

  /** A bookmark tells the truth, and a connection is never silent for long. */
  bookmarkable: eachClient(({ lines }) =>
    connections(lines).flatMap(({ after, received }) => {
      let reached = after ?? 0
      let at: number | null = null
      const wrong: string[] = []
      for (const message of received) {
        if (at !== null && message.at - at > SILENCE_MS) wrong.push(`silent for ${Math.round(message.at - at)} ms`)
        at = message.at
        if (message.kind === 'CHANGED' && message.revision <= reached) wrong.push(`${message.revision} came after its bookmark`)
        if (message.kind === 'BOOKMARK' && message.revision < reached) wrong.push(`a bookmark went back to ${message.revision}`)
        // Without a filter there is no revision that a bookmark may pass over.
        if (message.kind === 'BOOKMARK' && message.revision > reached)
          wrong.push(`a bookmark at ${message.revision}, but only ${reached} had come`)
        reached = Math.max(reached, message.revision)
      }
      return wrong
    }),
  ),
} satisfies Record<string, Checker>

/** Everything that is wrong, by guarantee. */
export function checkAll(evidence: Evidence): string[] {
  return Object.entries(CHECKERS).flatMap(([name, check]) => check(evidence).map((fault) => `${name}: ${fault}`))
}

/** The same evidence with one fault for each guarantee, which its checker must see. */
export const PLANTED: Readonly<Record<keyof typeof CHECKERS, (evidence: Evidence) => Evidence>> = {
  ordered: inMiddle((first, second) => [second, first]),
  unique: inMiddle((first, second) => [first, first, second]),
  reliable: inMiddle((first) => [first]),
  atomic: inMiddle((first, second) => [{ ...first, changes: first.changes.slice(1) }, second]),
  resumable: ({ clients, writes }) => ({
    writes,
    clients: clients.map((log) => ({
      ...log,
      lines: log.lines.map((line) =>
        line.event === 'message' && line.kind === 'SUBSCRIBED' ? { ...line, revision: line.revision + 1 } : line,
      ),
    })),
  }),
  bookmarkable: inMiddle((first, second) => [first, { ...second, kind: 'BOOKMARK', changes: [] }]),
}

function inMiddle(change: (first: Message, second: Message) => Message[]): (evidence: Evidence) => Evidence {
  return ({ clients, writes }) => ({
    writes,
    clients: clients.map((log) => {
      const lines = [...log.lines]
      const pairs = lines.flatMap((line, index) => (isChanged(line) && isChanged(lines[index + 1]) ? [index] : []))
      const at = pairs[Math.floor(pairs.length / 2)] ?? 0
      const [first, second] = [lines[at], lines[at + 1]]
      if (isChanged(first) && isChanged(second)) lines.splice(at, 2, ...change(first, second))
      return { ...log, lines }
    }),
  })
}

function eachClient(check: (log: ClientLog, evidence: Evidence) => string[]): Checker {
  return (evidence) =>
    evidence.clients.flatMap((log) =>
      check(log, evidence)
        .slice(0, SHOWN)
        .map((fault) => `${log.client} on ${log.executionId}: ${fault}`),
    )
}

function isChanged(line: ClientLine | undefined): line is Message {
  return line?.event === 'message' && line.kind === 'CHANGED'
}

function messages(lines: readonly ClientLine[]): Message[] {
  return lines.filter((line) => line.event === 'message')
}

function changed(lines: readonly ClientLine[]): Message[] {
  return lines.filter(isChanged)
}

function connections(lines: readonly ClientLine[]) {
  const found: { readonly after: number | null; readonly received: Message[] }[] = []
  for (const line of lines) {
    if (line.event === 'connect') found.push({ after: line.after, received: [] })
    if (line.event === 'message') found.at(-1)?.received.push(line)
  }
  return found
}

function lastRevision(writes: readonly WriteLine[], executionId: string): number {
  let last = 0
  for (const write of writes) if (write.executionId === executionId) last = Math.max(last, write.revision)
  return last
}

function contentOf(changes: Message['changes']): string {
  return JSON.stringify([...changes].sort(([a], [b]) => (a < b ? -1 : 1)))
}
