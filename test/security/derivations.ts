import fc from 'fast-check'
import { playbook } from '../support/source.js'

/** Its core stands in no playbook, so that wherever it is found it leaked. */
const CORE = 'q7f3zk91xw'
export const CANARY = `Kan "é"/${CORE}+&`
export const PLAYBOOKS = 20
export const DERIVATIONS = 10

/** Ways in which a text may hold it: as it is, in other letters, backwards, and in the codings that filters and drivers use. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text)
  const inner = (shift: number) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4)
  return [text, [...text].reverse().join(''), bytes.toString('hex'), ...[0, 1, 2].map(inner)].map((form) => form.toLowerCase())
}

/**
 * The forms of the canary that a text holds. Percent signs and backslashes leave letters and digits as they are, so that its
 * core is found in what was encoded for an address or escaped for JSON, too.
 */
export function leaksIn(text: string, core = CORE): string[] {
  const lower = text.toLowerCase()
  return [...formsOf(core), ...formsOf(core.toUpperCase())].filter((form) => lower.includes(form))
}

/** What a step may do with something sensitive, given where it reads it. The result is `vars.d<n>`. */
const DERIVATIONS_OF: readonly ((from: string, n: number) => string)[] = [
  (from, n) => `vars: {d${n}: "{{ ${from} | upper }}"}`,
  (from, n) => `vars: {d${n}: "{{ [${from}, 1] | tojson }}"}`,
  (from, n) => `vars: {d${n}: "{{ ${from} ~ '' | urlencode }}"}`,
  (from, n) => `vars: {d${n}: {deep: ["{{ ${from} }}"]}}`,
  (from, n) => `vars: {d${n}: "{{ ${from} == 'x' }}"}`,
  (from, n) => `vars: {d${n}: "{% for c in [${from}] %}{{ c }}{% endfor %}"}`,
  (from, n) => `vars: {d${n}: "{{ vars | tojson ~ (${from} | string) }}"}`,
  (from, n) => `vars: {d${n}: "{{ nothing | default(${from}) }}"}`,
  (from, n) =>
    `{tool: python, args: {x: "{{ ${from} }}"}, code: "def main(x):\\n  print(x)\\n  return [x, str(x)[::-1]]", vars: {d${n}: "{{ result }}"}}`,
  (from, n) =>
    `{tool: python, args: {x: "{{ ${from} }}"}, code: "import base64\\ndef main(x):\\n  return {'b': base64.b64encode(str(x).encode()).decode(), 'h': str(x).encode().hex()}", vars: {d${n}: "{{ this.data }}"}}`,
  (from, n) =>
    `{tool: python, args: {x: "{{ ${from} }}"}, retry: {max_attempts: 2, initial_delay: 0.01}, code: "def main(x):\\n  raise ValueError(x)", vars: {d${n}: "{{ this.error }}"}, next: [{when: "{{ this.status == 'error' }}", then: [NEXT]}]}`,
  (from, n) =>
    `{tool: http, url: "http://127.0.0.1:9/{{ ${from} | urlencode }}", vars: {d${n}: "{{ this.error.message }}"}, next: [{when: "{{ error }}", then: [NEXT]}]}`,
  (from, n) =>
    `{tool: iterator, collection: "{{ [${from}, ${from}] }}", element: e, task: {tool: python, args: {e: "{{ e }}"}, code: "def main(e): return e", vars: {i${n}: "{{ result }}"}}, vars: {d${n}: "{{ result }}"}}`,
  (from, n) => `{tool: playbook, path: test/canary_child, args: {x: "{{ ${from} }}", y: 1}, vars: {d${n}: "{{ result }}"}}`,
]

/** A playbook of random derivations, each from the workload or from one before it; the last step fails with what it reads. */
const workflows = fc.array(fc.record({ kind: fc.nat(DERIVATIONS_OF.length - 1), from: fc.nat(100), isBare: fc.boolean() }), {
  minLength: DERIVATIONS,
  maxLength: DERIVATIONS,
})

interface Derivation {
  readonly kind: number
  readonly from: number
  readonly isBare: boolean
}

/** What some of the derivations call. */
export const CHILD = playbook(
  'canary_child',
  '\n- {step: start, vars: {c: "{{ workload.x }}"}, next: [{step: end}]}\n- {step: end, tool: python, args: {x: "{{ vars.c }}"}, code: "def main(x): return {\'got\': x}"}',
)

/** Random playbooks of so many derivations each. `more` says what of them is sensitive. */
export function randomSources(more: string): { readonly source: string; readonly count: number; readonly path: string }[] {
  return fc.sample(workflows, PLAYBOOKS).map((derivations, index) => ({
    source: playbook(`canary${index}`, workflowOf(derivations), { more }),
    count: derivations.length,
    path: `test/canary${index}`,
  }))
}

function workflowOf(derivations: readonly Derivation[]): string {
  const steps = derivations.map(({ kind, from, isBare }, n) => {
    const earlier = from % (n + 1)
    const source = earlier === n ? 'workload.key' : isBare ? `d${earlier}` : `vars.d${earlier}`
    const body = DERIVATIONS_OF[kind]?.(source, n) ?? ''
    const step = body.startsWith('{') ? body.slice(1, -1) : body
    const next = `s${n + 1}`
    const routed = step.includes('NEXT') ? step.replaceAll('NEXT', `{step: ${next}, args: {given: "{{ ${source} }}"}}`) : null
    return `- {step: s${n}, ${routed ?? `${step}, next: [{when: "{{ ${source} or true }}", then: [{step: ${next}}]}]`}}`
  })
  return `\n${steps.join('\n')}\n- {step: s${derivations.length}, vars: {bad: "{{ vars.d0[workload.key] }}"}}`
}
