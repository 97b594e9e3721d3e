import { getNamedType, getNullableType, isListType, isObjectType } from 'graphql'
import { beforeAll, expect, it } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { schema } from '../../src/graphql/index.js'
import { describeDatabase } from '../support/database.js'
import { openPipeline } from '../support/pipeline.js'

/** The database, counting statements: those that a client cannot see the end of grow with its result. */
function counting(db: Database) {
  const seen: string[] = []
  const watched: Database = {
    ...db,
    reading: () => watched,
    rows: (text, ...parameters) => {
      seen.push(text)
      return db.rows(text, ...parameters)
    },
    texts: (text, ...parameters) => {
      seen.push(text)
      return db.texts(text, ...parameters)
    },
    run: (text, ...parameters) => {
      seen.push(text)
      return db.run(text, ...parameters)
    },
    prisma: (operation) => {
      seen.push(String(operation))
      return db.prisma(operation)
    },
    transaction: (work) =>
      db.transaction((tx) => {
        seen.push('BEGIN', 'COMMIT')
        return work({
          rows: (text, ...parameters) => {
            seen.push(text)
            return tx.rows(text, ...parameters)
          },
          texts: (text, ...parameters) => {
            seen.push(text)
            return tx.texts(text, ...parameters)
          },
          run: (text, ...parameters) => {
            seen.push(text)
            return tx.run(text, ...parameters)
          },
          prisma: (operation) => {
            seen.push(String(operation))
            return tx.prisma(operation)
          },
          send: (text, ...parameters) => {
            seen.push(text)
            tx.send(text, ...parameters)
          },
        })
      }),
  }
  return { watched, seen }
}

const SOURCE =
  'apiVersion: noetl.io/v1\nkind: Playbook\nmetadata: {name: p, path: p}\nworkflow:\n  - step: start\n    next: [{step: end}]\n  - step: end\n'
const FILL = `
INSERT INTO transient.playbook (path, version, name, source) SELECT 'p' || n, 1, 'p', $source FROM generate_series(1, 6) AS n;
INSERT INTO transient.execution (id, status, playbook_path, playbook_version, parent_id, rerun_of, revision, event_seq, variable_count)
  SELECT 100 + n, 'running', 'p' || n, 1, CASE WHEN n > 1 THEN 100 + n - 1 END, CASE WHEN n > 1 THEN 100 + n - 1 END, 1, 5, 3 FROM generate_series(1, 6) AS n;
INSERT INTO transient.execution (id, status, space, revision, event_seq, variable_count) SELECT -100 - n, 'running', 's' || n, 1, 1, 3 FROM generate_series(1, 6) AS n;
INSERT INTO noetl.transient (execution_id, var_name, var_value) SELECT -100 - n, 'v' || m, to_jsonb(n * 10 + m) FROM generate_series(1, 6) AS n, generate_series(1, 3) AS m;
INSERT INTO noetl.transient (execution_id, var_name, var_value) SELECT 100 + n, 'v' || m, to_jsonb(n * 10 + m) FROM generate_series(1, 6) AS n, generate_series(1, 3) AS m;
INSERT INTO transient.event (execution_id, seq, revision, name, run) SELECT 100 + n, m, 1, 'e', 1 + m % 3 FROM generate_series(1, 6) AS n, generate_series(1, 5) AS m;
INSERT INTO transient.step_run (execution_id, run, step, visit, status) SELECT 100 + n, 4 + m, 'live' || n, m, 'running' FROM generate_series(1, 6) AS n, generate_series(1, 2) AS m;
INSERT INTO transient.step_run (execution_id, run, step, visit, status, loop, tools)
  SELECT 100 + n, m, 's', m, 'succeeded', jsonb_build_object('total', 10 * n + m, 'done', 9 * n, 'failed', n),
    jsonb_build_object('current', 'last', 'startedAt', NULL, 'done', '[]'::jsonb) FROM generate_series(1, 6) AS n, generate_series(1, 3) AS m;
INSERT INTO transient.step_run (execution_id, run, step, visit, status, iteration, parent_run)
  SELECT 100 + n, 10 * m + i, 's', m, 'succeeded', i, m FROM generate_series(1, 6) AS n, generate_series(1, 3) AS m, generate_series(0, 1) AS i`

/** Every field of objects, and every list, beneath a list's element, and how it is asked. */
const NESTED: Record<string, string> = {
  'Execution.playbook': '{ executions(first: $n) { nodes { playbook { path } } } }',
  'Execution.parent': '{ executions(first: $n) { nodes { parent { id } } } }',
  'Execution.rerunOf': '{ executions(first: $n) { nodes { rerunOf { id } } } }',
  'Execution.variables':
    '{ executions(first: $n) { nodes { variables(first: 2) { nodes { name value } totalCount revision } } } }',
  'Execution.steps': '{ executions(first: $n) { nodes { steps(first: 2) { nodes { id } totalCount } } } }',
  'StepRun.iterations':
    '{ executions(first: $n) { nodes { steps { nodes { iterations { nodes { id iteration } totalCount } } } } } }',
  'Execution.events': '{ executions(first: $n) { nodes { events(first: 2) { nodes { name } totalCount } } } }',
  'Execution.currentSteps': '{ executions(first: $n) { nodes { currentSteps } } }',
  'StepRun.events': '{ executions(first: $n) { nodes { steps { nodes { events { nodes { name } totalCount } } } } } }',
  'Playbook.steps': '{ playbooks(first: $n) { nodes { path steps { name } } } }',
  'Playbook.computed': '{ playbooks(first: $n) { nodes { path computed { name dependsOn } } } }',
  'StepRun.wait': '{ executions(first: $n) { nodes { steps { nodes { wait { until deadline } } } } } }',
  'Variable.dependsOn': '{ executions(first: $n) { nodes { variables(first: 2) { nodes { name dependsOn } } } } }',
  'Execution.iterationCounts': '{ executions(first: $n) { nodes { iterationCounts { total failed } } } }',
  'StepRun.iterationCounts': '{ executions(first: $n) { nodes { steps { nodes { iterationCounts { total failed } } } } } }',
  'Space.variables': '{ spaces(first: $n) { nodes { name variables(first: 2) { nodes { name value } totalCount revision } } } }',
  'Execution.error': '{ executions(first: $n) { nodes { error { code } } } }',
  'StepRun.tools': '{ executions(first: $n) { nodes { steps { nodes { tools { name status } } } } } }',
  'StepRun.error': '{ executions(first: $n) { nodes { steps { nodes { error { code } } } } } }',
}

it('every nested field of a listed type is in the table', () => {
  const fields = ['Execution', 'StepRun', 'Playbook', 'Variable', 'VariableChange', 'ExecutionEvent', 'Space'].flatMap((name) => {
    const type = schema.getType(name)
    if (!isObjectType(type)) throw new Error(`no type ${name}`)
    return Object.values(type.getFields())
      .filter(({ type: given }) => isObjectType(getNamedType(given)) || isListType(getNullableType(given)))
      .map((field) => `${name}.${field.name}`)
  })
  expect(fields.sort()).toEqual(Object.keys(NESTED).sort())
})

describeDatabase('statements of one operation', (open) => {
  async function prepare() {
    const db = await open()
    for (const statement of FILL.split(';')) await db.run(statement.replace('$source', `'${SOURCE}'`))
    const { watched, seen } = counting(db)
    const answerOf = openPipeline(watched)
    async function ask(query: string) {
      seen.length = 0
      const text = await answerOf(query)
      const counts = seen.filter((text) => text.includes('count(*)')).length
      return { text, statements: seen.length, counts }
    }
    return ask
  }

  let ask: Awaited<ReturnType<typeof prepare>>
  beforeAll(async () => {
    ask = await prepare()
  })

  it('never grow with its result', async () => {
    for (const [field, query] of Object.entries(NESTED)) {
      const [few, many] = [await ask(query.replace('$n', '2')), await ask(query.replace('$n', '6'))]
      expect(many.statements, field).toBe(few.statements)
      expect(many.text.length, field).toBeGreaterThan(few.text.length)
    }
  })

  it('count nothing but totals that are selected, also behind fragments', async () => {
    const below =
      'steps(first: 9) { nodes { id events(first: 9) { nodes { name } } } } variables(first: 9, filter: { name: { startsWith: "v" } }) { nodes { name } }'
    expect(await ask(`{ executions(first: 6) { nodes { id ${below} } } }`)).toMatchObject({ counts: 0 })
    expect(await ask('{ executions(first: 6) { nodes { id steps { totalCount } } } }')).toMatchObject({ counts: 1 })
    const fragment = 'fragment T on ExecutionConnection { ... on ExecutionConnection { totalCount } }'
    expect(await ask(`{ executions { ...T } } ${fragment}`)).toMatchObject({
      counts: 1,
      text: '{"data":{"executions":{"totalCount":6}}}',
    })
  })

  it('each element gets its own', async () => {
    const below =
      'variables(first: 1) { nodes { value } totalCount } currentSteps iterationCounts { total succeeded failed } steps(first: 3) { nodes { id iterationCounts { total } events(first: 9) { totalCount } iterations(first: 9) { nodes { id } } } }'
    const { text } = await ask(`{ executions(first: 6) { nodes { id playbook { path } parent { id } ${below} } } }`)
    const answer = JSON.parse(text) as { data: { executions: { nodes: { id: string }[] } } }
    for (const node of answer.data.executions.nodes) {
      const n = Number(node.id) - 100
      expect(node).toMatchObject({
        playbook: { path: `p${n}` },
        currentSteps: [`live${n}`],
        iterationCounts: { total: 30 * n + 6, succeeded: 24 * n, failed: 3 * n },
        parent: n === 1 ? null : { id: String(100 + n - 1) },
        variables: { nodes: [{ value: n * 10 + 1 }], totalCount: 3 },
        steps: {
          nodes: [1, 2, 3].map((m) => ({
            id: `${node.id}-${m}`,
            iterationCounts: { total: 10 * n + m },
            iterations: { nodes: [0, 1].map((i) => ({ id: `${node.id}-${10 * m + i}` })) },
          })),
        },
      })
    }
    expect(answer.data.executions.nodes.length).toBe(6)
  })

  it('of a write and of a read are few, and many at once share them', async () => {
    const write = (id: number, name: string) =>
      `mutation { upsertVariable(input: { executionId: "${id}", name: "${name}", value: ${Math.random()} }) { revision } }`
    expect((await ask(write(101, 'v1'))).statements).toBe(5)
    const before = await Promise.all(
      Array.from({ length: 50 }, (_, index) => ask(write(101 + (index % 6), `v${1 + (index % 3)}`))),
    )
    expect(Math.max(...before.map((one) => one.statements))).toBeLessThanOrEqual(30)
    expect((await ask('{ variable(executionId: "101", name: "v1") { value accessCount } }')).statements).toBe(1)
    expect((await ask('{ variables(executionId: "101") { nodes { name } totalCount } }')).statements).toBe(1)
  })
})
