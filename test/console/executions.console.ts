import { expect, it } from 'vitest'
import { FAILING, STEPWISE } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([STEPWISE, FAILING])

it('starts one with a form made from the workload, and follows it to its end', async () => {
  const page = await stage.open('/')
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('combobox', { name: 'Playbook' }).click()
  await page.getByRole('option', { name: 'console/stepwise' }).click()
  await page.getByLabel('times').fill('no number')
  await page.getByText('A number, such as 5').waitFor()
  expect(await page.getByRole('dialog').getByRole('button', { name: 'Start' }).isDisabled()).toBe(true)
  await page.getByLabel('times').fill('3')
  await page.getByLabel('list').fill('["x"]')
  await page.getByRole('switch', { name: 'loud' }).press('Space')
  await page.getByRole('dialog').getByRole('button', { name: 'Start' }).click()
  await page.waitForURL(/executions\/\d+/)
  await page.locator('header [data-status="COMPLETED"]').waitFor({ timeout: 60_000 })
  await page.locator('[data-variable="counter"]').getByText('3', { exact: true }).first().waitFor()
  await page.locator('[data-step="work"]').getByText('3 visits').waitFor()
  const id = /executions\/(\d+)/.exec(page.url())?.[1] ?? ''
  const { execution } = await stage.server.query<{ execution: { workload: object } }>(`{ execution(id: "${id}") { workload } }`)
  expect(execution.workload).toEqual({ greeting: 'hello', times: 3, loud: true, list: ['x'] })
})

it('the list is live; filters of status, playbook, time and variables hold together, and stand in the address', async () => {
  const [two, three] = [await stage.run('console/stepwise', { times: 2 }), await stage.run('console/stepwise', { times: 3 })]
  const page = await stage.open('/executions')
  const rowOf = (id: string) => page.locator(`[data-execution="${id}"]`)
  await rowOf(three).getByText('completed').waitFor()
  const failed = await stage.start('console/failing')
  await rowOf(failed).getByText('failed').waitFor({ timeout: 60_000 })
  await rowOf(failed)
    .getByText(/vars.missing is undefined/)
    .waitFor()

  const condition = page.getByLabel('Variable, operator, value')
  await condition.fill('nonsense')
  await condition.press('Enter')
  await page.getByText('Write name, operator, value').waitFor()
  await condition.fill('counter >= 3')
  await condition.press('Enter')
  await rowOf(two).waitFor({ state: 'detached' })
  await condition.fill('order/id = 7')
  await condition.press('Enter')
  await page.getByText('failed', { exact: true }).first().click()
  await page.getByText('No execution matches').waitFor()
  await page.getByText('completed', { exact: true }).first().click()
  await rowOf(three).waitFor()
  await page.getByLabel('Playbook', { exact: true }).fill('step')
  await page.waitForURL(/playbook=step/)
  const { searchParams } = new URL(page.url())
  expect(searchParams.getAll('var')).toEqual(['counter >= 3', 'order/id = 7'])
  expect(searchParams.get('status')).toBe('FAILED,COMPLETED')

  await page.reload()
  await page.getByRole('button', { name: 'Remove order/id = 7' }).waitFor()
  await rowOf(three).waitFor()
  expect(await rowOf(failed).count()).toBe(0)
  await page.getByRole('button', { name: 'Any time' }).click()
  await page.getByLabel('Started from').fill('2099-01-01T00:00')
  await page.getByText('No execution matches').waitFor()
  await page.getByRole('button', { name: 'remove them all' }).click()
  await rowOf(failed).waitFor()
  expect(new URL(page.url()).search).toBe('')
})

it('several are cancelled together', async () => {
  const ids = [await stage.start('console/stepwise', { times: 500 }), await stage.start('console/stepwise', { times: 500 })]
  const page = await stage.open('/executions?status=RUNNING')
  for (const id of ids) await page.getByLabel(`Choose ${id}`).click()
  await page.getByRole('link', { name: 'Compare the two' }).waitFor()
  await page.getByRole('button', { name: 'Cancel 2 running' }).click()
  for (const id of ids) await page.locator(`[data-execution="${id}"]`).waitFor({ state: 'detached' })
  for (const id of ids) expect((await stage.server.untilEnded(id)).status).toBe('CANCELLED')
})

it('one is cancelled on its own page', async () => {
  const id = await stage.start('console/stepwise', { times: 500 })
  const page = await stage.open(`/executions/${id}`)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.locator('header [data-status="CANCELLED"]').waitFor()
  expect((await stage.server.execution(id)).status).toBe('CANCELLED')
})
