import { expect, it } from 'vitest'
import { greet } from './playbooks.js'
import { createStage } from './stage.js'

const PATH = 'screens/greet'
const stage = createStage([greet('Hello')])

it('shows what differs, with both values, and the steps of both', async () => {
  const [left, right] = [await stage.run(PATH), await stage.run(PATH, { name: 'Grace' })]
  const page = await stage.open(`/compare?left=${left}&right=${right}`)
  await page.getByText('1 of 2 variables differ').waitFor()
  expect(await page.locator('[data-compared]').count()).toBe(1)
  await page.getByRole('button', { name: 'greeting' }).click()
  await page.locator('.cm-deletedChunk').getByText('Ada').waitFor()
  await page.getByText('Also what is the same').click()
  await page.locator('[data-compared="parts"][data-verdict="same"]').waitFor()
  await page.getByText('Steps (2 and 2)').click()
  const rows = page.getByRole('region', { name: 'Steps of both' }).locator('tbody tr')
  await rows.nth(1).waitFor()
  expect(await rows.count()).toBe(2)
})
