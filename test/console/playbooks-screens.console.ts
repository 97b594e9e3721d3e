import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../support/server.js'
import { HAS_BROWSER, openBrowser, openPage, seriousIssues, type WatchedPage } from './browser.js'

let server: TestServer
let browser: Browser
let opened: WatchedPage | null = null

async function open(path: string, options = {}): Promise<Page> {
  opened = await openPage(browser, `${server.url}${path}`, options)
  return opened.page
}

const source = (greeting: string) => `apiVersion: noetl.io/v1
kind: Playbook
metadata:
  name: greet
  path: screens/greet
workload:
  name: Ada
workflow:
- step: start
  vars:
    greeting: "${greeting} {{ workload.name }}"
    parts: [1, 2]
  next: end
- step: end
`

const register = (text: string) => server.rest('POST', '/api/playbooks', { source: text })

async function run(workload: object): Promise<string> {
  const { body } = await server.rest('POST', '/api/executions', { path: 'screens/greet', workload })
  const { id } = body as { id: string }
  for (;;) {
    const answer = await server.rest('GET', `/api/executions/${id}`)
    if ((answer.body as { status: string }).status !== 'running') return id
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

beforeAll(async () => {
  if (!HAS_BROWSER) throw new Error('there is no Chromium here: apt-get install chromium')
  server = await startTestServer()
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

describe('playbooks', () => {
  it('a draft is checked at its lines, kept over a reload, and becomes the next version', async () => {
    await register(source('Hello'))
    const page = await open('/playbooks')
    await page.getByRole('link', { name: 'Edit screens/greet' }).click()
    const editor = page.getByLabel('Playbook', { exact: true })
    await page.getByText('✓ Valid').waitFor()
    await editor.fill(source('Hello').replace('next: end', 'next: nowhere'))
    await page.getByText(/^1 error/).waitFor()
    expect(await page.getByRole('button', { name: 'Register' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: /error · line 13/ }).click()
    expect(await page.locator('.cm-activeLine').textContent()).toContain('nowhere')
    await page.reload()
    await page.getByText('A draft, kept in this tab').waitFor()
    await page.getByText(/^1 error/).waitFor()
    await editor.fill(source('Good day'))
    await page.getByText('✓ Valid').waitFor()
    await page.getByText('Changes to version 1').click()
    await page.locator('.cm-deletedChunk').first().waitFor()
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText('version 2, registered').waitFor()
    await page.getByRole('link', { name: 'Changes of version 2' }).click()
    await page.waitForURL(/version=2&against=1/)
    expect(await page.locator('.cm-deletedChunk').first().textContent()).toContain('Hello')
    expect(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.includes('draft')))).toEqual([])
  })

  it('what the server refuses is said in place, and the draft stays', async () => {
    await register(source('Hello'))
    const page = await open('/playbooks/edit?path=screens/greet')
    const editor = page.getByLabel('Playbook', { exact: true })
    await page.getByText('✓ Valid').waitFor()
    const refusal = { code: 'FORBIDDEN', right: 'register' }
    await page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('mutation Register')) return route.continue()
      await route.fulfill({ json: { errors: [{ message: 'it needs the right "register"', extensions: refusal }] } })
    })
    await editor.fill(source('Kept'))
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText('It was not registered; your draft is kept').waitFor()
    expect(await editor.textContent()).toContain('Kept')
  })

  it('a playbook that does not exist says what to do', async () => {
    const page = await open('/playbooks/view?path=no/such')
    await page.getByText('There is no such playbook').waitFor()
    await page.getByRole('link', { name: 'See what there is' }).click()
    await page.getByRole('heading', { name: 'Playbooks' }).waitFor()
  })
})

describe('the playground', () => {
  it("renders with an execution's variables, also of the past, and marks an error", async () => {
    await register(source('Hello'))
    const id = await run({})
    await server.rest('POST', `/api/vars/${id}`, { variables: { later: 1 } })
    const page = await open(`/playground?execution=${id}&template=${encodeURIComponent('{{ vars.greeting }}')}`)
    const result = page.getByLabel('Result', { exact: true }).last()
    await page.getByText('text, 9 characters').waitFor()
    const editor = page.getByLabel('Template', { exact: true }).last()
    await editor.fill('{{ vars.parts }}')
    await page.getByText('list of 2 items').waitFor()
    expect(await result.textContent()).toMatch(/1,\s*2/)
    await editor.fill('one\n{{ vars.parts.nope + 1 }}')
    await page
      .getByText(/at line 2, column \d+/)
      .first()
      .waitFor()
    await page.locator('.cm-lintRange-error').waitFor()
    await page.getByLabel('As of revision').fill('0')
    await editor.fill('{{ vars | length }}')
    await page.getByText('number', { exact: true }).waitFor()
    await page.waitForURL(/asOf=0/)
    expect(await page.getByLabel('Result', { exact: true }).last().textContent()).toMatch(/0$/)
  })

  it('takes JSON instead, and an execution that does not exist is said', async () => {
    const page = await open('/playground')
    await page.getByLabel('Context, JSON').fill('{"name": ')
    await page.getByText(/The context is not JSON/).waitFor()
    await page.getByLabel('Context, JSON').fill('{"name": "Grace"}')
    await page.getByText('text, 11 characters').waitFor()
    await page.goto(`${server.url}/playground?execution=4004`)
    await page.getByText('There is no such execution').waitFor()
  })
})

describe('comparing', () => {
  it('shows what differs, with both values, and the steps of both', async () => {
    await register(source('Hello'))
    const [left, right] = [await run({}), await run({ name: 'Grace' })]
    const page = await open(`/compare?left=${left}&right=${right}`)
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
})

describe('all of these', () => {
  it('says who one is and what one may', async () => {
    const page = await open('/playbooks')
    await page.getByRole('button', { name: 'Who you are' }).click()
    await page.getByText(/^You may: .*register/).waitFor()
    await page.getByRole('link', { name: 'API' }).waitFor()
  })

  it.each(['light'] as const)('axe-core finds nothing serious, and a phone is wide enough, %s', async (colorScheme) => {
    await register(source('Hello'))
    const id = await run({})
    const place = 'path=screens/greet'
    for (const path of [
      '/playbooks',
      `/playbooks/view?${place}`,
      `/playbooks/edit?${place}`,
      `/playground?execution=${id}`,
      `/compare?left=${id}&right=${id}&all=yes&var=greeting`,
    ]) {
      const page = await open(path, { colorScheme, reducedMotion: 'reduce', viewport: { width: 390, height: 800 } })
      await page.waitForLoadState('networkidle')
      expect(await seriousIssues(page), path).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390)
      await page.context().close()
    }
  })
})
