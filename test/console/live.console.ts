import { expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { openDraft, saveDraft } from './hands.js'
import { createStage } from './stage.js'

const stage = createStage()

it('goes on by itself after the server was killed and restarted, without a reload, and misses nothing', async () => {
  const id = '4004'
  await stage.set(id, { count: 0, note: 'kept' })
  const page = await stage.open(`/executions/${id}?var=note`)
  await page.locator('[data-variable="count"]').waitFor()
  await page.evaluate(() => Object.assign(window, { isSamePage: true }))
  const draft = await openDraft(page, 'note')
  await draft.fill('"a draft"')
  for (const count of [1, 2, 3]) await stage.set(id, { count, [`before_${count}`]: count })
  const badge = page.getByTitle('About the connection')
  await badge.getByText('r4').waitFor()

  await stage.server.kill()
  await badge.getByText('Offline').waitFor({ timeout: within(30_000) })
  expect(await badge.textContent()).toContain('r4')
  await saveDraft(page)
  await page.getByText('It was not saved; the draft is kept').waitFor()
  await badge.click()
  await page.getByText(/No connection since .* Shown: revision 4/).waitFor()
  await page.keyboard.press('Escape')
  await stage.server.start()
  for (const count of [4, 5, 6]) await stage.set(id, { count, [`after_${count}`]: count })
  await badge.getByText('Live', { exact: true }).waitFor({ timeout: within(60_000) })
  for (const name of ['before_1', 'before_2', 'before_3', 'after_4', 'after_5', 'after_6'])
    await page.locator(`[data-variable="${name}"]`).waitFor()
  await page.locator('[data-variable="count"]').getByText('6', { exact: true }).first().waitFor()
  await badge.getByText('r7').waitFor()
  expect(await page.evaluate(() => (window as unknown as { isSamePage?: boolean }).isSamePage)).toBe(true)
  expect(await draft.textContent()).toBe('"a draft"')
  await saveDraft(page)
  await page.getByText('Saved as revision 8').waitFor()
})

it('says that it catches up while it reads', async () => {
  const id = '4012'
  await stage.set(id, Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`v${index}`, index])))
  const page = await stage.open('/executions')
  await page.locator(`[data-execution="${id}"]`).waitFor()
  let pages = 0
  let release: () => void = () => undefined
  const isReleased = new Promise<void>((resolve) => {
    release = resolve
  })
  await page.route('**/graphql', async (route) => {
    if (route.request().postData()?.includes('query Variables(')) pages += 1
    if (pages === 2) await isReleased
    await route.continue()
  })
  await page.locator(`[data-execution="${id}"]`).getByRole('link').click()
  const badge = page.getByTitle('About the connection')
  await badge.getByText('Catching up').waitFor()
  await badge.click()
  await page.getByText('250 of 600 variables are here').waitFor()
  release()
  await badge.getByText('Live', { exact: true }).waitFor()
})

it('while the server is away the console stays, and what it says of that goes when the server is back', async () => {
  const id = '4013'
  await stage.set(id, { port: 80 })
  const page = await stage.open(`/executions/${id}`)
  await page.locator('[data-variable="port"]').waitFor()
  await stage.server.kill()
  await page
    .getByTitle('About the connection')
    .getByText('Offline')
    .waitFor({ timeout: within(30_000) })
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Cancel the execution' }).click()
  const alert = page.getByRole('alert').getByText('It was not cancelled')
  await alert.waitFor()
  await stage.server.start()
  await alert.waitFor({ state: 'detached', timeout: within(60_000) })
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Cancel the execution' }).click()
  await page.locator('header [data-status="CANCELLED"]').waitFor()

  // A part of the console that was never loaded.
  await stage.server.kill()
  await page.getByRole('link', { name: 'Playground' }).click()
  await page.getByRole('heading', { name: 'This page cannot be shown' }).waitFor()
  await page.getByRole('link', { name: 'Executions' }).click()
  await page.getByRole('alert').getByText('The server does not answer').waitFor()
  await stage.server.start()
  await page.locator(`[data-execution="${id}"]`).waitFor({ timeout: within(60_000) })
  expect(await page.getByRole('alert').count()).toBe(0)
  await page
    .getByTitle('About the connection')
    .getByText('Live', { exact: true })
    .waitFor({ timeout: within(30_000) })
})

it('what the server was too busy for is read again', async () => {
  let refusals = 0
  const page = await stage.open('/executions')
  await page.route('**/graphql', async (route) => {
    if (!/query (PlaybookSource|Playbooks)\(/.test(route.request().postData() ?? '') || refusals >= 2) return route.continue()
    refusals += 1
    const busy = { message: 'The server is starting; try again in a moment', extensions: { code: 'OVERLOADED' } }
    await route.fulfill({ status: 503, json: { errors: [busy] } })
  })
  await page.getByRole('link', { name: 'Playbooks' }).click()
  await page.getByRole('alert').getByText('The server is starting').waitFor()
  await page.getByRole('alert').waitFor({ state: 'detached' })
  await page
    .getByText(/playbooks?$/)
    .first()
    .waitFor()
})
