import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findShared, ROOT } from '../support/paths.js'
import { parse, problemsOf } from './support.js'

interface Entry {
  readonly file: string
  readonly expected_status: string
  readonly feature?: readonly string[]
}

const seeds = findShared('playbooks', 'batch-processor.yaml')
const real = findShared('noetl-playbooks', 'index.json')

const isError = (problem: string) => problem.startsWith('error')

describe.each(readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.yaml')))('examples/%s', (name) => {
  it('parses without error or warning', () => {
    expect(problemsOf(readFileSync(join(ROOT, 'examples', name), 'utf8')).filter((text) => !text.startsWith('info'))).toEqual([])
  })
})

describe.skipIf(!seeds)('the playbooks of the mission', () => {
  const names = seeds ? readdirSync(seeds).filter((name) => name.endsWith('.yaml')) : []
  it.each(names)('%s parses without error or warning', (name) => {
    expect(problemsOf(readFileSync(join(seeds ?? '', name), 'utf8')).filter((text) => !text.startsWith('info'))).toEqual([])
  })
})

describe.skipIf(!real)('real playbooks', () => {
  const entries = real ? (JSON.parse(readFileSync(join(real, 'index.json'), 'utf8')) as Entry[]) : []
  it.each(entries.filter((entry) => entry.expected_status !== 'invalid'))('$file parses', ({ file }) => {
    expect(problemsOf(readFileSync(join(real ?? '', file), 'utf8')).filter(isError)).toEqual([])
  })
  it.each(entries.filter((entry) => entry.expected_status === 'invalid'))(
    '$file is refused for $feature',
    ({ file, feature }) => {
      const source = readFileSync(join(real ?? '', file), 'utf8')
      const { playbook, problems } = parse(source)
      expect(playbook).toBeNull()
      for (const word of feature ?? []) {
        const problem = problems.find(({ message }) => message.includes(`"${word}" is a feature of NoETL`))
        expect(problem, word).toBeDefined()
        expect(source.split('\n')[(problem?.line ?? 0) - 1]).toContain(word)
      }
    },
  )
})
