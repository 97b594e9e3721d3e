import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { layoutSteps } from '../../src/console/execution/graph/layout.js'
import { within } from '../support/pace.js'
import { BRANCHING, branching, STEPWISE } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([branching(200), STEPWISE])
const MANY = '8001'
const FIRST_PAINT_MS = 1_000
const SCRIPT_BYTES = 400_000
const FRAMES_PER_SECOND = 50
const ANSWER_MS = 100
/** The machine may be busy with something else: the best of so many tries tells what the page can do. */
const TRIES = 4

async function fill(): Promise<void> {
  for (let from = 0; from < 10_000; from += 2_500) {
    const names = Array.from({ length: 2_500 }, (_, index) => `variable_${String(from + index).padStart(5, '0')}`)
    await stage.set(MANY, Object.fromEntries(names.map((name, index) => [name, { index, text: `the text of ${name}` }])))
  }
}

interface FirstScreen {
  readonly paintMs: number
  readonly scriptBytes: number
  readonly isCompressed: boolean
}

async function firstScreen(path: string, isReady: (page: Page) => Promise<unknown>): Promise<FirstScreen> {
  const page = await stage.open(path)
  await isReady(page)
  const seen = await page.evaluate(() => {
    const scripts = performance
      .getEntriesByType('resource')
      .filter((entry) => entry.name.endsWith('.js')) as PerformanceResourceTiming[]
    return {
      paintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.POSITIVE_INFINITY,
      scriptBytes: scripts.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
      isCompressed: scripts.every(
        ({ encodedBodySize, decodedBodySize }) => decodedBodySize < 1_000 || encodedBodySize < decodedBodySize,
      ),
    }
  })
  await page.context().close()
  return seen
}

it('the first paint comes within a second, and takes less than 400 kB of JavaScript', async () => {
  const id = await stage.run('console/stepwise', { times: 1 })
  const isListed = (page: Page) => page.locator(`[data-execution="${id}"]`).waitFor()
  const isShown = (page: Page) => page.locator('[data-step="work"]').waitFor()
  const screens: [string, (page: Page) => Promise<unknown>][] = [
    ['/', isListed],
    [`/executions/${id}`, isShown],
  ]
  for (const [path, isReady] of screens) {
    const tries: FirstScreen[] = []
    for (let round = 0; round < TRIES; round += 1) tries.push(await firstScreen(path, isReady))
    const paintMs = Math.min(...tries.map((each) => each.paintMs))
    console.info(`${path}: first paint ${Math.round(paintMs)} ms, JavaScript ${tries[0]?.scriptBytes} bytes as sent`)
    expect(paintMs).toBeLessThan(FIRST_PAINT_MS)
    expect(tries[0]?.isCompressed).toBe(true)
    if (path === '/') expect(tries[0]?.scriptBytes).toBeLessThan(SCRIPT_BYTES)
  }
})

it('10,000 variables scroll above 50 frames a second, and are filtered within 100 ms', async () => {
  await fill()
  const page = await stage.open(`/executions/${MANY}`)
  await page
    .getByTitle('About the connection')
    .getByText('Live', { exact: true })
    .waitFor({ timeout: within(60_000) })
  expect(await page.locator('[data-variable]').count()).toBeLessThan(60)

  const scroll = () =>
    page.getByRole('group', { name: 'List of variables' }).evaluate(async (list) => {
      const frames: number[] = []
      const began = performance.now()
      let last = began
      await new Promise<void>((resolve) => {
        const step = (now: number) => {
          frames.push(now - last)
          last = now
          list.scrollTop = ((now - began) * 40) % (list.scrollHeight - list.clientHeight)
          if (now - began < 1_500) requestAnimationFrame(step)
          else resolve()
        }
        requestAnimationFrame(step)
      })
      const sorted = frames.slice(1).sort((a, b) => a - b)
      return { perSecond: (1000 * frames.length) / (last - began), slowest95: sorted[Math.floor(sorted.length * 0.95)] ?? 0 }
    })
  const runs = []
  for (let round = 0; round < TRIES; round += 1) runs.push(await scroll())
  const best = runs.reduce((a, b) => (a.perSecond > b.perSecond ? a : b))
  console.info(`scrolling: ${best.perSecond.toFixed(1)} frames/s, 95 of 100 frames within ${best.slowest95.toFixed(1)} ms`)
  expect(best.perSecond).toBeGreaterThan(FRAMES_PER_SECOND)
  expect(await page.locator('[data-variable]').first().getAttribute('data-variable')).not.toBe('variable_00000')

  const filter = page.getByLabel('Filter variables')
  const times: number[] = []
  for (const [typed, count] of [
    ['variable_012', '100 of 10,000'],
    ['0777', '11 of 10,000'],
    ['text of variable_09999', '1 of 10,000'],
    ['', '10,000'],
    ['variable_0', '10,000'],
  ] as const)
    times.push(await filterMs(page, typed, count))
  await filter.waitFor()
  console.info(`filtering: ${times.map((ms) => Math.round(ms)).join(', ')} ms`)
  expect(times.toSorted((a, b) => a - b)[2]).toBeLessThan(ANSWER_MS)
})

/** From the moment at which a text stands in the filter to the frame that shows what matches. */
async function filterMs(page: Page, text: string, count: string): Promise<number> {
  return page.getByLabel('Filter variables').evaluate(
    async (input, [typed, expected]) => {
      const shown = () => document.querySelector('section[aria-label="Variables"] [role="status"]')?.textContent ?? ''
      const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set
      const began = performance.now()
      set?.call(input, typed)
      input.dispatchEvent(new Event('input', { bubbles: true }))
      while (shown() !== expected) {
        await new Promise((resolve) => requestAnimationFrame(resolve))
        if (performance.now() - began > 5_000) throw new Error(`after "${typed}" the count is ${shown()}`)
      }
      return performance.now() - began
    },
    [text, count] as const,
  )
}

it('the graph of a playbook of 200 steps can be read', async () => {
  const { playbook } = await stage.server.query<{ playbook: { steps: Parameters<typeof layoutSteps>[0] } }>(
    `{ playbook(path: "${BRANCHING}") { steps { name description kind isIterator maxAttempts transitions { to when isElse isCase at } } } }`,
  )
  const began = performance.now()
  const { positions } = layoutSteps(playbook.steps)
  const layoutMs = performance.now() - began
  console.info(`layout of ${positions.size} steps: ${Math.round(layoutMs)} ms`)
  expect(positions.size).toBeGreaterThanOrEqual(200)
  expect(layoutMs).toBeLessThan(1_000)
  const corners = [...positions.values()]
  const meet = corners.filter((a, index) =>
    corners.slice(index + 1).some((b) => Math.abs(a.x - b.x) < 196 && Math.abs(a.y - b.y) < 56),
  )
  expect(meet).toEqual([])

  const id = await stage.run(BRANCHING)
  const page = await stage.open(`/executions/${id}`)
  const current = page.locator('[data-step="join_49"]')
  await current.getByText('failed').waitFor({ timeout: within(30_000) })
  const lettersOf = (name: string) =>
    page.locator(`[data-step="${name}"] [class*="name"]`).evaluate((node) => {
      const box = node.getBoundingClientRect()
      const view = node.closest('.react-flow')?.getBoundingClientRect()
      const isInSight = view !== undefined && box.top >= view.top && box.bottom <= view.bottom && box.left >= view.left
      return isInSight ? box.height : 0
    })
  // The step where it happens is in sight, in letters that one can read.
  expect(await lettersOf('join_49')).toBeGreaterThan(9)
  await page.locator('.react-flow__minimap').waitFor()
  expect(await page.locator('[data-step]').count()).toBeLessThan(80)
  await page.getByRole('combobox', { name: 'Find a step' }).fill('left_7')
  await page.getByRole('option', { name: 'left_7', exact: true }).click()
  await page.locator('[data-step="left_7"][data-chosen]').waitFor()
  await expect.poll(() => lettersOf('left_7')).toBeGreaterThan(9)
  await page.getByRole('button', { name: 'Close the step' }).click()
  await page.getByRole('button', { name: 'Fit View' }).click()
  await expect.poll(() => page.locator('[data-step]').count()).toBeGreaterThanOrEqual(200)
})
