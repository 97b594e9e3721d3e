import { expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { FAILING, STEPWISE } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([FAILING, STEPWISE])

it('a failed execution is repaired: a draft of its variables, what would differ, and a rerun from the step', async () => {
  const id = await stage.run('console/failing')
  const page = await stage.open(`/executions/${id}`)
  await page.getByRole('button', { name: 'Rerun' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Give vars.missing a value' }).click()
  const missing = dialog.getByLabel('missing of the rerun, JSON')
  await missing.fill('forty')
  await dialog.getByText('This is not JSON').waitFor()
  expect(await dialog.getByRole('button', { name: 'Rerun from broken' }).isDisabled()).toBe(true)
  await missing.fill('41')
  await dialog.getByLabel('Change or add a variable').fill('url')
  await dialog.getByRole('button', { name: 'Change it' }).click()
  const url = dialog.getByLabel('url of the rerun, JSON')
  await url.getByText('https://example.invalid/').waitFor()
  await url.fill('"https://example.test/"')
  const diff = dialog.getByLabel('What would differ in url')
  expect(await diff.textContent()).toMatch(/invalid.*test/s)

  await page.reload()
  await page.getByRole('button', { name: 'Rerun' }).click()
  await dialog.getByText('2 variables changed').waitFor()
  await dialog.getByRole('button', { name: 'Rerun from broken' }).click()
  await page.waitForURL((address) => address.pathname !== `/executions/${id}`)
  await page
    .locator('[data-variable="total"]')
    .getByText('42', { exact: true })
    .first()
    .waitFor({ timeout: within(30_000) })
  await page.locator('[data-variable="url"]').getByText('example.test').waitFor()
  await page.getByRole('link', { name: `↺ rerun of ${id}` }).waitFor()
  await page.getByRole('link', { name: 'compare with it' }).click()
  await page.getByText(/variables differ/).waitFor()
})

it('begins with what stood before the last visit of the step', async () => {
  const id = await stage.run('console/stepwise', { times: 4 })
  const page = await stage.open(`/executions/${id}`)
  await page.getByRole('button', { name: 'Rerun' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'From step' }).click()
  await page.getByRole('option', { name: 'work' }).click()
  await dialog.getByLabel('Change or add a variable').fill('counter')
  await dialog.getByRole('button', { name: 'Change it' }).click()
  await dialog.getByLabel('counter of the rerun, JSON').getByText('3', { exact: true }).waitFor()
  await dialog.getByText('not changed yet').waitFor()
  await dialog.getByRole('button', { name: 'Leave counter as it was' }).click()
  await dialog.getByText('No variable is changed').waitFor()
})
