/** What the steps of a flow do. */
export type StepKind = 'noop' | 'vars' | 'python'

const BODIES: Readonly<Record<StepKind, string>> = {
  noop: '',
  vars: 'vars: {n: "{{ (vars.n | default(0)) + 1 }}"}, ',
  python: 'tool: {kind: python, code: "def main():\\n  return 1"}, ',
}

const head = (name: string) =>
  `apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: ${name}, path: bench/${name}}\nworkload: {}\nworkflow:\n`

/** A chain of steps, each of which names the next. */
export function chain(kind: StepKind, steps: number): string {
  const names = ['start', ...Array.from({ length: steps - 1 }, (_, index) => `step${index + 2}`)]
  const lines = names.map((name, index) => {
    const next = names[index + 1]
    return `- {step: ${name}, ${BODIES[kind]}${next ? `next: [{step: ${next}}]` : 'desc: last'}}`
  })
  return `${head(`${kind}_${steps}`)}${lines.join('\n')}\n`
}

export const LOOP_POOL = 'bench'
export const PLACES = 64

/** One iterator whose iterations count in a variable. An iteration always has a tool: here whoever claims it makes the result up. */
export function loop(): string {
  return `${head('loop')}- step: start
  type: iterator
  collection: "{{ workload.items }}"
  element: item
  mode: async
  concurrency: ${PLACES}
  pool: ${LOOP_POOL}
  task: {tool: {kind: python, code: "result = 1"}, vars: {n: "{{ (vars.n | default(0)) + 1 }}"}}
`
}
