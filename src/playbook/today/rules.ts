import { isMap, type Node, type Pair, type YAMLMap } from 'yaml'
import { keyText } from '../reader.js'
import { reportForeign } from './foreign.js'
import {
  addComments,
  booleanNode,
  commentsIn,
  entriesOf,
  itemsOf,
  listNode,
  type MappingAt,
  mapNode,
  mapOf,
  nodeOf,
  numberNode,
  pairOf,
  reportAt,
  textNode,
  wordOf,
} from './nodes.js'

const FAILED = new Set(["output.status=='error'", 'output.status=="error"', "outcome.status=='error'"])
const FACTORS: Readonly<Record<string, number>> = { exponential: 2, linear: 1, fixed: 1, constant: 1, none: 1 }
const OUTCOME_KEYS = ['do', 'to', 'attempts', 'max_attempts', 'delay', 'backoff', 'max_delay', 'set', 'set_ctx', 'set_iter']

/** What the rules of one tool come to where `retry`, `vars` and routing can say them. */
export interface PlainRules {
  readonly retry: YAMLMap | null
  /** Variables that are set when the tool succeeded. */
  readonly set: readonly Pair[]
  /** Whether a failure is routed as success is. */
  readonly goesOn: boolean
  readonly failsLoop: boolean
}

/** Reads `spec.policy.rules` of a tool that stands alone; null where only rules can say them. */
export function plainRules(at: MappingAt & { readonly hasLoop: boolean }, policy: YAMLMap | null): PlainRules | null {
  const { hasLoop } = at
  const read = { retry: null as YAMLMap | null, set: [] as Pair[], goesOn: false, failsLoop: false }
  const outcomes: [YAMLMap, YAMLMap][] = []
  let isDecided = false
  for (const rule of rulesOf(policy)) {
    const outcome = isMap(rule) ? outcomeOf(rule) : null
    if (!isMap(rule) || !outcome) return null
    outcomes.push([rule, outcome])
    const action = wordOf(nodeOf(outcome, 'do'))
    const set = setOf(outcome)
    const when = conditionText(rule)
    if (action === 'retry' && !read.retry && !isDecided && set.length === 0) {
      read.retry = mapNode([...retryEntries(outcome), ...whenEntry(rule)], outcome.range, rule)
    } else if (action === 'fail' && FAILED.has(when) && set.length === 0) {
      read.failsLoop = true
      isDecided = true
    } else if (action === 'continue' && FAILED.has(when) && set.length === 0 && !hasLoop) {
      read.goesOn = !isDecided
      isDecided = true
    } else if (action === 'continue' && when === '' && !(hasLoop && set.length > 0)) {
      read.set.push(...set)
      break
    } else return null
  }
  for (const [rule, outcome] of outcomes) checkKeys(at, rule, outcome)
  return read
}

/** Whether a failure of the tool, by its rules, ends the loop that it stands in. */
export function failsLoop(policy: YAMLMap | null): boolean {
  return rulesOf(policy).some((rule) => {
    const outcome = isMap(rule) ? outcomeOf(rule) : null
    return outcome !== null && wordOf(nodeOf(outcome, 'do')) === 'fail' && FAILED.has(conditionText(rule as YAMLMap))
  })
}

/** How `set` divides: variables, and names of the list's own run. */
export interface Divided {
  readonly vars: readonly Pair[]
  readonly locals: readonly Pair[]
}

export interface RuleContext {
  readonly divide: (set: readonly Pair[]) => Divided
  /** What the tool itself sets for the list's run whenever it goes on. */
  readonly locals: readonly Pair[]
}

/** `spec.policy.rules` of a tool as `rules` of a list; null without any. */
export function listRules(at: MappingAt, policy: YAMLMap | null, context: RuleContext): Node | null {
  const rules = rulesOf(policy)
  const written = rules.map((rule) => (isMap(rule) ? ownRule(at, rule, context) : rule))
  const hasRest = rules.some((rule) => isMap(rule) && !pairOf(rule, 'when'))
  const [local] = context.locals
  if (local && !hasRest) {
    const { range } = local.key as Node
    written.push(
      mapNode(
        [
          ['do', textNode('continue', range)],
          ['let', entriesNode(context.locals, range)],
        ],
        range,
      ),
    )
  }
  if (written.length === 0) return null
  const list = listNode(written, policy?.range)
  addComments(list, commentsIn(policy, new Set(rules)))
  return list
}

function ownRule(at: MappingAt, rule: YAMLMap, { divide, locals }: RuleContext): Node {
  const outcome = outcomeOf(rule)
  if (!outcome) return mapNode(whenEntry(rule), rule.range, rule)
  checkKeys(at, rule, outcome)
  const set = setOf(outcome)
  const action = nodeOf(outcome, 'do') ?? (set.length > 0 ? textNode('continue', outcome.range) : null)
  const goesOn = ['continue', 'jump', 'break'].includes(wordOf(action) ?? '')
  const divided = divide(set)
  const local = [...divided.locals, ...(goesOn ? locals : [])]
  const to = nodeOf(outcome, 'to')
  return mapNode(
    [
      ...whenEntry(rule),
      ...(action ? ([['do', action]] as const) : []),
      ...(to ? ([['to', to]] as const) : []),
      ...(wordOf(action) === 'retry' ? retryEntries(outcome) : []),
      ...(local.length > 0 ? ([['let', entriesNode(local, outcome.range)]] as const) : []),
      ...(divided.vars.length > 0 ? ([['vars', entriesNode(divided.vars, outcome.range)]] as const) : []),
    ],
    rule.range,
    rule,
  )
}

function checkKeys(at: MappingAt, rule: YAMLMap, outcome: YAMLMap): void {
  for (const { key } of outcome.items) {
    const name = wordOf(key as Node)
    if (name !== null && !OUTCOME_KEYS.includes(name) && !(name === 'then' && pairOf(rule, 'else')))
      reportForeign(at, { node: key as Node, known: OUTCOME_KEYS, of: 'a rule' })
  }
}

function entriesNode(pairs: readonly Pair[], range: Node['range']): Node {
  const entries = pairs.map((pair): [string, Node] => [keyText(pair.key) ?? '', pair.value as Node])
  return mapNode([...new Map(entries)], range)
}

/** `{when, then: {do}}`, `{else: {do}}`, `{else: {then: {do}}}` and `{else, then: {do}}`. */
function outcomeOf(rule: YAMLMap): YAMLMap | null {
  const own = mapOf(rule, 'then')
  const otherwise = mapOf(rule, 'else')
  return own ?? (otherwise ? (mapOf(otherwise, 'then') ?? otherwise) : null)
}

function rulesOf(policy: YAMLMap | null): Node[] {
  return itemsOf(policy ? nodeOf(policy, 'rules') : null)
}

/** What a rule sets, under its scopes: `set`, and what was written before it was called so. */
function setOf(outcome: YAMLMap): Pair[] {
  const scoped = (name: string, scope: string) =>
    entriesOf(mapOf(outcome, name)).map((pair) => renamedPair(pair, `${scope}.${keyText(pair.key) ?? ''}`))
  return [...entriesOf(mapOf(outcome, 'set')), ...scoped('set_ctx', 'ctx'), ...scoped('set_iter', 'iter')]
}

function renamedPair(pair: Pair, name: string): Pair {
  const key = textNode(name, (pair.key as Node).range)
  return Object.assign(pair, { key })
}

function conditionText(rule: YAMLMap): string {
  const text = pairOf(rule, 'else') ? '' : (wordOf(nodeOf(rule, 'when')) ?? '')
  return text.replace(/^\s*\{\{|\}\}\s*$|\s/g, '')
}

function whenEntry(rule: YAMLMap): [string, Node][] {
  const when = nodeOf(rule, 'when')
  return when ? [['when', when]] : []
}

function retryEntries(outcome: YAMLMap): [string, Node][] {
  const { range } = outcome
  const backoff = wordOf(nodeOf(outcome, 'backoff'))
  const factor = backoff === null ? undefined : FACTORS[backoff]
  const delay = nodeOf(outcome, 'delay')
  const longest = nodeOf(outcome, 'max_delay')
  const attempts = nodeOf(outcome, 'attempts') ?? nodeOf(outcome, 'max_attempts')
  const entries: [string, Node][] = [['max_attempts', attempts ?? numberNode(3, range)]]
  if (delay) entries.push(['initial_delay', delay])
  if (backoff !== null)
    entries.push(['backoff_multiplier', factor === undefined ? textNode(backoff, range) : numberNode(factor, range)])
  if (longest) entries.push(['max_delay', longest])
  return entries
}

/** `spec.policy.admit.rules` as one condition; null where it is none. */
export function admission(at: MappingAt, admit: YAMLMap): Node | null {
  const rules = itemsOf(nodeOf(admit, 'rules')).filter((rule) => isMap(rule))
  const read = rules.map((rule) => {
    const outcome = outcomeOf(rule)
    const allow = outcome ? wordOf(nodeOf(outcome, 'allow')) : null
    if (allow !== 'true' && allow !== 'false')
      reportAt(at, 'a rule of admit has no outcome: write then: {allow: true} or then: {allow: false}', rule)
    const when = nodeOf(rule, 'when')
    return { isAllowed: allow === 'true', condition: when ? expressionIn(wordOf(when) ?? '') : null }
  })
  const last = read.at(-1)
  if (!last) return null
  const rest = last.condition === null ? last.isAllowed : !last.isAllowed
  const conditional = read.filter(({ condition }) => condition !== null)
  if (conditional.length === 0) return rest ? null : booleanNode(false, admit.range)
  const expression = conditional.reduceRight((otherwise, { isAllowed, condition }) => {
    if (otherwise === String(!isAllowed)) return isAllowed ? `(${condition})` : `not (${condition})`
    return `(${isAllowed} if (${condition}) else ${otherwise})`
  }, String(rest))
  const single = conditional.length === 1 ? /^\(([\s\S]*)\)$/.exec(expression)?.[1] : undefined
  return textNode(`{{ ${single ?? expression} }}`, admit.range)
}

function expressionIn(text: string): string {
  return /^\s*\{\{([\s\S]*)\}\}\s*$/.exec(text)?.[1]?.trim() ?? text.trim()
}
