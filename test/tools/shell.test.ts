import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { createContext, renderTree } from '../../src/template/index.js'
import { shellTool } from '../../src/tools/shell.js'
import { within } from '../support/pace.js'
import { createCaller, environmentWith } from './call.js'
import { testTool } from './suite.js'

const inputOf = (commands: string | string[], vars: JsonObject = {}, more: JsonObject = {}): JsonObject =>
  shellTool.render(
    { commands, ...more },
    { tree: (value, path) => renderTree(value, createContext({ vars }), path), context: () => ({}) },
  )

testTool('shell', {
  kind: 'shell',
  environment: environmentWith,
  good: () => ({ input: inputOf('echo hi'), data: { stdout: 'hi\n', stderr: '', exit_code: 0 } }),
  bad: () => inputOf('exit 3'),
  endless: () => inputOf('sleep 60'),
})

describe('shell', { timeout: within(120_000) }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'transient-shell-'))
  const shell = createCaller('shell', environmentWith({ pythonSandbox: 'off' }))
  afterAll(async () => {
    await shell.close()
    rmSync(folder, { recursive: true })
  })
  const outputOf = async (commands: string | string[], vars: JsonObject = {}, more: JsonObject = {}) =>
    ((await shell.data(inputOf(commands, vars, more))) as JsonObject)['stdout']

  it('runs commands one after another, until one fails, which says which, and keeps what was printed', async () => {
    expect(await outputOf(['echo one', 'echo two >&2', 'echo three'])).toBe('one\nthree\n')
    const outcome = await shell.run(inputOf(['echo one', 'echo why >&2; exit 4', 'echo never']))
    expect(outcome).toMatchObject({
      ...{ status: 'error', error: { code: 'TOOL_FAILED', message: 'command 2 of 3 ended with exit status 4: why' } },
      data: { stdout: 'one\n', stderr: 'why\n', exit_code: 4 },
    })
    expect(shell.log()).toBe('one\nwhy\n')
  })

  it.each([
    ['outside quotes', 'printf "[%s]" {{ x }} end'],
    ['in double quotes', 'printf "[%s]" "{{ x }}" end'],
    ['in single quotes', "printf '[%s]' '{{ x }}' end"],
    ['beside a text', 'printf "[%s]" pre-{{ x }} end'],
    ['in a here-document', 'cat <<EOF\n[{{ x }}]\nEOF'],
  ])('a value is one word and never a command: %s', async (_, command) => {
    const proof = join(folder, 'proof')
    for (const x of [
      'a  b *',
      `$(touch ${proof})`,
      `\`touch ${proof}\``,
      `'; touch ${proof}; '`,
      `"; touch ${proof}; "`,
      '\\',
      '$HOME',
    ]) {
      expect(await outputOf(command, { x })).toContain(`${x}]`)
      expect(existsSync(proof)).toBe(false)
    }
  })

  it('numbers and objects are what templates make of them, env is the shell’s', async () => {
    expect(
      await outputOf('echo {{ n + 1 }} "{{ o | tojson }}" $GIVEN', { n: 1, o: { a: [1] } }, { env: { GIVEN: '{{ n }}' } }),
    ).toBe('2 {"a": [1]} 1\n')
  })

  it('a template in a quoted here-document, and a command that is whole from one, are refused', () => {
    expect(() => inputOf("cat <<'EOF'\n{{ x }}\nEOF", { x: 1 })).toThrow('quoted here-document')
    expect(inputOf("cat <<'EOF'\nx\nEOF\necho {{ x }}", { x: 1 })['args']).toMatchObject({ env: { TEMPLATE_0: '1' } })
    expect(shellTool.faults?.({ commands: ['echo {{ x }}', ' {{ x }} '] })).toMatchObject([{ index: 1, severity: 'error' }])
  })
})
