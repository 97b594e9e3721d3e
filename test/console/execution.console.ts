import { expect, it } from 'vitest'
import { BATCH, CASES, FAILING, PARENT, RETRIED, STEPWISE } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([BATCH, CASES, FAILING, PARENT, RETRIED, STEPWISE])

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
  await check.getByText(/running · \d+ of 12/).waitFor({ timeout: 30_000 })
  expect(await check.evaluate((node) => getComputedStyle(node).animationName)).toMatch(/pulse/)
  await page.locator('[data-step="review"]').getByText('not reached').waitFor()
  await page.locator('header [data-status="COMPLETED"]').waitFor({ timeout: 90_000 })
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
