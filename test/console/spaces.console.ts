import { expect, it } from 'vitest'
import { openAdd, openDraft, saveDraft } from './hands.js'
import { createStage } from './stage.js'

const stage = createStage()

const set = async (variables: object) => {
  const { status } = await stage.server.rest('POST', '/api/globals/team%2Fprod', { variables })
  expect(status).toBe(200)
}
const read = async (name: string) => {
  const { status, body } = await stage.server.rest('GET', `/api/globals/team%2Fprod/${name}`)
  return status === 200 ? (body as { value: unknown }).value : undefined
}

it('spaces are listed; their variables are live, edited, added and removed, and keep their history', async () => {
  const empty = await stage.open('/globals')
  await empty.getByText('There are no global variables yet').waitFor()
  await set({ rate: 1 })
  const page = await stage.open('/globals')
  await page.locator('[data-space="team/prod"]').getByRole('link').click()
  await page.waitForURL('**/globals/team/prod')
  await page.locator('[data-variable="rate"]').waitFor()
  await set({ rate: 2, more: 'new' })
  await page.locator('[data-variable="more"]').waitFor()
  await page.goto(`${stage.server.url}/globals/team/prod?var=rate`)
  const editor = await openDraft(page, 'rate')
  await editor.fill('3')
  await saveDraft(page)
  await expect.poll(() => read('rate')).toBe(3)
  await page.getByRole('tab', { name: 'History' }).click()
  await page.getByText('api:anonymous').first().waitFor()
  expect(page.url()).toContain('/globals/team/prod')
  const form = await openAdd(page)
  await form.getByLabel('Name').fill('fresh')
  await form.getByLabel('Value, JSON').fill('{"a": 1}')
  await form.getByRole('button', { name: 'Add' }).click()
  await expect.poll(() => read('fresh')).toEqual({ a: 1 })
})
