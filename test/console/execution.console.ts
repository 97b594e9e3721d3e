// cspell:ignore größer שלום dcba
import { expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { BATCH, CASES, FAILING, LISTED, LOOPS, PARENT, RETRIED, STEPWISE, UNLUCKY, WORDS } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([BATCH, CASES, FAILING, LISTED, LOOPS, PARENT, RETRIED, STEPWISE, UNLUCKY, WORDS])

it('says what failed, where, why and what to do', async () => {
  const id = await stage.run('console/failing')
  const page = await stage.open(`/executions/${id}`)
  const alert = page.getByRole('alert')
  await alert.waitFor()
  expect(await alert.textContent()).toMatch(/Step broken failed.*TEMPLATE_UNDEFINED.*rerun/s)
  await alert.getByRole('link', { name: 'broken' }).click()
  await page.getByRole('region', { name: 'Step broken' }).getByText('TEMPLATE_UNDEFINED').waitFor()
})

it('the graph shows what runs, how many of how many, and the route that was taken', async () => {
  const id = await stage.start('examples/batch_tour', { orders: 12, limit: 5 })
  const page = await stage.open(`/executions/${id}`)
  const check = page.locator('[data-step="check"]')
  await check.getByText(/running · \d+ of 12/).waitFor({ timeout: within(30_000) })
  expect(await check.evaluate((node) => getComputedStyle(node).animationName)).toMatch(/pulse/)
  await page.locator('[data-step="review"]').getByText('not reached').waitFor()
  await page.locator('header [data-status="COMPLETED"]').waitFor({ timeout: within(90_000) })
  await page.locator('[data-step="review"]').getByText('succeeded').waitFor()
  const colorOf = (edge: string) =>
    page.locator(`[data-id="${edge}"] path.react-flow__edge-path`).evaluate((path) => (path as SVGElement).style.stroke)
  expect(await colorOf('check>review')).toBe('var(--completed)')
  expect(await colorOf('check>done')).toBe('var(--edge)')
  await check.click()
  await page.getByRole('button', { name: 'Iteration 3, succeeded' }).click()
  await page.getByRole('region', { name: 'Iteration 3', exact: true }).getByText('ok:').waitFor()
  await page.locator('[data-variable="total"]').waitFor()
  expect(await page.locator('[data-variable="orders"]').count()).toBe(0)
  await page.getByRole('button', { name: 'of step check' }).click()
  await page.locator('[data-variable="orders"]').waitFor()
})

it('a list of tools: each in its latest turn, with what it gave and printed', async () => {
  const id = await stage.run('console/listed')
  const page = await stage.open(`/executions/${id}?step=gather`)
  const tools = page.getByRole('region', { name: '4 tools' })
  await expect.poll(() => tools.getByRole('button').allTextContents()).toEqual(['begin', 'fetch ×3', 'back ×3', 'add'])
  await tools.getByRole('button', { name: 'Tool fetch, succeeded' }).click()
  const fetched = page.getByRole('region', { name: 'Tool fetch', exact: true })
  await fetched.getByText('3 turns').waitFor()
  await fetched.getByText('page 3').waitFor()
})

it('why this route: each condition with its outcome, its values then, and where it led', async () => {
  const id = await stage.run('console/stepwise', { times: 2 })
  const page = await stage.open(`/executions/${id}?step=work`)
  const why = page.getByRole('region', { name: 'Why this route' })
  await why.getByText('✓ true').waitFor()
  await why.getByText('→ end, taken').waitFor()
  await why.getByText('→ work, not taken').waitFor()
  await expect.poll(() => why.locator('dl').textContent()).toBe('vars.counter2workload.times2')
  await page.getByRole('button', { name: 'Visit 1' }).click()
  await why.getByText('→ work, taken').waitFor()
  await expect.poll(() => why.locator('dl').textContent()).toBe('vars.counter1workload.times2')

  const other = await stage.run('console/cases')
  await page.goto(`${stage.server.url}/executions/${other}?step=look`)
  await why.getByText('→ small, taken').waitFor()
  await why.getByText('→ large, not taken').waitFor()
  await why
    .getByText(/result.size/)
    .first()
    .waitFor()
  await why.getByRole('definition').getByText('3').first().waitFor()
})

it('the timeline shows visits and attempts', async () => {
  const id = await stage.run('console/retried')
  const page = await stage.open(`/executions/${id}?view=timeline`)
  const row = page.getByRole('button', { name: /^flaky/ })
  await row.locator('[data-attempt="2"]').waitFor()
  const statuses = await row.locator('[data-attempt]').evaluateAll((bars) => bars.map((bar) => bar.getAttribute('data-status')))
  expect(statuses.at(-1)).toBe('SUCCEEDED')
  expect(new Set(statuses.slice(0, -1))).toEqual(new Set(['FAILED']))
  await row.click()
  await page.getByRole('region', { name: 'Step flaky' }).getByText(`${statuses.length} attempts`).waitFor()
  await page.getByText('Graph', { exact: true }).click()
  await page.locator('[data-step="flaky"]').getByText(`attempt ${statuses.length}`).waitFor()
})

it('parents and children link to each other', async () => {
  const id = await stage.run('console/parent')
  const page = await stage.open(`/executions/${id}`)
  await page.getByRole('button', { name: '↓ 1 child execution' }).click()
  await page.getByRole('menuitem', { name: /console\/stepwise/ }).click()
  await page.getByRole('link', { name: '↑ parent console/parent' }).click()
  await page.waitForURL(new RegExp(`/executions/${id}$`))
  await page.getByRole('heading', { name: 'console/parent' }).waitFor()
})

it('a step is found by its name, and the current one by a click', async () => {
  const id = await stage.run('console/failing')
  const page = await stage.open(`/executions/${id}`)
  await page.getByRole('button', { name: 'Go to the current step' }).click()
  await page.waitForURL(/step=broken/)
  await page.getByRole('combobox', { name: 'Find a step' }).fill('sta')
  await page.getByRole('option', { name: 'start' }).click()
  await page.getByRole('region', { name: 'Step start' }).waitFor()
})

it('one that does not exist is said so, and appears when it is born', async () => {
  const page = await stage.open('/executions/4003')
  await page.getByText('There is no such execution').waitFor()
  await stage.set('4003', { born: true })
  await page.locator('[data-variable="born"]').waitFor()
})

it('a loop whose iterations failed never looks like a success: list, node, timeline, detail, head', async () => {
  const id = await stage.run('console/loops')
  const page = await stage.open('/executions')
  const green = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--completed').trim())
  /** The colour that a part of the page takes from its state. */
  const toneOf = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((part) => getComputedStyle(part).getPropertyValue('--tone').trim())
  const row = page.locator(`[data-execution="${id}"]`)
  await row.getByText('5 of 9, 4 failed').waitFor()
  expect(await toneOf(`[data-execution="${id}"] [data-status]`)).not.toBe(green)
  await row.getByRole('link').click()

  await page.locator('[data-step="none"]').getByText('0 of 3').waitFor()
  await page.locator('[data-step="some"]').getByText('3 of 4, 1 failed').waitFor()
  await page.locator('[data-step="all"]').getByText('2 of 2').waitFor()
  const red = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--failed').trim())
  expect(await toneOf('[data-step="none"]')).toBe(red)
  expect([green, red]).not.toContain(await toneOf('[data-step="some"]'))
  expect(await toneOf('[data-step="all"]')).toBe(green)
  expect(await toneOf('header [data-status="COMPLETED"]')).not.toBe(green)
  await page.locator('header').getByText('5 of 9, 4 failed').waitFor()

  await page.locator('[data-step="none"]').click()
  const detail = page.getByRole('region', { name: 'Step none' })
  await detail.getByText('0 of 3').waitFor()
  expect(await toneOf('section[aria-label="Step none"] [data-status="SUCCEEDED"]')).toBe(red)
  await page.getByText('Timeline', { exact: true }).click()
  await page.getByRole('button', { name: /^none.*0 of 3/ }).waitFor()
  await page.getByRole('button', { name: /^some.*3 of 4, 1 failed/ }).waitFor()
  expect(await toneOf('section[aria-label="Timeline of steps"] li:nth-child(2) [data-attempt]')).toBe(red)
  expect(await toneOf('section[aria-label="Timeline of steps"] li:nth-child(4) [data-attempt]')).toBe(green)
})

it('what is still read is not said to be unreached, and a child that failed can be gone to', async () => {
  const id = await stage.run('console/unlucky')
  const page = await stage.open('/executions')
  await page.locator(`[data-execution="${id}"]`).waitFor()
  let release: () => void = () => undefined
  const isReleased = new Promise<void>((resolve) => {
    release = resolve
  })
  await page.route('**/graphql', async (route) => {
    if (route.request().postData()?.includes('query Steps(')) await isReleased
    await route.continue()
  })
  await page.goto(`${stage.server.url}/executions/${id}?step=start`)
  await page.getByText('Loading step start').waitFor()
  await page.locator('[data-step="start"]').getByText('reading').waitFor()
  expect(await page.getByText(/not (been )?reached/).count()).toBe(0)
  release()
  await page.locator('[data-step="start"]').getByText('failed').waitFor()
  const link = page.getByRole('alert').getByRole('link', { name: /^\d+$/ })
  const child = await link.textContent()
  await page
    .getByRole('region', { name: 'Step start' })
    .getByRole('link', { name: child ?? '' })
    .waitFor()
  await link.click()
  await page.waitForURL(new RegExp(`/executions/${child}$`))
  await page.getByRole('heading', { name: 'console/failing' }).waitFor()
})

it('a visit that ran at a moment of the past has taken until then, and not until today', async () => {
  const id = await stage.start('console/stepwise', { times: 40 })
  await expect.poll(async () => (await stage.server.execution(id)).revision, { timeout: within(30_000) }).toBeGreaterThan(5)
  const page = await stage.open(`/executions/${id}?at=3&step=work`)
  const time = page.getByRole('region', { name: 'Step work' }).getByText(/·/).first()
  await page.getByText('The past · Revision 3').waitFor()
  const before = await time.textContent()
  // Longer than the clock of what runs takes for its next tick.
  await page.waitForTimeout(2_500)
  expect(await time.textContent()).toBe(before)
})

it('steps are read when one begins or ends, and children are not asked for again and again', async () => {
  const page = await stage.open('/executions')
  const asked: string[] = []
  page.on('request', (request) => {
    // The list asks, too, before one leaves it.
    if (/executions\/\d+/.test(page.url())) asked.push(/query (\w+)/.exec(request.postData() ?? '')?.[1] ?? '')
  })
  const id = await stage.start('examples/batch_tour', { orders: 40 })
  await page.goto(`${stage.server.url}/executions/${id}`)
  await page.locator('header [data-status="COMPLETED"]').waitFor({ timeout: within(110_000) })
  await page.locator('[data-step="done"]').getByText('succeeded').waitFor()
  const times = (name: string) => asked.filter((each) => each === name).length
  // Four visits, and some that look into the loop; forty iterations and as many writes went by.
  expect(times('Steps')).toBeLessThanOrEqual(4 + 4 + Math.ceil((await lastedMs(id)) / 2_000))
  expect(times('Executions')).toBe(0)
  expect(times('PlaybookGraph')).toBe(1)

  const parent = await stage.start('console/parent')
  await page.goto(`${stage.server.url}/executions/${parent}`)
  await page.locator('header [data-status="COMPLETED"]').waitFor({ timeout: within(60_000) })
  await page.getByRole('button', { name: '↓ 1 child execution' }).waitFor()
  expect(times('Executions')).toBe(1)
})

async function lastedMs(id: string): Promise<number> {
  const { execution } = await stage.server.query<{ execution: { createdAt: string; finishedAt: string } }>(
    `{ execution(id: "${id}") { createdAt finishedAt } }`,
  )
  return Date.parse(execution.finishedAt) - Date.parse(execution.createdAt)
}

it('values and names are shown as they are: whole, in their order, and none of them reordered', async () => {
  const id = await stage.run('console/words')
  const page = await stage.open(`/executions/${id}?var=reordered`)
  const shownOf = (name: string) => page.locator(`[data-variable="${name}"] [data-column="Value"]`).textContent()
  await page.locator('[data-variable="umlaut"]').waitFor()
  expect(await shownOf('umlaut')).toBe('"größer als Ä, 東京, 🎉"')
  expect(await shownOf('hebrew')).toBe('"שלום"')
  expect(await shownOf('reordered')).toBe('"abc\\u202edcba\\u2066x"')
  await page.getByRole('region', { name: 'Variable reordered' }).getByText('"abc\\u202edcba\\u2066x"').waitFor()
  const names = await page.locator('[data-variable]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-variable')))
  expect(names.filter((name) => /^v\d/.test(name ?? ''))).toEqual(['v1', 'v2', 'v10', 'v100'])

  const isCutWithEllipsis = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((part) => part.scrollWidth > part.clientWidth && getComputedStyle(part).textOverflow === 'ellipsis')
  expect(await isCutWithEllipsis('[data-variable^="a_variable"] button')).toBe(true)
  const node = '[data-step^="a_step"]'
  await page.locator(node).waitFor()
  expect(
    await page.locator(node).evaluate((button) => {
      const parts = [...button.querySelectorAll('span')].filter((part) => part.scrollWidth > part.clientWidth + 1)
      return parts.length > 0 && parts.every((part) => getComputedStyle(part).textOverflow === 'ellipsis')
    }),
  ).toBe(true)
})

it.each([390, 720, 1024, 1440])('the labels of the timeline keep apart at %i px', async (width) => {
  const id = await stage.run('console/retried')
  const page = await stage.open(`/executions/${id}?view=timeline`, { viewport: { width, height: 800 } })
  const labels = page.locator('section[aria-label="Timeline of steps"] > [aria-hidden="true"] > span')
  await labels.first().waitFor()
  const boxes = await labels.evaluateAll((spans) =>
    spans
      .map((span) => span.getBoundingClientRect())
      .filter(({ width: wide }) => wide > 0)
      .map(({ left, right }) => [left, right]),
  )
  expect(boxes.length).toBeGreaterThan(1)
  for (const [index, [left]] of boxes.entries()) if (index > 0) expect(left).toBeGreaterThan((boxes[index - 1]?.[1] ?? 0) + 3)
})
