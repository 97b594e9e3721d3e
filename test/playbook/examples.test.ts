import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../support/paths.js'
import { problemsOf } from './support.js'

const FOLDERS = ['examples', 'test/conformance/playbooks']
const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name)),
)

describe.each(files)('%s', (file) => {
  it('parses without error or warning', () => {
    expect(problemsOf(readFileSync(join(ROOT, file), 'utf8')).filter((text) => !text.startsWith('info'))).toEqual([])
  })
})
