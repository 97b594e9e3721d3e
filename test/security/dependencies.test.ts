import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../support/paths.js'

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>
}

const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8')
const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock
const floors = [...page.matchAll(/^\| `([@\w/-]+)` \| (\d+\.\d+\.\d+) \|/gm)].map(([, name = '', floor = '']) => ({
  name,
  floor,
}))

/** Whether a version is at least another; a preliminary one of the floor itself is not. */
function isAtLeast(version: string, floor: string): boolean {
  const [left, right] = [version, floor].map((text) => (text.split('-')[0] ?? '').split('.').map(Number))
  const difference = [0, 1, 2].map((part) => (left?.[part] ?? 0) - (right?.[part] ?? 0)).find((part) => part !== 0) ?? 0
  return difference > 0 || (difference === 0 && !version.includes('-'))
}

describe('the advisory floor of docs/security.md', () => {
  it('names what faces the network', () => {
    const names = floors.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['graphql', 'graphql-yoga', 'ws', 'undici', 'jose', 'hono', '@hono/node-server']),
    )
  })

  it.each(floors)('$name is at least $floor wherever it is installed', ({ name, floor }) => {
    const copies = Object.entries(lock.packages).filter(([path]) => path.endsWith(`node_modules/${name}`))
    expect(copies).not.toEqual([])
    const old = copies.filter(([, { version = '0' }]) => !isAtLeast(version, floor))
    expect(old.map(([path, { version }]) => `${path} ${version}`)).toEqual([])
  })

  it.each([
    ['7.18.2', '7.18.2', true],
    ['7.18.1', '7.18.2', false],
    ['7.18.2-rc.1', '7.18.2', false],
    ['10.0.0', '9.9.9', true],
    ['8.0.0', '8.17.1', false],
  ])('%s is at least %s: %s', (version, floor, expected) => {
    expect(isAtLeast(version, floor)).toBe(expected)
  })
})
