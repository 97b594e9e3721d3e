import { describe, expect, it } from 'vitest'
import { modelOf, problemsOf, workflow } from './support.js'

const merging = (join: string) => workflow(`- step: a\n  next: [b, c]\n- step: b\n  next: [c]\n- step: c\n  join: ${join}`)

describe('join', () => {
  it.each([
    ['all', 'all'],
    ['any', 1],
    ['1', 1],
    ['2', 2],
  ])('reads %s', (written, expected) => {
    expect(modelOf(merging(written)).steps.map(({ join }) => join)).toEqual([null, null, expected])
    expect(problemsOf(merging(written))).toEqual([])
  })

  it.each([
    ['0', 'not 0'],
    ['1.5', 'not 1.5'],
    ['-1', 'not -1'],
    ['al', 'not "al": did you mean "all"?'],
    ['"{{ vars.n }}"', 'not "{{ vars.n }}"'],
    ['[b]', 'not a list'],
  ])('refuses %s', (written, expected) => {
    expect(problemsOf(merging(written))).toEqual([
      `error 10:9 workflow[2].join | join must be all, any, or how many branches must arrive (an integer of at least 1), ${expected}`,
    ])
  })

  it('says where fewer lead to a step than it joins', () => {
    expect(problemsOf(merging('3'))).toEqual([
      'warning 9:9 workflow[2].step | "c" joins branches, but 2 transitions lead to it: join is for a step that several lead to',
    ])
    expect(problemsOf(workflow('- step: a\n  next: [b]\n- step: b\n  join: any'))).toEqual([
      'warning 7:9 workflow[1].step | "b" joins branches, but only one transition leads to it: join is for a step that several lead to',
    ])
  })
})
