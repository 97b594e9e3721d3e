// cspell:ignore größer שלום dcba
/** A playbook of the path console/<name>. */
const written = (name: string, rest: string) => `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: ${name}, path: console/${name}}
${rest}`

/** Waits for a variable that somebody sets, so that a test decides when each step goes on. */
export const STEPWISE = written(
  'stepwise',
  `workload: {greeting: hello, times: 2, loud: false, list: [1, 2]}
workflow:
- step: start
  vars: {counter: 0, nothing: null, blank: "", order: {id: 7, lines: [{sku: "a", price: 12345678901234567890}]}}
  next: [{step: work}]
- step: work
  tool: python
  code: |
    import time
    def main():
        time.sleep(0.2)
        return {"done": True}
  vars: {counter: "{{ vars.counter + 1 }}"}
  next:
  - when: "{{ vars.counter >= workload.times }}"
    then: [{step: end}]
  - else: [{step: work}]
`,
)

/** What it takes is said by a schema. */
export const CHECKED = written(
  'checked',
  `schema:
  workload:
    required: [api_url, mode]
    properties:
      api_url: {type: string, pattern: "^https://", description: Where the items come from}
      mode: {type: string, enum: [fast, safe]}
      batch_size: {type: integer, minimum: 1, default: 100}
      token: {type: string, writeOnly: true}
workflow:
- step: start
`,
)

export const FAILING = written(
  'failing',
  `workflow:
- step: start
  vars: {url: "https://example.invalid/"}
  next: [{step: broken}]
- step: broken
  vars: {total: "{{ vars.missing + 1 }}"}
`,
)

/** Takes long enough to be looked at. */
export const BATCH = `apiVersion: noetl.io/v1
kind: Playbook
metadata:
  name: batch_tour
  path: examples/batch_tour
  description: Forty orders, eight at a time; what is expensive is looked at again
workload:
  orders: 40
  limit: 300
workflow:
- step: start
  desc: Makes the orders
  tool: python
  code: |
    def main(orders):
        return [{"id": n, "amount": (n * 37) % 100} for n in range(1, orders + 1)]
  args: {orders: "{{ workload.orders }}"}
  vars:
    before: {total: 0, checked: 0}
    after: {orders: "{{ result }}"}
  next: [{step: check}]

- step: check
  desc: Each order on its own, eight at once
  type: iterator
  collection: "{{ vars.orders }}"
  element: order
  mode: async
  concurrency: 8
  task:
    tool: python
    code: |
      import time
      def main(order):
          time.sleep(0.6)
          return {"id": order["id"], "ok": order["amount"] < 90}
    vars:
      checked: "{{ vars.checked + 1 }}"
      total: "{{ vars.total + order.amount }}"
  next:
  - when: "{{ vars.total > workload.limit }}"
    then: [{step: review}]
  - else: [{step: done}]

- step: review
  desc: Too much for one batch
  vars:
    summary: {orders: "{{ vars.checked }}", total: "{{ vars.total }}", average: "{{ vars.total / vars.checked }}"}
  next: [{step: done}]

- step: done
  vars: {finished_at: "{{ now() }}"}
`

/** `case` decides, by what a step answered. */
export const CASES = written(
  'cases',
  `workflow:
- step: start
  next: look
- step: look
  tool: python
  code: |
    def main():
        return {"size": 3}
  case:
  - when: "{{ event.name == 'call.done' and result.size > 10 }}"
    then: [{step: large}]
  - when: "{{ event.name == 'call.done' and result.size <= 10 }}"
    then: [{step: small}]
  next: nowhere
- step: large
- step: small
- step: nowhere
`,
)

/** Fails until it is a second old. */
export const LISTED = written(
  'listed',
  `workflow:
- step: gather
  tool:
  - {name: begin, rules: [{do: continue, let: {page: 1}}]}
  - {name: fetch, kind: python, args: {page: "{{ page }}"}, code: "print('page', page)\\nresult = {'page': page}"}
  - {name: back, rules: [{when: "{{ page < 3 }}", do: jump, to: fetch, let: {page: "{{ page + 1 }}"}}]}
  - {name: add, kind: python, args: {last: "{{ fetch.page }}"}, code: "result = last + 1"}`,
)

export const RETRIED = written(
  'retried',
  `workflow:
- step: start
  vars: {began: "{{ now() }}"}
  next: flaky
- step: flaky
  tool: python
  retry: {max_attempts: 20, initial_delay: 0.4, backoff_multiplier: 1}
  args: {age: "{{ now() - vars.began }}"}
  code: |
    import time
    def main(age):
        time.sleep(0.1)
        if age < 1:
            raise ValueError("not yet")
        return {"age": age}
`,
)

/** Fails at each of thirty attempts, which are sixty events; then somebody cleans up. */
export const STUBBORN = written(
  'stubborn',
  `workflow:
- step: start
  next: flaky
- step: flaky
  tool: python
  retry: {max_attempts: 30, initial_delay: 0}
  code: |
    def main():
        raise ValueError("never")
  vars: {tried: true}
  next:
  - when: "{{ this.status == 'error' }}"
    then: [{step: clean}]
- step: clean
  vars: {cleaned: true}
`,
)

/** Three loops: all of whose iterations fail, one of whose does, none of whose does. */
export const LOOPS = written(
  'loops',
  `workflow:
- step: start
  next: none
- step: none
  loop: {in: [1, 2, 3], iterator: x}
  tool: python
  args: {x: "{{ x }}"}
  code: |
    def main(x):
        raise ValueError("no " + str(x))
  next: some
- step: some
  loop: {in: [1, 2, 3, 4], iterator: x}
  tool: python
  args: {x: "{{ x }}"}
  code: |
    def main(x):
        if x == 2:
            raise ValueError("no 2")
        return x
  next: all
- step: all
  loop: {in: [1, 2], iterator: x}
  tool: python
  args: {x: "{{ x }}"}
  code: |
    def main(x):
        return x
  next: end
- step: end
`,
)

/** Whatever somebody may write into a value or a name. */
export const WORDS = written(
  'words',
  `workflow:
- step: start
  next: a_step_whose_name_is_far_too_long_for_its_place_in_the_graph
- step: a_step_whose_name_is_far_too_long_for_its_place_in_the_graph
  vars:
    umlaut: "größer als Ä, 東京, 🎉"
    hebrew: "שלום"
    reordered: "abc\u202edcba\u2066x"
    "v10": 10
    v2: 2
    v1: 1
    v100: 100
    a_variable_whose_name_is_far_too_long_for_its_column_in_the_list_of_variables: 1
  next: end
- step: end
`,
)

/** Its child fails. */
export const UNLUCKY = written(
  'unlucky',
  `workflow:
- step: start
  tool: playbook
  path: console/failing
`,
)

export const PARENT = written(
  'parent',
  `workflow:
- step: start
  tool: playbook
  path: console/stepwise
  args: {times: 1}
  vars: {done: true}
`,
)

/** A playbook that only greets; its text differs with the greeting. */
export const greet = (greeting: string) => `apiVersion: noetl.io/v1
kind: Playbook
metadata:
  name: greet
  path: screens/greet
workload:
  name: Ada
workflow:
- step: start
  vars:
    greeting: "${greeting} {{ workload.name }}"
    parts: [1, 2]
  next: end
- step: end
`

export const BRANCHING = 'console/branching'

/** Four steps a layer: it forks by a condition, joins, and at times leads back; the last join fails. */
export function branching(steps: number): string {
  const layers = Array.from({ length: steps / 4 }, (_, layer) => {
    const next = (layer + 1) * 4 < steps ? `choose_${layer + 1}` : null
    const back = layer % 5 === 4 ? `\n  - when: "{{ vars.turns > 1000 }}"\n    then: [{step: choose_${layer - 3}}]` : ''
    return `- step: choose_${layer}
  vars: {turns: "{{ vars.turns + 1 }}"}
  next:
  - when: "{{ vars.turns % 2 == 0 }}"
    then: [{step: left_${layer}}]
  - else: [{step: right_${layer}}]
- step: left_${layer}
  next: join_${layer}
- step: right_${layer}
  next: join_${layer}
- step: join_${layer}
  ${next === null ? 'vars: {sum: "{{ vars.never }}"}' : `next:${back}\n  - step: ${next}`}
`
  })
  return written(
    'branching',
    `workflow:
- step: start
  vars: {turns: 0}
  next: choose_0
${layers.join('')}`,
  )
}
