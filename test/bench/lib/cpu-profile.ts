import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'

/** As V8's inspector gives it (`Profiler.Profile` of the DevTools protocol). */
interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  /** Microseconds. */
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: CallFrame
  readonly children?: readonly number[]
}

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

const INTERVAL_MICROS = 200

/** Start a server with it, and `openProfiler` finds the address in what it prints. */
export const WITH_INSPECTOR = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

export interface Profiler {
  /** Profiles the process while the work runs. */
  during<T>(work: () => Promise<T>): Promise<{ readonly answer: T; readonly profile: Profile }>
  close(): void
}

/** @throws Error when the process was not started with an inspector */
export async function openProfiler(printed: string): Promise<Profiler> {
  const [address] = /ws:\/\/\S+/.exec(printed) ?? []
  if (address === undefined) throw new Error('the process prints no address of its inspector')
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const waiting = new Map<number, (result: unknown) => void>()
  socket.on('message', (data) => {
    const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown }
    waiting.get(id)?.(result)
  })
  let lastId = 0
  const call = (method: string, params = {}): Promise<unknown> => {
    lastId += 1
    const answered = new Promise<unknown>((resolve) => waiting.set(lastId, resolve))
    socket.send(JSON.stringify({ id: lastId, method, params }))
    return answered
  }
  await call('Profiler.enable')
  await call('Profiler.setSamplingInterval', { interval: INTERVAL_MICROS })
  return {
    async during(work) {
      await call('Profiler.start')
      const answer = await work()
      const { profile } = (await call('Profiler.stop')) as { profile: Profile }
      return { answer, profile }
    },
    close: () => socket.close(),
  }
}

/**
 * Microseconds of each part. A sample belongs to the part of the innermost frame that has one: what Node does for a library is the library's.
 * `partOf` is given a file's path from the repository's root, a module of Node (`node:net`) or a name of V8's own like `(idle)`.
 */
export function microsByPart(profile: Profile, partOf: (place: string) => string | null): Map<string, number> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)))
  const placeOf = createPlaces()
  const parts = new Map<number, string>()
  const partOfNode = (id: number): string => {
    const known = parts.get(id)
    if (known !== undefined) return known
    const node = nodes.get(id) as ProfileNode
    const parent = parents.get(id)
    const part = partOf(placeOf(node.callFrame)) ?? (parent === undefined ? 'other' : partOfNode(parent))
    parts.set(id, part)
    return part
  }
  const micros = new Map<string, number>()
  for (const [index, id] of profile.samples.entries()) {
    const part = partOfNode(id)
    micros.set(part, (micros.get(part) ?? 0) + (profile.timeDeltas[index] ?? 0))
  }
  return micros
}

/** The sources of bundled code, by their maps. */
function createPlaces(): (frame: CallFrame) => string {
  const maps = new Map<string, SourceMap | null>()
  return ({ url, functionName, lineNumber, columnNumber }) => {
    if (!url.startsWith('file:')) return url === '' ? functionName : url
    const path = fileURLToPath(url)
    if (!maps.has(path)) maps.set(path, readMap(path))
    const entry = maps.get(path)?.findEntry(lineNumber, columnNumber)
    const source = entry && 'originalSource' in entry ? entry.originalSource : path
    return source.replace(/^.*?\b(node_modules|src)\//, '$1/')
  }
}

function readMap(path: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')))
  } catch {
    return null
  }
}
