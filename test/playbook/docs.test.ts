import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../support/paths.js'
import { problemsOf, workflow } from './support.js'

const page = readFileSync(join(ROOT, 'docs/playbooks.md'), 'utf8')
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')

describe('docs/playbooks.md', () => {
  it('has examples', () => expect(blocks.length).toBeGreaterThan(5))

  it.each(blocks)('%s', (block) => {
    const source = block.startsWith('apiVersion') ? block : workflow(block)
    expect(problemsOf(source).filter((text) => !text.startsWith('info'))).toEqual([])
  })
})
