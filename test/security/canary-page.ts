import type { Page } from 'playwright-core'
import { openBrowser, openPage } from '../console/browser.js'
import type { TestServer } from '../support/server.js'

/** Steps and variables that are opened, each. */
const MOST = 3

/** Opens an execution in a browser, looks into all that can be opened there, and answers everything that was ever shown. */
export async function lookAround(server: TestServer, ids: readonly string[]): Promise<string> {
  const browser = await openBrowser()
  const seen: string[] = []
  try {
    for (const id of ids) {
      const { page } = await openPage(browser, `${server.url}/executions/${id}`)
      page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => seen.push(String(payload))))
      await page.locator('header [data-status]').first().waitFor()
      await look(page, seen)
      await page.goto(`${server.url}/executions/${id}?view=timeline`)
      await keep(page, seen)
      await page.goto(`${server.url}/playground?execution=${id}`)
      await keep(page, seen)
      await page.goto(`${server.url}/compare?left=${ids[0]}&right=${id}`)
      await keep(page, seen)
      await page.context().close()
    }
  } finally {
    await browser.close()
  }
  return seen.join('\n')
}

async function look(page: Page, seen: string[]): Promise<void> {
  const workload = page.getByRole('button', { name: 'workload' })
  if ((await workload.count()) > 0) {
    await workload.click()
    await keep(page, seen)
    await page.keyboard.press('Escape')
  }
  const steps = await page.locator('[data-step]').evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-step')))
  for (const step of steps.slice(0, MOST)) {
    await page.goto(`${page.url().split('?')[0]}?step=${step}`)
    await page.getByRole('region', { name: `Step ${step}` }).waitFor()
    await keep(page, seen)
  }
  await page.goto(page.url().split('?')[0] ?? '')
  await page.locator('header [data-status]').first().waitFor()
  const lines = page.locator('[data-variable]')
  await lines.first().waitFor()
  for (let index = 0; index < Math.min(await lines.count(), MOST); index += 1) {
    await lines.nth(index).click()
    for (const tab of ['Edit', 'History', 'Value']) {
      await page.getByRole('tab', { name: tab }).click()
      await keep(page, seen)
    }
  }
}

/** The document, and what stands in its fields, a moment later: what is asked for arrives by then. */
async function keep(page: Page, seen: string[]): Promise<void> {
  await page.waitForLoadState('networkidle')
  const values = await page.evaluate(() =>
    [...document.querySelectorAll('input, textarea')].map((field) => (field as HTMLInputElement).value).join('\n'),
  )
  seen.push(await page.content(), values)
}
