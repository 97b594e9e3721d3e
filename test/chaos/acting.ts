import { playbook } from '../support/source.js'
import type { EffectSink } from './effects.js'

export const ITEMS = [1, 2, 3, 4, 5]
export const KINDS = ['python', 'http', 'postgres', 'playbook', 'workbook'] as const
export type Kind = (typeof KINDS)[number]

type Sink = Pick<EffectSink, 'url' | 'file'>

/** A tool of a kind, whose effect outside carries the tag. `playbook` calls `test/acting-child`, `workbook` the task `effect`. */
export function toolOf(kind: Kind, { url, file }: Sink, tag: string): string {
  const code = `def main(tag):\\n  import time\\n  with open('${file}', 'a') as f: f.write(f'{tag} {time.time() * 1000}\\\\n')`
  switch (kind) {
    case 'python':
      return `{kind: python, args: {tag: "${tag}"}, code: "${code}"}`
    case 'http':
      return `{kind: http, method: POST, endpoint: "${url}", headers: {Effect: "${tag}"}, payload: {}}`
    case 'postgres':
      return `{kind: postgres, auth: effects, command: "INSERT INTO effect (key) VALUES ('${tag}')"}`
    case 'playbook':
      return `{kind: playbook, path: test/acting-child, args: {tag: "${tag}"}}`
    case 'workbook':
      return `{kind: workbook, name: effect, args: {tag: "${tag}"}}`
  }
}

/** Waits in pool `gate`, then the step `act` runs the tool, once or for each item, and counts it. */
export function actingPlaybook(kind: Kind, { isIterator, sink }: { isIterator: boolean; sink: Sink }): string {
  const vars = 'vars: {acted: "{{ (vars.acted | default(0)) + 1 }}"}'
  const tool = toolOf(kind, sink, isIterator ? '{{ execution_id }}-{{ item }}' : '{{ execution_id }}')
  const list = `collection: ${JSON.stringify(ITEMS)}\n  element: item\n  mode: sequential`
  const act = isIterator ? `type: iterator\n  ${list}\n  task: {tool: ${tool}, ${vars}}` : `tool: ${tool}\n  ${vars}`
  const workflow = [
    '- step: start\n  pool: gate\n  tool: {kind: python, code: "result = None"}\n  next: act',
    `- step: act\n  ${act}\n  next: last`,
    '- step: last\n  vars: {last: "{{ vars.acted }}"}',
  ]
  const effect = toolOf('python', sink, '').replace('args: {tag: ""}, ', '')
  const name = `${isIterator ? 'iterate' : 'act'}-${kind}`
  return playbook(name, workflow.join('\n'), { more: `workbook:\n- name: effect\n  tool: ${effect}` })
}
