import { parsePlaybook } from '../../src/playbook/index.js'
import type { ParseReport, Playbook, Problem, Step } from '../../src/playbook/model.js'
import { TOOLS } from '../../src/tools/index.js'

export const HEAD = 'apiVersion: noetl.io/v1\nkind: Playbook\nmetadata: {name: test}\n'

export function parse(source: string): ParseReport {
  return parsePlaybook(source, { tools: TOOLS })
}

/** A playbook of these steps, written as they are. */
export function workflow(steps: string, head = ''): string {
  return `${HEAD}${head}workflow:\n${steps}`
}

/** The model, or a fault that shows why there is none. */
export function modelOf(source: string): Playbook {
  const { playbook, problems } = parse(source)
  if (!playbook) throw new Error(`refused:\n${problems.map(show).join('\n')}`)
  return playbook
}

export function stepOf(source: string, name: string): Step {
  const step = modelOf(source).steps.find((entry) => entry.name === name)
  if (!step) throw new Error(`no step ${name}`)
  return step
}

/** `error 4:3 workflow[0].tool | message` */
export function show({ severity, line, column, path, message }: Problem): string {
  return `${severity} ${line}:${column} ${path} | ${message}`
}

export function problemsOf(source: string): string[] {
  return parse(source).problems.map(show)
}
