// docs/console/*.png: every screen of the console, light and dark, from a real server. `npm run console:screenshots`
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { openBrowser, openPage } from '../test/console/browser.js'
import { BATCH, FAILING, STEPWISE } from '../test/console/playbooks.js'
import { startTestServer } from '../test/support/server.js'

const FOLDER = 'docs/console'
const SETTLED_MS = 1_500

mkdirSync(FOLDER, { recursive: true })
const server = await startTestServer()
const browser = await openBrowser()

async function shoot(name: string, path: string, act: (page: Page) => Promise<void> = async () => undefined): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    const viewport = name === 'phone' ? { width: 390, height: 780 } : { width: 1360, height: 800 }
    const { page } = await openPage(browser, `${server.url}${path}`, { colorScheme, viewport })
    await page.waitForLoadState('networkidle')
    await act(page)
    await sleep(SETTLED_MS)
    await page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}.png` })
    await page.context().close()
  }
}

async function start(path: string, workload: object = {}): Promise<string> {
  const { body } = await server.rest('POST', '/api/executions', { path, workload })
  return (body as { id: string }).id
}

await shoot('first-visit', '/executions')
for (const source of [BATCH, STEPWISE, FAILING]) await server.rest('POST', '/api/playbooks', { source })
const ended = await start('console/stepwise', { times: 4 })
const failed = await start('console/failing')
const running = await start('examples/batch_tour', { orders: 200 })
await server.rest('POST', '/api/vars/7001', { variables: { port: 80, city: 'Bern', limits: { low: 1, high: 5 } } })
for (const port of [443, 8080, 8443, 9000]) await server.rest('POST', '/api/vars/7001', { variables: { port } })

await shoot('execution', `/executions/${running}`)
await shoot('timeline', `/executions/${ended}?view=timeline`)
await shoot('route', `/executions/${ended}?step=work&var=order`)
await shoot('failure', `/executions/${failed}`)
await shoot('executions', '/executions')
await shoot('history', '/executions/7001?var=port', (page) => page.getByRole('tab', { name: 'History' }).click())
await shoot('edit', '/executions/7001?var=limits', async (page) => {
  await page.getByRole('tab', { name: 'Edit' }).click()
  await page.getByLabel('New value of limits, JSON').fill('{\n  "low": 1,\n  "high": 9\n}')
})
await shoot('start', '/executions', async (page) => {
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('combobox', { name: 'Playbook' }).click()
  await page.getByRole('option', { name: 'console/stepwise' }).click()
})
await shoot('rerun', `/executions/${failed}`, (page) => page.getByRole('button', { name: 'Rerun' }).click())
await shoot('playbooks', '/playbooks')
await shoot('editor', '/playbooks/edit?path=console/failing', async (page) => {
  await page.getByLabel('Source of the playbook, YAML').fill(FAILING.replace('step: broken', 'step: nowhere'))
})
await shoot('phone', `/executions/${ended}`)

await browser.close()
await server.close()
