import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { resolve } from 'node:path'
import { type Reached, targetsTable } from './targets.js'

/** npm runs its scripts in the folder of package.json; some benchmarks are bundled, and lie elsewhere. */
const PAGE = resolve('docs/benchmarks.md')

export { type Cell, tableOf } from './markdown.js'

export interface Figures {
  /** The section's name in docs/benchmarks.md, between `<!-- figures: name -->` and `<!-- end of figures: name -->`. */
  readonly name: string
  /** What reproduces it: `npm run bench:name`. */
  readonly command: string
  /** What was measured against what: `PostgreSQL 15.18`, `nats-server 2.9.10`. Node's version and the machine come by themselves. */
  readonly versions: readonly string[]
  /** Markdown: tables (`tableOf`), sentences with ratios, a plot. */
  readonly body: readonly string[]
  /** For the last table of the page. */
  readonly reached?: Reached
}

/** The middle of some figures, so that one round among busy neighbours does not count. */
export function medianOf(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/**
 * Puts the figures of one benchmark into its section of docs/benchmarks.md, and prints them; the prose around stays.
 * @throws Error when the page has no such section
 */
export function report(figures: Figures): void {
  const section = sectionOf(figures)
  const withFigures = replaceSection(readFileSync(PAGE, 'utf8'), figures.name, () => section)
  writeFileSync(
    PAGE,
    replaceSection(withFigures, 'targets', (before) => targetsTable(before, figures.reached ?? {})),
  )
  console.info(`\n${section}\n`)
}

function replaceSection(text: string, name: string, replace: (before: string) => string): string {
  const begin = `<!-- figures: ${name} -->`
  const end = `<!-- end of figures: ${name} -->`
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md has no section "${begin}" … "${end}": add these two lines`)
  return `${text.slice(0, from + begin.length)}\n${replace(text.slice(from + begin.length, to))}\n${text.slice(to)}`
}

function sectionOf({ command, versions, body }: Figures): string {
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}`
  const load = loadavg()[0]?.toFixed(1)
  const about = [
    machine,
    `load ${load} at the end`,
    `Node ${process.version}`,
    ...versions,
    new Date().toISOString().slice(0, 10),
  ]
  return [`\`${command}\`: ${about.join(', ')}.`, ...body].join('\n\n')
}
