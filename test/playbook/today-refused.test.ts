// cspell:ignore pyton finsh wehn exlusive contine
import { describe, expect, it } from 'vitest'
import { problemsOf, workflow } from './support.js'

const ELSEWHERE = '"script" is a file elsewhere, which a playbook cannot run here: put its text under'
const SETTING =
  'is a setting of the server here: put it into CREDENTIALS (a database: CONNECTIONS) under that name, and name it in "auth"'

/** What another step and its own templates read of it stands there, too: nothing may be said about that. */
const withTool = (tool: string) =>
  workflow(`- step: a
  tool: ${tool}
  set: {ctx.n: "{{ output.data.n }}"}
  next: {arcs: [{step: b, when: "{{ output.rows }}"}]}
- step: b
  tool: {kind: python, input: {n: "{{ a.rows[0].n }}", m: "{{ ctx.n }}"}, code: result = n}
`)

describe('what is not here is one sentence, and no other follows from it', () => {
  it.each([
    ['duckdb', 'use postgres or python'],
    ['ducklake', 'use postgres or python'],
    ['snowflake', 'use python'],
    ['gcs', 'use http'],
    ['gateway', 'use http'],
    ['container', 'use python or http'],
    ['nats', 'use http or python'],
    ['agent', 'use http or python'],
    ['mcp', 'use http'],
    ['artifact', 'keep the value with "vars", or store it with http or postgres'],
    ['transfer', 'fetch with http or postgres, then write with an iterator over a postgres task'],
  ])('the tool %s', (kind, advice) => {
    const own = `kind: ${kind}, input: {a: 1}, query: "select {{ nowhere }}", strange: 1`
    const path = 'workflow[0].tool'
    const sentence = (where: string) =>
      `error ${where}.kind | unknown tool "${kind}": use python, http, postgres, shell, playbook or workbook ("${kind}" is a feature of NoETL that Transient does not have: ${advice})`
    expect(problemsOf(withTool(`{${own}, spec: {policy: {rules: []}}}`))).toEqual([sentence(`6:16 ${path}`)])
    expect(
      problemsOf(withTool(`[{name: x, ${own}}, {name: y, kind: python, input: {v: "{{ x.v }}"}, code: result = v}]`)),
    ).toEqual([sentence(`6:26 ${path}[0]`)])
  })

  it.each([
    ['a script behind a URL', '{kind: python, script: {uri: "https://x/y.py", source: {type: http}}, input: {}}', '6:24', 'code'],
    [
      'a script in a bucket',
      '{kind: python, script: {uri: "gs://x/y.py", source: {type: gcs, auth: g}}, input: {}}',
      '6:24',
      'code',
    ],
    ['a script in a file', '{kind: postgres, auth: db, script: {uri: ./x.sql, source: {type: file}}}', '6:36', 'command'],
  ])('%s', (_, tool, position, key) => {
    expect(problemsOf(withTool(tool))).toEqual([`error ${position} workflow[0] | ${ELSEWHERE} "${key}"`])
  })

  it('code that uses the network is read, and said so', () => {
    const tool = (more: string) => withTool(`{kind: python, input: {}, code: "import requests\\nresult = {}"${more}}`)
    expect(problemsOf(tool(''))).toEqual([
      'info 6:35 workflow[0] | this code uses the network, which python has only where it asks for it: read with "network: true"',
    ])
    expect(problemsOf(tool(', network: false'))).toEqual([])
  })

  it('a loop over a cursor', () => {
    const loop =
      'loop: {cursor: {kind: postgres, auth: db, claim: "select 1"}, iterator: row, spec: {mode: cursor, max_in_flight: 3}}'
    const tool = 'tool: {kind: python, code: result = row, input: {row: "{{ iter.row }}"}}'
    expect(problemsOf(workflow(`- step: a\n  ${loop}\n  ${tool}\n  next: {arcs: [{step: b}]}\n- step: b\n`))).toEqual([
      'error 6:10 workflow[0] | a loop over a cursor, which takes rows as they come, is not here: fetch a page of them in a step before, loop over its result, and route back while there are more',
    ])
  })

  it('a keychain: what the server has to hold under each name, and what it does not fetch', () => {
    const keychain =
      'keychain:\n- {name: t, kind: oauth2, endpoint: "http://t"}\n- {name: g, kind: google_oauth}\n- {name: s, kind: secret_manager}\n'
    const tool = 'tool: {kind: http, url: "http://x", headers: {X: "{{ keychain.t.access_token }}y"}, input: {}}'
    expect(problemsOf(workflow(`- step: a\n  ${tool}\n`, keychain))).toEqual([
      `info 5:3 keychain | the credential "t" ${SETTING}; tokens are not fetched for it`,
      `info 6:3 keychain | the credential "g" ${SETTING}; tokens are not fetched for it`,
      `info 7:3 keychain | the credential "s" ${SETTING}`,
      'error 10:52 workflow | templates cannot read the credential "t": http steps name it in auth: {type: bearer, credential: t}, postgres steps in auth: t',
    ])
  })
})

const retrying = `{when: "{{ output.status == 'error' }}", then: {do: retry}}`
const noOutcome = 'the rule has no outcome: write do: continue, retry, fail, jump or break'
const withRule = (rule: string) => `tool: [{name: x, kind: noop, spec: {policy: {rules: [${rule}]}}}]`

describe('bad input is refused where it stands, with what was probably meant', () => {
  it.each([
    [
      'arcs and case',
      'case: [{when: "{{ true }}", then: [b]}]\n  next: {arcs: [{step: b}]}',
      '6:3 workflow[0] | this step routes with arcs already: write its cases as arcs, too',
    ],
    [
      'set and vars',
      'set: {ctx.x: 1}\n  vars: {y: 1}\n  next: {arcs: [{step: b}]}',
      '7:3 workflow[0] | this step sets variables with "set" already: write these there, too, as ctx.<name>',
    ],
    [
      'input and args',
      'tool: {kind: python, code: result = x, input: {x: 1}, args: {x: 2}}',
      '6:57 workflow[0] | "args" stands beside "input": give one of them',
    ],
    [
      'retry and a rule that retries',
      `retry: {max_attempts: 3}\n  tool: {kind: python, code: x = 1, spec: {policy: {rules: [${retrying}]}}}`,
      '6:3 workflow[0] | "retry" stands beside a rule that retries: give one of them',
    ],
    [
      'an arc to nowhere',
      'next: {arcs: [{step: finsh}]}',
      '6:24 workflow[0].next[0] | there is no step "finsh": did you mean "finish"?',
    ],
    [
      'the rest to nowhere',
      'next: {arcs: [{step: b, when: "{{ true }}"}, {step: finsh}]}',
      '6:55 workflow[0].case[1].else[0] | there is no step "finsh": did you mean "finish"?',
    ],
    [
      'an arc to nowhere that sets',
      'next: {arcs: [{step: finsh, set: {ctx.x: 1}}]}',
      '6:24 workflow[1].next[0] | there is no step "finsh": did you mean "finish"?',
    ],
    ['an arc without a step', 'next: {arcs: [{when: "{{ true }}"}]}', '6:17 workflow[0] | an arc needs "step": where it leads'],
    [
      'a misspelt key of an arc',
      'next: {arcs: [{step: b, wehn: "{{ true }}"}]}',
      '6:27 workflow[0] | unknown key "wehn" in an arc: did you mean "when"?',
    ],
    [
      'a mode that is none',
      'next: {spec: {mode: exlusive}, arcs: [{step: b}]}',
      '6:23 workflow[0] | the mode of arcs is exclusive or inclusive, not "exlusive"',
    ],
    [
      'a rule of one tool without an outcome',
      'tool: {kind: python, code: x = 1, spec: {policy: {rules: [{when: "{{ true }}"}]}}}',
      `6:61 workflow[0].tool[0].rules[0] | ${noOutcome}`,
    ],
    ['a rule of a list without an outcome', withRule('{when: "{{ true }}"}'), `6:56 workflow[0].tool[0].rules[0] | ${noOutcome}`],
    ['an empty outcome', withRule('{when: "{{ true }}", then: {}}'), `6:56 workflow[0].tool[0].rules[0] | ${noOutcome}`],
    [
      'a misspelt outcome',
      withRule('{else: {then: {do: contine}}}'),
      '6:75 workflow[0].tool[0].rules[0].do | "do" is continue, retry, fail, jump or break, not "contine": did you mean "continue"?',
    ],
    [
      'a misspelt key of a rule',
      'tool: {kind: noop, spec: {policy: {rules: [{else: {do: continue, attempt: 2}}]}}}',
      '6:68 workflow[0] | unknown key "attempt" in a rule: did you mean "attempts"?',
    ],
    [
      'a jump to itself',
      withRule('{else: {then: {do: jump, to: x}}}'),
      '6:85 workflow[0].tool[0].rules[0].to | this jump never ends: no rule between "x" and it leaves the list; give it a "when", or put a rule {when, do: break} above it',
    ],
    [
      'a jump without a target',
      withRule('{else: {then: {do: jump}}}'),
      '6:56 workflow[0].tool[0].rules[0] | a jump needs "to": the name of the tool that is next',
    ],
    [
      'two labels of one name',
      'tool:\n  - x: {kind: noop}\n  - x: {kind: noop}',
      '8:5 workflow[0].tool[1].name | two tools of this list are called "x": the first is in line 7; jumps and templates need to tell them apart',
    ],
    [
      'admission without an outcome',
      'spec: {policy: {admit: {rules: [{when: "{{ true }}"}]}}}',
      '6:35 workflow[0] | a rule of admit has no outcome: write then: {allow: true} or then: {allow: false}',
    ],
  ])('%s', (_, text, problem) => {
    const others = [/\b(then: \[|step: )b\b/.test(text) ? '- step: b\n' : '', text.includes('finsh') ? '- step: finish\n' : '']
    expect(problemsOf(workflow(`- step: a\n  ${text}\n${others.join('')}`))).toEqual([`error ${problem}`])
  })
})
