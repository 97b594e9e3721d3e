import { z } from 'zod'
import { TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import { splitTemplate } from '../template/index.js'
import { flag, mapping } from './parameters.js'
import { createPythonTool } from './python/python.js'
import { createShellText, type ShellPlace } from './shell-text.js'
import { defineTool, type ParameterFault, type Renderer } from './tool.js'

const WHOLE = 'a whole command from one template is refused: write the program, and templates for its arguments'

/** Runs commands of a shell, in the sandbox of python steps. */
export const shellTool = defineTool({
  kind: 'shell',
  parameters: z.strictObject({
    commands: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    env: mapping.optional(),
    network: flag.optional(),
  }),
  aliases: { command: 'commands', cmds: 'commands', cmd: 'commands' },
  faults: ({ commands = null }) => listOf(commands).flatMap(wholeCommand),
  render: renderShell,
  open: (environment) => {
    const python = createPythonTool(environment)
    return { ...python, run: (input, call) => python.run({ ...input, code: PROGRAM }, call) }
  },
})

/** One after another, until one fails. What they print is the step's log as well. */
const PROGRAM = `
def main(commands, env):
    import os, subprocess, sys
    printed = {"stdout": "", "stderr": "", "exit_code": 0}
    for number, command in enumerate(commands, 1):
        done = subprocess.run(["/bin/sh", "-c", command], env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
        sys.stdout.write(done.stdout + done.stderr)
        printed = {"stdout": printed["stdout"] + done.stdout, "stderr": printed["stderr"] + done.stderr, "exit_code": done.returncode}
        if done.returncode != 0:
            last = done.stderr.strip().split("\\n")[-1]
            error = f"command {number} of {len(commands)} ended with exit status {done.returncode}" + (f": {last}" if last else "")
            return {"status": "error", "error": error, "data": printed}
    return {"status": "success", "data": printed}
`

function listOf(commands: JsonValue): string[] {
  return (Array.isArray(commands) ? commands : [commands]).filter((command) => typeof command === 'string')
}

function wholeCommand(command: string, index: number): ParameterFault[] {
  const isWhole = splitTemplate(command).every((part) => part.kind === 'expression' || part.text.trim() === '')
  return isWhole ? [{ name: 'commands', index, message: WHOLE, severity: 'error' }] : []
}

/**
 * Each template becomes a variable of the shell's environment, so that its value is one word and never a command.
 * @throws TransientError TEMPLATE_ERROR where a shell replaces no variable, or would take its value for more than a word
 */
function renderShell(parameters: JsonObject, renderer: Renderer): JsonObject {
  const { commands = null, env = {}, network = null } = parameters
  const given = renderer.tree(env, 'env')
  const values: JsonObject = isJsonObject(given) ? textsOf(given) : {}
  let count = 0
  const rendered = listOf(commands).map((command, index) => {
    const shell = createShellText()
    for (const part of splitTemplate(command)) {
      if (part.kind === 'text') {
        shell.add(part.text)
        continue
      }
      while (Object.hasOwn(values, `TEMPLATE_${count}`)) count += 1
      const name = `TEMPLATE_${count}`
      // A letter before a template makes it mixed text, so that the engine's own rules turn its value into text.
      values[name] = String(renderer.tree(`x${part.source}`, `commands[${index}]`)).slice(1)
      shell.add(reference(name, shell.place()))
    }
    return shell.text()
  })
  return { args: { commands: rendered, env: values }, network: network === null ? null : renderer.tree(network, 'network') }
}

function textsOf(values: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  )
}

const ELSEWHERE = 'give it by env, and write the variable there'

/** How a variable is written at a place of a shell's text, so that its value stays one word there. */
function reference(name: string, place: ShellPlace): string {
  const refuse = (message: string) => new TransientError('TEMPLATE_ERROR', message)
  switch (place) {
    case 'word':
      return `"\${${name}}"`
    case 'single quotes':
      return `'"\${${name}}"'`
    case 'double quotes':
    case 'document':
      return `\${${name}}`
    case 'quoted document':
      throw refuse(`a template inside a quoted here-document (<<'EOF') is text to the shell: ${ELSEWHERE}, without the quotes`)
    case 'arithmetic':
      throw refuse(
        `a template inside $(( )) is refused, since a shell may run what its value says: compute it in the template, or ${ELSEWHERE}`,
      )
    case 'escaped':
      throw refuse('a backslash before a template would quote a part of what stands for it: leave it out')
  }
}
