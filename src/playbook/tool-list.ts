import { type ListedTool, type RetryRule, RULE_ACTIONS, type ToolRule } from './model.js'
import { nameFault } from './names.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  type Fields,
  fieldsOf,
  given,
  itemsOf,
  kindOf,
  nearestName,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { RETRY_KEYS, readRetryNumbers } from './retry.js'
import { didYouMean, oneOf } from './suggest.js'
import { conditionOf } from './templates.js'
import { readTimedCall } from './timed-call.js'
import { ITERATOR, parameterNames, type Toolkit, toolOf } from './tools.js'
import { readEntries } from './vars.js'

const OWN_KEYS = ['name', 'kind', 'timeout', 'vars', 'rules']
const RULE_KEYS = ['when', 'do', 'to', 'let', 'vars', ...RETRY_KEYS]
const MAX_TOOLS = 100

/** `tool` where it is a list of tools, else null. */
export function toolListOf(fields: Fields): Field | null {
  const field = given(fields, 'tool')
  return field && kindOf(field.value) === 'list' ? field : null
}

interface Reading {
  readonly tools: Toolkit
  /** The step's pool where it is not the server's. */
  readonly pool: string | null
}

/** Reads a list of tools that run one after another: `tool: [{name, kind, ..., rules}, ...]`. */
export function readToolList(field: Field, reading: Reading): ListedTool[] {
  const items = itemsOf(field.value)
  if (items.length === 0) reportKey(field, 'the list of tools is empty: name one, or leave "tool" out')
  if (items.length > MAX_TOOLS) reportKey(field, `a list of ${items.length} tools: ${MAX_TOOLS} at most, write more steps`)
  const names = new Map<string, Cursor>()
  const read = items.flatMap((item) => readListed(item, { ...reading, names }) ?? [])
  const known = [...names.keys()]
  for (const { jumps } of read)
    for (const { to, at } of jumps)
      if (!names.has(to)) report(at, `the list has no tool "${to.slice(0, 60)}"${nearestName(at, to, known)}`)
  const listed = read.map(({ tool }) => tool)
  for (const { tool, jumps } of read) for (const jump of jumps) checkEnds(listed, { tool, jump })
  return listed
}

interface Jump {
  readonly to: string
  readonly at: Cursor
  readonly rule: string
}

interface ListedReading {
  readonly tool: ListedTool
  readonly jumps: readonly Jump[]
}

function readListed(item: Cursor, { tools, pool, names }: Reading & { names: Map<string, Cursor> }): ListedReading | null {
  if (kindOf(item) !== 'mapping') {
    report(item, `a tool of a list is a mapping, such as {name: fetch, kind: http, ...}, not ${describeKind(item)}`)
    return null
  }
  const fields = fieldsOf(item)
  const kind = given(fields, 'kind')
  const tool = kind ? toolOf({ fields, at: kind.value, tools, pool, names: ownNames(fields) }) : null
  if (tool?.kind === ITERATOR)
    report(tool.at, 'an iterator cannot stand in a list of tools: give the step a "loop", or use playbook')
  const isUnknown = kind !== null && !tool?.definition
  if (!isUnknown) {
    const parameters = tool?.definition ? parameterNames(tool.definition) : []
    checkKeys(fields, {
      known: [...OWN_KEYS, ...parameters],
      of: tool ? `tool ${tool.kind}` : 'a tool without "kind", which only has rules',
    })
  }
  const name = readName(item, { field: fields.get('name'), names })
  const rules = given(fields, 'rules')
  const vars = given(fields, 'vars')
  const jumps: Jump[] = []
  const call = readTimedCall(fields, tool)
  const read = {
    ...{ name: name ?? '', ...call, rules: rules ? readRules(rules, jumps) : [] },
    ...{ vars: vars ? readEntries(vars.value).map(({ entry }) => entry) : [], at: item.path },
  }
  return { tool: read, jumps }
}

function ownNames(fields: Fields): string[] {
  return [...fields.keys()].filter((name) => !OWN_KEYS.includes(name))
}

function readName(item: Cursor, { field, names }: { field: Field | undefined; names: Map<string, Cursor> }): string | null {
  const name = field ? textOf(field.value) : null
  if (!field || name === null) {
    report(field?.value ?? item, `a tool of a list needs "name"${field ? `, not ${describeKind(field.value)}` : ''}`)
    return null
  }
  const fault = nameFault(name, 'tool', item.source.isRegistered)
  const first = names.get(name)
  if (fault) report(field.value, fault)
  else if (first)
    report(
      field.value,
      `two tools of this list are called "${name.slice(0, 60)}": the first is in line ${item.source.log.lineOf(first.offset)}; jumps and templates need to tell them apart`,
    )
  else names.set(name, field.value)
  return name
}

function readRules(field: Field, jumps: Jump[]): ToolRule[] {
  if (kindOf(field.value) !== 'list') {
    report(
      field.value,
      `rules must be a list, such as [{when: "{{ this.status == 'error' }}", do: retry}], not ${describeKind(field.value)}`,
    )
    return []
  }
  const items = itemsOf(field.value)
  return items.flatMap((item, index) => readRule(item, { isLast: index === items.length - 1, jumps }) ?? [])
}

function readRule(item: Cursor, { isLast, jumps }: { isLast: boolean; jumps: Jump[] }): ToolRule | null {
  if (kindOf(item) !== 'mapping') {
    report(item, `a rule is a mapping {when, do}, not ${describeKind(item)}`)
    return null
  }
  const fields = fieldsOf(item)
  checkKeys(fields, { known: RULE_KEYS, of: 'a rule' })
  const action = readAction(item, given(fields, 'do'))
  const when = given(fields, 'when')
  if (!when && !isLast) report(item, 'a rule without "when" holds for every success: the rules below it are never looked at')
  const to = given(fields, 'to')
  const target = to ? textOf(to.value) : null
  if (action === 'jump') {
    if (!to) report(item, 'a jump needs "to": the name of the tool that is next')
    else if (target === null) report(to.value, `"to" is the name of a tool, not ${describeKind(to.value)}`)
    else jumps.push({ to: target, at: to.value, rule: item.path })
  } else if (to && action !== null) reportKey(to, `"to" means nothing beside "do: ${action}"`)
  const retry: RetryRule | null = action === 'retry' ? { ...readRetryNumbers(fields, 3), when: null } : null
  const entriesOf = (name: string) => {
    const entries = given(fields, name)
    return entries ? readEntries(entries.value, name).map(({ entry }) => entry) : []
  }
  const condition = when ? conditionOf(when.value, 'when') : null
  const { path: at } = item
  return { when: condition, action: action ?? 'fail', to: target, retry, locals: entriesOf('let'), vars: entriesOf('vars'), at }
}

function readAction(item: Cursor, field: Field | null): ToolRule['action'] | null {
  if (!field) {
    report(item, `the rule has no outcome: write do: ${oneOf(RULE_ACTIONS)}`)
    return null
  }
  const text = textOf(field.value)
  const known = RULE_ACTIONS.find((action) => action === text)
  if (known) return known
  const shown = text === null ? describeKind(field.value) : `"${text.slice(0, 60)}"${didYouMean(text, RULE_ACTIONS)}`
  report(field.value, `"do" is ${oneOf(RULE_ACTIONS)}, not ${shown}`)
  return null
}

/** A jump back that nothing can keep from being taken again and again. */
function checkEnds(listed: readonly ListedTool[], { tool, jump }: { tool: ListedTool; jump: Jump }): void {
  const from = listed.indexOf(tool)
  const to = listed.findIndex(({ name }) => name === jump.to)
  const own = tool.rules.findIndex(({ at }) => at === jump.rule)
  const rule = tool.rules[own]
  if (to === -1 || to > from || !rule || !(rule.when === null || rule.when === 'true')) return
  const leaves = ({ action, to: target }: ToolRule, index: number): boolean => {
    if (action === 'break' || action === 'fail') return true
    const next = action === 'jump' ? listed.findIndex(({ name }) => name === target) : action === 'continue' ? index + 1 : index
    return next > from || next < to
  }
  const between = listed.slice(to, from + 1).flatMap((other, offset) => {
    const rules = other === tool ? other.rules.slice(0, own) : other.rules
    return rules.map((entry) => leaves(entry, to + offset))
  })
  if (between.includes(true)) return
  report(
    jump.at,
    `this jump never ends: no rule between "${jump.to.slice(0, 60)}" and it leaves the list; give it a "when", or put a rule {when, do: break} above it`,
  )
}
