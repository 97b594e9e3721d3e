import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { LRUCache } from 'lru-cache'
import { RE2JS } from 're2js'
import { errorMessage } from '../core/errors.js'

/** A regular expression of a schema. It takes time that grows with the text's length, and no faster, whatever it says. */
export interface Pattern {
  readonly source: string
  test(text: string): boolean
}

const MAX_LENGTH = 1000
const MAX_PATTERNS = 1000
/** How long one pattern is examined, and all of one schema: what is not refused by then runs in linear time all the same. */
const EXAMINED_MS = 1500
const ALL_EXAMINED_MS = 5000

const compiled = new LRUCache<string, Pattern>({ max: MAX_PATTERNS })

/** @throws Error where the engine, RE2, does not know what the pattern uses: what looks around, and references to groups */
export function compilePattern(source: string): Pattern {
  const known = compiled.get(source)
  if (known) return known
  const program = RE2JS.compile(RE2JS.translateRegExp(source))
  const pattern = { source, test: (text: string) => program.matcher(text).find() }
  compiled.set(source, pattern)
  return pattern
}

/** Why a pattern cannot be used; null when it can. */
export function patternFault(source: string): string | null {
  if (source.length > MAX_LENGTH) return `the pattern has ${source.length} characters, the limit is ${MAX_LENGTH}`
  try {
    new RegExp(source, 'u')
  } catch (error) {
    return `this is no regular expression: ${errorMessage(error).replace(/^Invalid regular expression: /, '')}`
  }
  try {
    compilePattern(source)
    return null
  } catch (error) {
    const reason = errorMessage(error).replace(/^error parsing regexp: /, '')
    return `the pattern uses what cannot be searched for in linear time, or is not known to RE2: ${reason}`
  }
}

/** Said of each pattern that `findEndless` finds. */
export const ENDLESS =
  'the pattern could run for ever: a part that repeats can match the same text in more than one way; write it so that there is one, such as "^a+$" for "^(a+)+$"'

const verdicts = new LRUCache<string, boolean>({ max: MAX_PATTERNS })

/**
 * Those of these patterns whose time grows exponentially where expressions are tried one way after another, as they are in browsers and in most
 * programs that read the schema. Examined in a thread of its own, which takes some tenths of a second.
 */
export async function findEndless(sources: readonly string[]): Promise<ReadonlySet<string>> {
  const unknown = [...new Set(sources)].filter((source) => !verdicts.has(source))
  // Where nothing repeats, nothing does so endlessly.
  const examined = unknown.filter((source) => /[*+,]/.test(source))
  if (examined.length > 0) await examine(examined)
  return new Set(sources.filter((source) => verdicts.get(source) === true))
}

/** The package's main module would start processes; this one is its analysis alone. */
const EXAMINER = `
const { parentPort, workerData: { path, sources, timeout } } = require('node:worker_threads')
const { checkSync } = require(path)
for (const source of sources) {
  const { status, complexity } = checkSync(source, 'u', { timeout, checker: 'automaton' })
  parentPort.postMessage({ source, isEndless: status === 'vulnerable' && complexity.type === 'exponential' })
}
`

async function examine(sources: readonly string[]): Promise<void> {
  const path = createRequire(import.meta.url).resolve('recheck/lib/browser.js')
  const worker = new Worker(EXAMINER, { eval: true, env: {}, execArgv: [], workerData: { path, sources, timeout: EXAMINED_MS } })
  worker.on('message', ({ source, isEndless }: { readonly source: string; readonly isEndless: boolean }) =>
    verdicts.set(source, isEndless),
  )
  const timer = setTimeout(() => void worker.terminate(), ALL_EXAMINED_MS)
  try {
    await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  } finally {
    clearTimeout(timer)
  }
}
