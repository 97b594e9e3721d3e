import { expect, it } from 'vitest'
import { playbook } from '../support/source.js'
import { createStage } from './stage.js'

const stage = createStage([playbook('tick', '\n- step: a')])

const put = async (name: string, schedule: object) => {
  const { status, body } = await stage.server.rest('PUT', `/api/schedules/${name}`, { path: 'test/tick', ...schedule })
  expect(status, JSON.stringify(body)).toBe(200)
}
const shown = async (name: string) => (await stage.server.rest('GET', `/api/schedules/${name}`)).body as { is_paused: boolean }

it('schedules are listed as they are made, with what came last and comes next; they are paused and resumed', async () => {
  const page = await stage.open('/schedules')
  await page.getByText('Nothing is started by the clock yet').waitFor()
  await put('tick', { every_seconds: 1 })
  await put('nightly', { cron: '30 2 * * *', time_zone: 'Europe/Berlin' })
  const nightly = page.locator('[data-schedule="nightly"]')
  await nightly.getByText('30 2 * * *').waitFor()
  await nightly.getByText('Europe/Berlin').waitFor()
  // The next, and three after it.
  expect(await nightly.locator('time').count()).toBe(4)
  const tick = page.locator('[data-schedule="tick"]')
  await tick.getByText('every 1 s').waitFor()
  const last = tick.getByRole('link', { name: 'The last execution of tick' })
  await last.locator('[data-status="COMPLETED"]').waitFor()

  const pause = page.getByRole('button', { name: 'Pause tick' })
  await pause.focus()
  await page.keyboard.press('Enter')
  await tick.locator('[data-status="PAUSED"]').waitFor()
  await expect.poll(async () => (await shown('tick')).is_paused).toBe(true)
  await page.getByRole('button', { name: 'Resume tick' }).click()
  await page.getByRole('button', { name: 'Pause tick' }).waitFor()
  expect((await shown('tick')).is_paused).toBe(false)

  await last.click()
  await page.waitForURL('**/executions/*')
  await page.getByRole('heading', { level: 1 }).waitFor()
})

it('says why one was paused that cannot start its playbook, also on a phone', async () => {
  await stage.server.register(playbook('growing', '\n- step: a'))
  await put('growing', { path: 'test/growing', every_seconds: 1 })
  await stage.server.register(playbook('growing', '\n- step: a', { more: 'schema: {workload: {required: [n]}}' }))
  const page = await stage.open('/schedules', { viewport: { width: 390, height: 800 }, colorScheme: 'dark' })
  const row = page.locator('[data-schedule="growing"]')
  await row.getByText('does not fit the playbook').waitFor()
  await row.locator('[data-status="PAUSED"]').waitFor()
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
})
