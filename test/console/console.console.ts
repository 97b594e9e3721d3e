import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../support/server.js'
import { HAS_BROWSER, openBrowser, openPage, seriousIssues, type WatchedPage } from './browser.js'
import { FAILING, STEPWISE } from './playbooks.js'

let server: TestServer
let browser: Browser
let opened: WatchedPage | null = null

async function open(path: string, options = {}): Promise<Page> {
  opened = await openPage(browser, `${server.url}${path}`, options)
  return opened.page
}

async function start(path: string, workload: object = {}): Promise<string> {
  const answer = await server.rest('POST', '/api/executions', { path, workload })
  return (answer.body as { id: string }).id
}

async function ended(id: string): Promise<void> {
  for (;;) {
    const { body } = await server.rest('GET', `/api/executions/${id}`)
    if ((body as { status: string }).status !== 'running') return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const set = (id: string, variables: object) => server.rest('POST', `/api/vars/${id}`, { variables })

beforeAll(async () => {
  if (!HAS_BROWSER) throw new Error('there is no Chromium here: apt-get install chromium')
  server = await startTestServer()
  for (const source of [STEPWISE, FAILING]) await server.rest('POST', '/api/playbooks', { source })
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})
afterEach(async () => {
  const faults = opened?.faults ?? []
  await opened?.page.context().close()
  opened = null
  expect(faults).toEqual([])
})

describe('executions', () => {
  it('starts one with a form made from the workload, and follows it to its end', async () => {
    const page = await open('/')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.getByRole('combobox', { name: 'Playbook' }).click()
    await page.getByRole('option', { name: 'console/stepwise' }).click()
    await page.getByLabel('times').fill('no number')
    await page.getByText('A number, such as 5').waitFor()
    await page.getByLabel('times').fill('3')
    await page.getByRole('dialog').getByRole('button', { name: 'Start' }).click()
    await page.waitForURL(/executions\/\d+/)
    await page.getByText('completed', { exact: true }).first().waitFor({ timeout: 60_000 })
    await page.locator('[data-variable="counter"]').getByText('3', { exact: true }).first().waitFor()
    await page.locator('[data-step="work"]').getByText('3 visits').waitFor()
  })

  it('the list is live; filters stand in the address and survive a reload', async () => {
    const page = await open('/executions')
    const id = await start('console/failing')
    const row = page.locator(`[data-execution="${id}"]`)
    await row.getByText('failed').waitFor({ timeout: 60_000 })
    await page.getByText('completed', { exact: true }).first().waitFor()
    await page.getByLabel('Variable, operator, value').fill('counter >= 3')
    await page.getByLabel('Variable, operator, value').press('Enter')
    await row.waitFor({ state: 'detached' })
    expect(new URL(page.url()).searchParams.getAll('var')).toEqual(['counter >= 3'])
    await page.reload()
    await page.getByText('1 execution match').waitFor()
    await page.getByRole('button', { name: /Remove counter/ }).click()
    await row.waitFor()
  })

  it('several are cancelled together', async () => {
    const ids = [await start('console/stepwise', { times: 500 }), await start('console/stepwise', { times: 500 })]
    const page = await open('/executions?status=RUNNING')
    for (const id of ids) await page.getByLabel(`Choose ${id}`).click()
    await page.getByRole('button', { name: 'Cancel 2 running' }).click()
    for (const id of ids) await page.locator(`[data-execution="${id}"]`).waitFor({ state: 'detached' })
    await Promise.all(ids.map(ended))
  })
})

describe('an execution', () => {
  it('says what failed, where, why and what to do', async () => {
    const id = await start('console/failing')
    await ended(id)
    const page = await open(`/executions/${id}`)
    const alert = page.getByRole('alert')
    expect(await alert.textContent()).toMatch(/Step broken failed.*TEMPLATE_UNDEFINED.*rerun/s)
    await alert.getByRole('link', { name: 'broken' }).click()
    await page.getByRole('region', { name: 'Step broken' }).getByText('TEMPLATE_UNDEFINED').waitFor()
  })

  it('variables are live, tell null from empty, keep digits, and show where each came from', async () => {
    const id = await start('console/stepwise', { times: 1 })
    await ended(id)
    const own = '4001'
    await set(own, { live: 1 })
    const page = await open(`/executions/${own}`)
    const line = page.locator('[data-variable="live"]')
    await line.waitFor()
    await set(own, { live: 2, more: 'new' })
    await page.locator('[data-variable="more"]').waitFor()
    await line.getByText('2', { exact: true }).first().waitFor()
    await page.goto(`${server.url}/executions/${id}?step=start`)
    await page.locator('[data-variable="nothing"]').getByText('null').waitFor()
    await page.locator('[data-variable="blank"]').getByText('empty text').waitFor()
    await page.getByRole('button', { name: 'order', exact: true }).click()
    await page.getByRole('button', { name: /^lines:/ }).waitFor()
    expect(new URL(page.url()).searchParams.get('var')).toBe('order')
    await page.locator('[data-variable="order"]').getByText('12345678901234567890').waitFor()
  })

  it('an edit is checked, compared and saved; a conflict shows both values and keeps the draft', async () => {
    const id = '4002'
    await set(id, { port: 80 })
    const page = await open(`/executions/${id}?var=port`)
    await page.getByRole('tab', { name: 'Edit' }).click()
    const editor = page.getByLabel('New value of port, JSON')
    await editor.fill('{"a": ')
    await page.getByText('This is not JSON').waitFor()
    await editor.fill('8080')
    await page.getByLabel('What would differ').waitFor()
    await set(id, { port: 443 })
    await page.getByText('It changed while you were editing').waitFor()
    expect(await editor.textContent()).toBe('8080')
    await page.getByRole('button', { name: 'Keep my draft' }).click()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved as revision 3').waitFor()
    await page.getByRole('tab', { name: 'History' }).click()
    await page.getByRole('img', { name: /port over revisions/ }).waitFor()
    await page.getByRole('tab', { name: 'Edit' }).click()
    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('button', { name: 'Undo the deletion' }).click()
    await page.locator('[data-variable="port"]').getByText('8080').waitFor()
  })

  it('one that does not exist is said so, and appears when it is born', async () => {
    const page = await open('/executions/4003')
    await page.getByText('There is no such execution').waitFor()
    await set('4003', { born: true })
    await page.locator('[data-variable="born"]').waitFor()
  })

  it('goes on by itself after the server was killed and restarted, and misses nothing', async () => {
    const id = '4004'
    await set(id, { count: 0 })
    const page = await open(`/executions/${id}`)
    await page.locator('[data-variable="count"]').waitFor()
    await page.evaluate(() => Object.assign(window, { isSamePage: true }))
    for (const count of [1, 2, 3]) await set(id, { count, [`before_${count}`]: count })
    await server.kill()
    await page.getByText('Offline').waitFor({ timeout: 30_000 })
    await server.start()
    for (const count of [4, 5, 6]) await set(id, { count, [`after_${count}`]: count })
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 60_000 })
    for (const name of ['before_1', 'before_2', 'before_3', 'after_4', 'after_5', 'after_6'])
      await page.locator(`[data-variable="${name}"]`).waitFor()
    await page.locator('[data-variable="count"]').getByText('6', { exact: true }).first().waitFor()
    expect(await page.evaluate(() => (window as unknown as { isSamePage?: boolean }).isSamePage)).toBe(true)
    expect(await page.getByTitle('About the connection').textContent()).toContain('r7')
  })
})

describe('everybody', () => {
  it.each(['light', 'dark'] as const)('axe-core finds nothing serious, %s', async (colorScheme) => {
    const id = await start('console/stepwise', { times: 1 })
    await ended(id)
    for (const path of [
      '/executions',
      `/executions/${id}?step=start&var=order`,
      `/executions/${id}?view=timeline`,
      '/nowhere-in-executions',
    ]) {
      const page = await open(path.startsWith('/nowhere') ? '/executions/0x' : path, { colorScheme, reducedMotion: 'reduce' })
      await page.waitForLoadState('networkidle')
      expect(await seriousIssues(page), path).toEqual([])
      await page.context().close()
    }
  })

  it('is readable on a phone: nothing is wider than the screen', async () => {
    const id = await start('console/stepwise', { times: 1 })
    for (const path of ['/executions', `/executions/${id}`]) {
      const page = await open(path, { viewport: { width: 390, height: 800 } })
      await page.waitForLoadState('networkidle')
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
      await page.context().close()
    }
  })
})
