/** Waits for a variable that somebody sets, so that a test decides when each step goes on. */
export const STEPWISE = `
apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: stepwise, path: console/stepwise}
workload: {greeting: hello, times: 2, loud: false, list: [1, 2]}
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
`

export const FAILING = `
apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: failing, path: console/failing}
workflow:
- step: start
  vars: {url: "https://example.invalid/"}
  next: [{step: broken}]
- step: broken
  vars: {total: "{{ vars.missing + 1 }}"}
`

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
