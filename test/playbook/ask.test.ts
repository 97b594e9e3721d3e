import { describe, expect, it } from 'vitest'
import { checkPlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'
import { modelOf, show, workflow } from './support.js'

const asking = (ask: string, more = '') => workflow(`- step: a\n  wait: {${more}ask: ${ask}}`)

describe('ask', () => {
  it('has a title, roles, a form, and the variables that an answer gives', () => {
    const { steps } = modelOf(
      asking(
        '{title: "Pay {{ vars.n }}?", roles: [viewer, admin], form: {properties: {b: {type: string}, c: true}}, again: true}',
      ),
    )
    expect(steps[0]?.wait).toMatchObject({
      until: null,
      ask: { title: 'Pay {{ vars.n }}?', roles: ['viewer', 'admin'], names: ['b', 'c'], isAgain: true },
    })
    const bare = modelOf(asking('{title: Well?}', 'until: "{{ vars.x and vars.y }}", ')).steps[0]?.wait
    expect(bare?.ask).toMatchObject({ roles: [], form: null, names: ['x', 'y'], isAgain: false })
  })

  const FORM = 'form: {properties: {a: {type: string}}}'
  it.each([
    [
      'a text',
      asking('Pay?'),
      'error 6:15 workflow[0].wait.ask | ask must be a mapping, such as {title: "Pay?", form: {...}}, not a text',
    ],
    ['no title', asking(`{${FORM}}`), 'error 6:10 workflow[0].wait.ask | ask needs "title": what people are asked'],
    [
      'a title that is a list',
      asking(`{title: [a], ${FORM}}`),
      'error 6:23 workflow[0].wait.ask.title | ask.title must be a text, or a template of one, not a list',
    ],
    [
      'nothing to answer',
      asking('{title: Well?}'),
      'error 6:10 workflow[0].wait.ask | ask needs "form" with "properties": the variables that an answer gives',
    ],
    [
      'an unknown role',
      asking(`{title: Well?, roles: [editors], ${FORM}}`),
      'error 6:38 workflow[0].wait.ask.roles[0] | a role is viewer, editor, author or admin, not "editors": did you mean "editor"?',
    ],
    [
      'the role of workers',
      asking(`{title: Well?, roles: [worker], ${FORM}}`),
      'error 6:38 workflow[0].wait.ask.roles[0] | a role is viewer, editor, author or admin, not "worker"',
    ],
    [
      'roles that are a text',
      asking(`{title: Well?, roles: editor, ${FORM}}`),
      'error 6:37 workflow[0].wait.ask.roles | roles must be a list, such as [editor], not a text',
    ],
    [
      'a form that is a list',
      asking('{title: Well?, form: [a]}', 'until: "{{ vars.x }}", '),
      'error 6:59 workflow[0].wait.ask.form | form must be a JSON Schema of an object, not a list',
    ],
    [
      'a form of a text',
      asking('{title: Well?, form: {type: string, properties: {a: true}}}'),
      'error 6:36 workflow[0].wait.ask.form | form must be the JSON Schema of an object: write "type: object"',
    ],
    [
      'a name that no variable can have',
      asking('{title: Well?, form: {properties: {vars: true}}}'),
      'error 6:56 workflow[0].wait.ask.form.properties.vars | ',
    ],
    [
      'a type that is none',
      asking('{title: Well?, form: {properties: {a: {type: text}}}}'),
      'error 6:60 workflow[0].wait.ask.form.properties.a.type | a type is one of',
    ],
    [
      'a pattern that could run for ever',
      asking('{title: Well?, form: {properties: {a: {pattern: "^(a+)+$"}}}}'),
      'error 6:63 workflow[0].wait.ask.form.properties.a.pattern | ',
    ],
    [
      'again that is a text',
      asking(`{title: Well?, again: yes please, ${FORM}}`),
      'error 6:37 workflow[0].wait.ask.again | again must be true or false, not a text',
    ],
    [
      'ask beside a time',
      asking(`{title: Well?, ${FORM}}`, 'for: 5, '),
      'error 6:18 workflow[0].wait.ask | "ask" is for "until", or alone: with "for" the wait ends by itself',
    ],
    [
      'an unknown key',
      asking(`{tittle: Well?, title: x, ${FORM}}`),
      'error 6:16 workflow[0].wait.ask.tittle | unknown key "tittle" in ask: did you mean "title"?',
    ],
  ])('refuses %s', async (_what, source, expected) => {
    const { problems } = await checkPlaybook(source, { tools: TOOLS })
    expect(problems.map(show)).toEqual([expect.stringContaining(expected)])
  })
})
