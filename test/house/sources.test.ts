import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../support/paths.js'

const MAX_LINES = 300
const MAX_MEDIAN = 110
/** Files that may be longer, each with its reason. */
const LONG: Readonly<Record<string, string>> = {}

interface Source {
  readonly path: string
  readonly text: string
  readonly lines: number
}

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(generated|node_modules)\//.test(path))
    .map((path) => {
      const text = readFileSync(path, 'utf8')
      return { path: relative(ROOT, path), text, lines: text.trimEnd().split('\n').length }
    })
}

/** Lines that match, as `path:line: text`. */
function found(sources: readonly Source[], pattern: RegExp): string[] {
  return sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  )
}

const product = sourcesIn('src')
const all = [...product, ...sourcesIn('test').filter(({ path }) => !path.startsWith('test/house/'))]

describe('the house rules', () => {
  it(`no file is longer than ${MAX_LINES} lines`, () => {
    const long = product.filter(({ path, lines }) => lines > MAX_LINES && LONG[path] === undefined)
    expect(long.map(({ path, lines }) => `${path}: ${lines}`)).toEqual([])
  })

  it(`the median file is below ${MAX_MEDIAN} lines`, () => {
    const lengths = product.map(({ lines }) => lines).sort((a, b) => a - b)
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(MAX_MEDIAN)
  })

  it('nothing is of type any, and no check is switched off', () => {
    expect(found(all, /(:|<|\bas|\|)\s*any\b(?!\w)[^'"`]*$|@ts-(ignore|nocheck|expect-error)|eslint-disable/)).toEqual([])
  })

  it('only src/config.ts reads the environment', () => {
    const readers = product.filter(({ path }) => path !== 'src/config.ts')
    expect(found(readers, /\bprocess\.env\b/)).toEqual([])
  })

  it('exports have names', () => {
    expect(found(product, /^export default\b/)).toEqual([])
  })

  it('nothing is left for later', () => {
    expect(found(all, /\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b/)).toEqual([])
  })

  it('nothing prints: logs go through the logger, data through the command line', () => {
    const quiet = product.filter(({ path }) => !path.startsWith('src/cli/'))
    expect(found(quiet, /\bconsole\.(log|info|warn|error|debug)\(/)).toEqual([])
  })
})
