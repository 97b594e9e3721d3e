import { describe, expect, it } from 'vitest'
import { convertPlaybook, parsePlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'

const plain = (value: unknown) => JSON.stringify(value, (key, entry) => (key === 'at' ? undefined : entry))
const convert = (source: string) => convertPlaybook(source, { tools: TOOLS })

const THEIRS = `# what it is for
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: converted}
# where it runs
executor: {profile: auto}
workload:
  # exact
  big: 507861119290048685
  ratio: 37.10
workflow:
  # the first one
  - step: start
    spec:
      policy:
        # only when it is on
        admit: {rules: [{when: "{{ on | default(true) }}", then: {allow: true}}]}
    tool:
      # asks
      - name: fetch
        kind: http
        method: GET # by GET
        url: "http://x/{{ ctx.page }}"
        spec:
          policy:
            rules:
              # once more
              - when: "{{ output.http.status == 503 }}"
                then: { do: retry, attempts: 2 } # twice
              - else:
                  then:
                    do: continue
                    # what is kept
                    set: {ctx.n: "{{ output.data.n }}"}
      - name: last
        kind: noop
    next:
      # one way
      spec: {mode: exclusive}
      arcs:
        - step: end
          # if there is one
          when: "{{ ctx.n }}"
`

describe('a playbook converted to the own form', () => {
  it('is valid, means the same, keeps its comments and the digits of numbers, and stays as it is when it is converted again', async () => {
    const { text, isChanged } = await convert(THEIRS)
    expect(isChanged).toBe(true)
    const [before, after] = [THEIRS, text ?? ''].map((source) => parsePlaybook(source, { tools: TOOLS }))
    expect(after?.problems).toEqual([])
    expect(plain(after?.playbook)).toBe(plain(before?.playbook))
    for (const [, comment = ''] of THEIRS.matchAll(/#([^\n]*)/g)) expect(text).toContain(`#${comment}`)
    expect(text).toContain('big: 507861119290048685\n  ratio: 37.10')
    expect(text).not.toMatch(/executor|arcs|spec|ctx\.|output\./)
    expect(await convert(text ?? '')).toMatchObject({ text, isChanged: false })
  })

  it('of another form stays as it is; one that cannot be read is not converted', async () => {
    const own = 'apiVersion: noetl.io/v1\nkind: Playbook\nmetadata: {name: a}\nworkflow:   # odd\n- {step: a}\n'
    expect(await convert(own)).toEqual({ text: own, isChanged: false, problems: [] })
    const { text, problems } = await convert(THEIRS.replace('step: end', 'step: nd'))
    expect(text).toBeNull()
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: 'error', message: expect.stringContaining('did you mean "end"') }),
    )
  })
})
