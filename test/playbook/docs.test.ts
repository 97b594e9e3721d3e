import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkPlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'
import { ROOT } from '../support/paths.js'
import { workflow } from './support.js'

const page = readFileSync(join(ROOT, 'docs/playbooks.md'), 'utf8')
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')

describe('docs/playbooks.md', () => {
  it('has examples', () => expect(blocks.length).toBeGreaterThan(5))

  it.each(blocks)('%s', async (block) => {
    const source = block.startsWith('apiVersion') ? block : workflow(block)
    const { problems } = await checkPlaybook(source, { tools: TOOLS })
    expect(problems.filter(({ severity }) => severity !== 'info')).toEqual([])
  })
})
