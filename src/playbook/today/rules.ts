import { isMap, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import { itemsOf, type MappingAt, mapNode, mapOf, nodeOf, numberNode, pairOf, reportAt, textNode, wordOf } from './nodes.js'

/** What the rules of a tool come to. */
export interface RuleReading {
  readonly retry: YAMLMap | null
  /** Variables that are set when the tool succeeded. */
  readonly set: readonly Pair[]
  /** Whether a failure is routed as success is. */
  readonly goesOn: boolean
  readonly failsLoop: boolean
}

const FAILED = new Set(["output.status=='error'", 'output.status=="error"'])
const ALWAYS = new Set(['true', '', "output.status=='ok'", "output.status=='success'"])
const FACTORS: Readonly<Record<string, number>> = { exponential: 2, linear: 1, fixed: 1, constant: 1, none: 1 }

/** Reads `spec.policy.rules` of a tool, as far as retry, failure and routing here can say them. */
export function readRules(at: MappingAt, policy: YAMLMap | null): RuleReading {
  const reading = { retry: null as YAMLMap | null, set: [] as Pair[], goesOn: false, failsLoop: false }
  for (const rule of itemsOf(policy ? nodeOf(policy, 'rules') : null)) {
    if (!isMap(rule)) continue
    const outcome = outcomeOf(rule)
    const action = outcome ? wordOf(nodeOf(outcome, 'do')) : null
    const when = condition(rule)
    if (!outcome || action === null) {
      reportAt(at, 'the rule has no outcome: write then: {do: retry}, {do: continue} or {do: fail}', rule)
    } else if (action === 'retry') {
      if (reading.retry) reportAt(at, 'a second rule that retries: "retry" is one rule here, join the conditions with "or"', rule)
      else reading.retry = retryOf(outcome, nodeOf(rule, 'when'))
    } else if (action === 'fail') {
      if (FAILED.has(when)) reading.failsLoop = true
      else reportAt(at, FAIL, rule)
    } else if (action === 'continue') {
      const set = mapOf(outcome, 'set')
      if (FAILED.has(when)) reading.goesOn = true
      else if (!ALWAYS.has(when) && set) reportAt(at, CONTINUE, rule)
      if (set && FAILED.has(when)) reportAt(at, CONTINUE, set)
      else if (set) reading.set.push(...(set.items as Pair[]))
    } else reportAt(at, unknownAction(action), nodeOf(outcome, 'do'))
  }
  return reading
}

const FAIL =
  '"do: fail" on a condition of its own is not supported: let the tool fail (python: return {"status": "error", "error": ...}), or route with "when"'
const CONTINUE =
  '"set" under a condition is not supported: write the condition into the value, such as "{{ 1 if output.status == \'ok\' else 2 }}", under "else"'

function unknownAction(action: string): string {
  if (action === 'jump' || action === 'break')
    return `"do: ${action}" is a feature of lists of tools that Transient does not have: write one step for each tool, and route with "when"`
  return `"do: ${action.slice(0, 60)}" is not an outcome of a rule: use retry, continue or fail`
}

/** `{when, then: {do}}`, `{else: {do}}`, `{else: {then: {do}}}` and `{else, then: {do}}`. */
function outcomeOf(rule: YAMLMap): YAMLMap | null {
  const own = mapOf(rule, 'then')
  const otherwise = mapOf(rule, 'else')
  return own ?? (otherwise ? (mapOf(otherwise, 'then') ?? otherwise) : null)
}

function condition(rule: YAMLMap): string {
  const text = pairOf(rule, 'else') ? '' : (wordOf(nodeOf(rule, 'when')) ?? '')
  return text.replace(/^\s*\{\{|\}\}\s*$|\s/g, '')
}

function retryOf(outcome: YAMLMap, when: Node | null): YAMLMap {
  const { range } = outcome
  const backoff = wordOf(nodeOf(outcome, 'backoff'))
  const delay = nodeOf(outcome, 'delay')
  return mapNode(
    [
      ['max_attempts', nodeOf(outcome, 'attempts') ?? numberNode(3, range)],
      ...(delay ? ([['initial_delay', delay]] as const) : []),
      ...(backoff !== null
        ? ([['backoff_multiplier', FACTORS[backoff] ? numberNode(FACTORS[backoff], range) : textNode(backoff, range)]] as const)
        : []),
      ...(when && !isSeq(when) ? ([['when', when]] as const) : []),
    ],
    range,
  )
}
