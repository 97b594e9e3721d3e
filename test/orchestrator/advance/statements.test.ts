import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database, SqlParameter, Transaction } from '../../../src/db/database.js'
import { describeDatabase } from '../../support/database.js'
import { type Engine, openEngine } from '../../support/engine.js'
import { playbook, python } from '../../support/source.js'

/** Counts the statements of transactions, their ends among them; the relay and those who wait for an end use none. */
function countingDatabase(db: Database): { db: Database; count(): number } {
  let count = 0
  const counted = (tx: Transaction): Transaction => ({
    rows: <Row>(text: string, ...parameters: SqlParameter[]) => {
      count += 1
      return tx.rows<Row>(text, ...parameters)
    },
    texts: (text, ...parameters) => {
      count += 1
      return tx.texts(text, ...parameters)
    },
    run: (text, ...parameters) => {
      count += 1
      return tx.run(text, ...parameters)
    },
    prisma: (operation) => {
      count += 1
      return tx.prisma(operation)
    },
    send(text, ...parameters) {
      count += 1
      tx.send(text, ...parameters)
    },
  })
  return {
    count: () => count,
    db: {
      ...db,
      transaction(work) {
        count += 1
        return db.transaction((tx) => work(counted(tx)))
      },
    },
  }
}

/** A chain of steps of one kind. */
function chain(count: number, kind: 'noop' | 'vars' | 'python'): string {
  const bodies = { noop: '', vars: 'vars: {n: "{{ (vars.n | default(0)) + 1 }}"}, ', python: `tool: ${python('return 1')}, ` }
  const steps = Array.from({ length: count }, (_, index) => {
    const next = index + 1 < count ? `next: [{step: s${index + 1}}]` : 'desc: last'
    return `- {step: s${index}, ${bodies[kind]}${next}}`
  })
  return playbook(`chain_${kind}_${count}`, steps.join('\n'))
}

function loop(): string {
  const task = `task: {tool: ${python('return item', 'item')}, vars: {n: "{{ (vars.n | default(0)) + item }}"}}`
  return playbook(
    'loop',
    `- {step: each, type: iterator, collection: "{{ workload.items }}", element: item, mode: sequential, ${task}}`,
  )
}

/** Of one transaction: lock, load, write, and its end. */
const TRANSACTION = 4

/** What steps cost, whatever the machine. Two sizes of the same work are compared: what a run costs in any case falls out. */
describeDatabase('the statements', (open) => {
  let counting: ReturnType<typeof countingDatabase>
  let engine: Engine
  beforeAll(async () => {
    counting = countingDatabase(await open())
    engine = await openEngine(counting.db, { chain: { steps: 32, ms: 60_000 } })
  })
  afterAll(() => engine.close())

  async function statementsOf(source: string, workload = {}): Promise<number> {
    const before = counting.count()
    const { execution } = await engine.run(source, workload)
    expect(execution.status).toBe('completed')
    return counting.count() - before
  }

  /** A further step's, from two sizes; their registration falls out too. */
  async function perStep(kind: 'noop' | 'vars' | 'python', [few, many]: readonly [number, number]): Promise<number> {
    return ((await statementsOf(chain(many, kind))) - (await statementsOf(chain(few, kind)))) / (many - few)
  }

  test('of steps without a tool are one transaction for 32 of them, also where each writes a variable', async () => {
    expect(await perStep('noop', [2, 32])).toBe(0)
    expect(await perStep('vars', [2, 32])).toBe(0)
    expect(await perStep('noop', [2, 98])).toBeLessThanOrEqual(TRANSACTION / 32)
  })

  test('of a step with a tool are two transactions: its beginning and its end', async () => {
    expect(await perStep('python', [1, 4])).toBe(2 * TRANSACTION)
  })

  test('of an iteration are as few, with its variables read twice, locked and written', async () => {
    const few = await statementsOf(loop(), { items: [1] })
    const many = await statementsOf(loop(), { items: [1, 2, 3, 4] })
    expect((many - few) / 3).toBeLessThanOrEqual(2 * TRANSACTION + 4)
  })
})
