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

  it('has no network where the setting PYTHON_NETWORK forbids it, nor have python steps', async () => {
    const closed = environmentWith({ hasPythonNetwork: false })
    const refusal =
      'TOOL_FAILED: python and shell steps have no network here (PYTHON_NETWORK=0): leave out "network: true", or use an http step'
    const offline = createCaller('shell', closed)
    const python = createCaller('python', closed)
    const file = join(folder, 'never')
    expect(await offline.error(inputOf(`touch ${file}`, {}, { network: true }))).toBe(refusal)
    expect(existsSync(file)).toBe(false)
    expect(await offline.data(inputOf('echo hi', {}, { network: 'false' }))).toMatchObject({ stdout: 'hi\n' })
    expect(await python.error({ code: 'result = 1', args: {}, network: 'True' })).toBe(refusal)
    expect(await python.data({ code: 'result = 1', args: {} })).toBe(1)
    await offline.close()
    await python.close()
  })

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
    ['after a comment with a quote', '# it is not "safe, it\'s\nprintf "[%s]" {{ x }} end'],
    ['after a word with a hash in it', 'printf "%s" a#\'b\' && printf "[%s]" {{ x }} end'],
    ['after a here-document with a quote', 'cat <<EOF\nit\'s\nEOF\nprintf "[%s]" {{ x }} end'],
    ['after a here-document that tabs may indent', 'cat <<-EOF\n\tit\'s\n\tEOF\nprintf "[%s]" {{ x }} end'],
    ['after two here-documents', 'cat <<A <<\'B C\'\n\'\nA\n"\nB C\nprintf "[%s]" {{ x }} end'],
    ['after what only looks like one', 'echo $((1<<2)) "<<EOF" && printf "[%s]" {{ x }} end'],
    ['in a substitution in double quotes', 'printf "[%s]" "$(printf "%s" {{ x }})"'],
    ['in double quotes of a substitution in double quotes', 'printf "[%s]" "$(printf "%s" "{{ x }}")"'],
    ['after a substitution in double quotes', 'printf "[%s%s]" "$(printf "it\'s" >/dev/null)" "{{ x }}"'],
    ['after a comment with a template', "# {{ x }} it's\nprintf '[%s]' {{ x }} end"],
    ['after a here-document with a template', "cat <<EOF >&2\nit's {{ x }}\nEOF\nprintf '[%s]' {{ x }} end"],
    ['after an escaped quote', 'printf "%s" \\" && printf "[%s]" {{ x }}'],
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

  it.each(['echo $(( {{ x }} + 1 ))', 'echo "$(( ( {{ x }} ) * 2 ))"', 'echo $((1)) $((2 + {{ x }}))'])(
    'a template in arithmetic, where a shell may run what a value says, is refused: %s',
    (command) => {
      expect(() => inputOf(command, { x: 1 })).toThrow('$((')
    },
  )

  it('reads a command once, however many templates it has', () => {
    const began = performance.now()
    inputOf(`echo ${'x'.repeat(20)} "{{ x }}"\n`.repeat(10_000), { x: 1 })
    expect(performance.now() - began).toBeLessThan(within(5_000))
  })

  it('a template in a quoted here-document, and a command that is whole from one, are refused', () => {
    for (const word of ["'EOF'", '"EOF"', '\\EOF', "'E F'"]) {
      expect(() => inputOf(`cat <<${word}\n{{ x }}\nEOF`, { x: 1 })).toThrow('quoted here-document')
    }
    expect(() => inputOf('echo \\{{ x }}', { x: 1 })).toThrow('backslash')
    expect(inputOf("cat <<'EOF'\nx\nEOF\necho {{ x }}", { x: 1 })['args']).toMatchObject({ env: { TEMPLATE_0: '1' } })
    expect(shellTool.faults?.({ commands: ['echo {{ x }}', ' {{ x }} '] })).toMatchObject([{ index: 1, severity: 'error' }])
  })
})
