import { describe, expect, it } from 'vitest'
import { modelOf, problemsOf, workflow } from './support.js'

const END = '\n- step: b\n- step: c\n'
const stepsOf = (source: string) => modelOf(workflow(source)).steps.map(({ at: _, ...step }) => step)
const plain = (value: unknown) => JSON.stringify(value, (key, entry) => (key === 'at' ? undefined : entry))

describe("NoETL's present form gives the same model as our own", () => {
  it.each([
    [
      'exclusive arcs',
      '- step: a\n  tool: {kind: noop}\n  next: {spec: {mode: exclusive}, arcs: [{step: b, when: "{{ ctx.n == 1 }}", input: {k: "{{ ctx.n }}"}}, {step: c}]}',
      '- step: a\n  case: [{when: "{{ vars.n == 1 }}", then: [{step: b, args: {k: "{{ vars.n }}"}}]}, {else: [c]}]',
    ],
    [
      'inclusive arcs',
      '- step: a\n  next: {spec: {mode: inclusive}, arcs: [{step: b, when: "{{ ctx.n }}"}, {step: c, when: "{{ ctx.m }}"}]}',
      '- step: a\n  next: [{when: "{{ vars.n }}", then: [b]}, {when: "{{ vars.m }}", then: [c]}]',
    ],
    [
      'rules, set and names of templates',
      '- step: a\n  tool: {kind: http, spec: {method: GET, endpoint: "http://x/{{ ctx.p }}?ctx.p", policy: {rules: [' +
        `{when: "{{ output.status == 'error' and output.error.code == 'ok' }}", then: {do: retry, attempts: 4, delay: 0.5, backoff: linear}}, ` +
        `{when: "{{ output.status == 'error' }}", then: {do: fail}}, {else: {then: {do: continue, set: {ctx.x: "{{ output.data.x }}"}}}}]}}}\n` +
        `  set: {ctx.ok: "{{ output.status == 'ok' }}"}\n  next: {arcs: [{step: b}, {step: c}]}`,
      '- step: a\n  tool: {kind: http, method: GET, endpoint: "http://x/{{ vars.p }}?ctx.p"}\n' +
        `  retry: {max_attempts: 4, initial_delay: 0.5, backoff_multiplier: 1, when: "{{ this.status == 'error' and this.error.code == 'ok' }}"}\n` +
        `  vars: {after: {x: "{{ this.data.x }}", ok: "{{ this.status == 'success' }}"}}\n  next: [b]`,
    ],
    [
      'a loop with a list of one tool',
      '- step: a\n  loop: {in: "{{ xs }}", iterator: x, spec: {mode: parallel, max_in_flight: 3}}\n  tool: [{name: t, kind: python, input: {x: "{{ iter.x }}"}, code: result = x}]\n  next: {arcs: [{step: b}]}',
      '- step: a\n  loop: {in: "{{ xs }}", iterator: x, mode: parallel, concurrency: 3}\n  tool: {kind: python, args: {x: "{{ x }}"}, code: result = x}\n  next: [b]',
    ],
    [
      'set on an arc',
      '- step: a\n  next: {arcs: [{step: b, when: "{{ ctx.n }}", set: {ctx.m: "{{ output.data.m }}"}}, {step: c}]}',
      '- step: a\n  case: [{when: "{{ vars.n }}", then: [a_to_b]}, {else: [c]}]\n- step: a_to_b\n  vars: {after: {m: "{{ a.m }}"}}\n  next: [b]',
    ],
    [
      'a list of tools: labels, spec, rules, names of the run, the output of the one before',
      '- step: a\n  tool:\n' +
        '  - init: {kind: noop, spec: {policy: {rules: [{else: {do: continue, set: {iter.page: 1}}}]}}}\n' +
        '  - name: fetch\n    kind: http\n    spec:\n      url: "http://x/{{ iter.page }}"\n      timeout: {connect: 1, read: 9}\n      policy:\n        rules:\n' +
        `        - {when: "{{ output.http.status in [404] }}", then: {do: break}}\n` +
        `        - {when: "{{ outcome.status == 'error' }}", then: {do: retry, attempts: 4, backoff: linear}}\n` +
        '        - else: {then: {do: continue, set: {ctx.seen: "{{ output.data.n }}", step.more: "{{ output.data.more }}"}}}\n    set: {whole: "{{ output }}"}\n' +
        '  - {kind: python, input: {all: "{{ whole }}", data: "{{ whole.data }}", body: "{{ output.data }}"}, code: result = data}\n' +
        '  - {name: again, kind: noop, spec: {policy: {rules: [{when: "{{ step.more }}", then: {do: jump, to: fetch, set_iter: {page: "{{ iter.page + 1 }}"}}}, {else: {do: break}}]}}}\n' +
        '  next: {arcs: [{step: b}]}',
      '- step: a\n  tool:\n  - {name: init, rules: [{do: continue, let: {page: 1}}]}\n' +
        '  - name: fetch\n    kind: http\n    url: "http://x/{{ page }}"\n    timeout: 9\n    rules:\n' +
        `    - {when: "{{ (this.status_code | default(none)) in [404] }}", do: break}\n` +
        `    - {when: "{{ this.status == 'error' }}", do: retry, max_attempts: 4, backoff_multiplier: 1}\n` +
        '    - {do: continue, let: {more: "{{ this.data.more }}"}, vars: {seen: "{{ this.data.n }}"}}\n' +
        `  - {name: task_2, kind: python, args: {all: "{{ {'status': fetch.status, 'status_code': fetch.status_code, 'headers': fetch.headers, 'body': fetch, 'data': fetch} }}", data: "{{ fetch }}", body: "{{ fetch }}"}, code: result = data}\n` +
        '  - {name: again, rules: [{when: "{{ more }}", do: jump, to: fetch, let: {page: "{{ page + 1 }}"}}, {do: break}]}\n' +
        '  next: [b]',
    ],
    [
      'rules that retry, vars and routing cannot say',
      `- step: a\n  tool: {kind: python, code: x = 1, spec: {policy: {rules: [{when: "{{ output.data.bad }}", then: {do: fail, set: {ctx.why: bad}}}]}}}\n  next: {arcs: [{step: b}]}`,
      '- step: a\n  tool: [{name: a, kind: python, code: x = 1, rules: [{when: "{{ this.data.bad }}", do: fail, vars: {why: bad}}]}]\n  next: [b]',
    ],
    [
      "a bare name that another step reads is a variable, any other is the list's own",
      '- step: a\n  tool: [{name: one, kind: python, code: x = 1, set: {kept: "{{ output.data.k }}", own: 2}}, {name: two, kind: noop}]\n  next: {arcs: [{step: b, when: "{{ own }}"}, {step: c}]}\n- step: z\n  next: {arcs: [{step: c, when: "{{ kept }}"}]}',
      '- step: a\n  tool: [{name: one, kind: python, code: x = 1, vars: {kept: "{{ this.data.k }}"}, rules: [{do: continue, let: {own: 2}}]}, {name: two}]\n  case: [{when: "{{ own }}", then: [b]}, {else: [c]}]\n- step: z\n  case: [{when: "{{ kept }}", then: [c]}]',
    ],
    [
      'admit, events, a loop that a rule stops, inputs of a tool that takes none, code that returns',
      '- step: a\n  spec: {policy: {admit: {rules: [{when: "{{ ctx.on }}", then: {allow: true}}, {else: {then: {allow: false}}}]}}}\n' +
        '  loop: {in: "{{ xs }}", iterator: x, spec: {mode: sequential}}\n' +
        `  tool: {kind: postgres, input: {n: "{{ iter.x.id }}"}, command: "SELECT {{ n + 1 }}", spec: {policy: {rules: [{when: "{{ output.status == 'error' }}", then: {do: fail}}]}}}\n` +
        `  next: {arcs: [{step: b, when: "{{ event.name == 'step.done' }}"}]}\n- step: d\n  tool: {kind: python, input: {n: 1}, code: "if n:\\n  return 2\\nreturn 3"}\n  next: {arcs: [{step: b}]}`,
      '- step: a\n  when: "{{ vars.on }}"\n  loop: {in: "{{ xs }}", iterator: x, mode: sequential, fail_fast: true}\n' +
        `  tool: {kind: postgres, command: "SELECT {{ (x.id) + 1 }}"}\n  case: [{when: "{{ event.name == 'call.done' }}", then: [b]}]\n` +
        '- step: d\n  tool: {kind: python, args: {n: 1}, code: "def main(n):\\n    if n:\\n      return 2\\n    return 3"}\n  next: [b]',
    ],
    [
      'credentials by name',
      '- step: a\n  tool: {kind: http, url: "http://x", input: {}, headers: {Authorization: "Bearer {{ keychain.key.token }}", A: b}}\n- step: d\n  tool: {kind: http, url: "http://x", auth: key, input: {}}\n- step: e\n  tool: {kind: postgres, command: SELECT 1, auth: {source: credential, key: pg}, input: {}}',
      '- step: a\n  tool: {kind: http, url: "http://x", headers: {A: b}, auth: {type: bearer, credential: key}}\n- step: d\n  tool: {kind: http, url: "http://x", auth: {credential: key}}\n- step: e\n  tool: {kind: postgres, command: SELECT 1, auth: pg}',
    ],
  ])('%s', (_, theirs, ours) => {
    expect(plain(stepsOf(theirs + END))).toBe(plain(stepsOf(ours + END)))
  })

  it.each([
    ['a key of an arc that means nothing', 'next: {arcs: [{step: b, label: x}]}', 'next: [b]'],
    ['one target', 'set: {ctx.x: 1}\n  next: {step: b}', 'vars: {after: {x: 1}}\n  next: [{step: b}]'],
    [
      'options of a loop beside it',
      'loop: {in: [1], iterator: x, mode: parallel, max_in_flight: 2}\n  tool: {kind: python, input: {}, code: y}',
      'loop: {in: [1], iterator: x, mode: parallel, concurrency: 2}\n  tool: {kind: python, code: y}',
    ],
    [
      'other names of parameters',
      'tool: {kind: http, url: "http://x", json: {a: 1}, verify: false, input: {}}',
      'tool: {kind: http, url: "http://x", payload: {a: 1}, verify_ssl: false}',
    ],
    [
      'code that uses the network',
      'tool: {kind: python, input: {}, code: "import requests"}',
      'tool: {kind: python, code: "import requests", network: true}',
    ],
    [
      'code that is kept from the network',
      'tool: {kind: python, input: {}, code: "import requests", network: false}',
      'tool: {kind: python, code: "import requests", network: false}',
    ],
  ])('%s is read', (_, theirs, ours) => {
    expect(plain(stepsOf(`- step: a\n  ${theirs}${END}`))).toBe(plain(stepsOf(`- step: a\n  ${ours}${END}`)))
  })

  it.each([
    ['import requests', true],
    ['import json, requests', true],
    ['import json, \\\n  requests as r', true],
    ['import os.path, http.client as h', true],
    ['from http import client', true],
    ['from http import (  # both\n  cookies,\n  client,\n)', true],
    ['from urllib.request import urlopen', true],
    ['x = 1; import socket', true],
    ['def main():\n  import aiohttp', true],
    ['try: import psycopg2\nexcept ImportError: pass', true],
    ['importlib.import_module("httpx")', true],
    ['from google.cloud import storage', true],
    ['import json, http', false],
    ['from http import HTTPStatus', false],
    ['import requests_toolbelt_of_mine', false],
    ['text = "import requests"', false],
    ['# import requests', false],
    ['from . import socket_names', false],
  ])('code asks for the network: %j: %s', (code, isAsking) => {
    const source = workflow(`- step: a\n  tool: {kind: python, input: {}, code: ${JSON.stringify(code)}}\n`)
    expect(modelOf(source).steps[0]?.tool?.parameters['network']).toBe(isAsking ? true : undefined)
  })

  it('a task of the workbook may name its tool itself', () => {
    const { workbook } = modelOf(
      workflow(
        '- step: a\n  tool: {kind: workbook, task: t, input: {n: 1}}\n',
        'workbook: [{name: t, kind: python, code: result = n}]\n',
      ),
    )
    expect(plain(workbook)).toBe(
      plain(
        modelOf(
          workflow(
            '- step: a\n  tool: {kind: workbook, name: t, args: {n: 1}}\n',
            'workbook: [{name: t, tool: {kind: python, code: result = n}}]\n',
          ),
        ).workbook,
      ),
    )
  })

  it.each([
    [
      'two tools of one name',
      '[{name: x, kind: noop}, {name: x, kind: python, code: y, set: {ctx.z: 1}}]',
      '7:40',
      'two tools of this list are called "x": the first is in line 7',
    ],
    [
      'a jump to nowhere',
      '[{name: fetch, kind: noop}, {name: x, kind: noop, spec: {policy: {rules: [{when: "{{ 1 }}", then: {do: jump, to: fetches}}]}}}]',
      '7:122',
      'the list has no tool "fetches": did you mean "fetch"?',
    ],
    [
      'a jump that never ends',
      '[{name: fetch, kind: noop}, {name: x, kind: noop, spec: {policy: {rules: [{else: {do: jump, to: fetch}}]}}}]',
      '7:105',
      'this jump never ends: no rule between "fetch" and it leaves the list',
    ],
    [
      'an outcome that is none',
      '[{name: x, kind: noop, spec: {policy: {rules: [{else: {do: contine}}]}}}]',
      '7:68',
      '"do" is continue, retry, fail, jump or break, not "contine": did you mean "continue"?',
    ],
    [
      'a credential in a template',
      '{kind: python, input: {k: "{{ keychain.key.token }}"}, code: x}',
      '7:35',
      'templates cannot read the credential "key"',
    ],
  ])('%s: is refused once, where it stands', (_, tool, position, message) => {
    const problems = problemsOf(
      workflow(`- step: a\n  desc: x\n  tool: ${tool}\n  next: {arcs: [{step: b}]}\n- step: b\n`),
    ).filter((problem) => !problem.startsWith('info'))
    expect(problems).toEqual([expect.stringContaining(message)])
    expect(problems[0]).toContain(`error ${position} `)
  })

  it('a step that branches beside each other lead to joins them', () => {
    const source = (mode: string) =>
      workflow(
        `- step: a\n  next: {spec: {mode: ${mode}}, arcs: [{step: b}, {step: c}]}\n` +
          '- step: b\n  next: {arcs: [{step: d}]}\n- step: c\n  next: {arcs: [{step: d}]}\n- step: d\n',
      )
    expect(modelOf(source('inclusive')).steps.map(({ join }) => join)).toEqual([null, null, null, 'all'])
    expect(problemsOf(source('inclusive'))).toEqual([
      'info 11:9 workflow[3] | several branches lead here: it gets "join: all", as NoETL waits for all that can arrive',
    ])
    expect(modelOf(source('exclusive')).steps.map(({ join }) => join)).toEqual([null, null, null, null])
  })

  it('what means nothing here is said once, and read on', () => {
    const source = workflow(
      '- step: a\n  spec: {x: 1}\n  output: {output_select: [b]}\n  tool: {kind: playbook, path: p, return_step: last, input: {}}\n  next: {arcs: [{step: b}]}\n- step: b\n',
    )
    const all = problemsOf(
      source.replace('workflow:', 'executor: {profile: auto}\nkeychain: [{name: pg, kind: postgres_credential}]\nworkflow:'),
    )
    expect(all.map((problem) => problem.replace(/^(\w+) .*?"(\w+)".*$/, '$1 $2'))).toEqual([
      'info executor',
      'info pg',
      'info x',
      'info output',
      'info return_step',
    ])
  })

  it('an arc to nowhere is refused where it names the step', () => {
    expect(problemsOf(workflow(`- step: first\n  next: {arcs: [{step: firs}]}\n`))).toContainEqual(
      expect.stringMatching(/^error 6:24 .*firs.*first/),
    )
  })
})
