// docs/console/*.webp: every screen of the console, light and dark, from a real server. `npm run console:screenshots [NAME ...]`
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { openBrowser, openPage } from '../test/console/browser.js'
import { BATCH, BRANCHING, branching, CASES, FAILING, greet, RETRIED, STEPWISE } from '../test/console/playbooks.js'
import { startTestServer, type TestServer } from '../test/support/server.js'

const FOLDER = 'docs/console'
const SETTLED_MS = 1_200
const QUALITY = 0.85
const DESK = { width: 1360, height: 800 }
const PHONE = { width: 390, height: 780 }

interface Screen {
  readonly name: string
  readonly path: string
  readonly viewport?: { width: number; height: number }
  readonly act?: (page: Page) => Promise<unknown>
}

/** What the pictures show, made over the API. */
async function furnish(
  server: TestServer,
): Promise<Record<'done' | 'failed' | 'running' | 'large' | 'retried' | 'first' | 'second', string>> {
  for (const source of [BATCH, STEPWISE, FAILING, CASES, RETRIED, branching(200), greet('Hello'), greet('Good day')])
    await server.register(source)
  const start = (path: string, workload = {}) => server.startExecution(path, workload)
  const done = await start('console/stepwise', { times: 4 })
  const failed = await start('console/failing')
  const retried = await start('console/retried')
  const large = await start(BRANCHING)
  const [first, second] = [await start('screens/greet'), await start('screens/greet', { name: 'Grace' })]
  for (const id of [done, failed, retried, large, first, second]) await server.untilEnded(id)
  await server.rest('POST', '/api/vars/7001', { variables: { port: 80, city: 'Bern', limits: { low: 1, high: 5 } } })
  for (const port of [443, 8080, 8443, 9000]) await server.rest('POST', '/api/vars/7001', { variables: { port } })
  await server.rest('POST', '/api/vars/7002', {
    variables: { database: { host: 'db.example.test', port: 5432 }, password: 'hunter2', retries: 3, user: 'orders' },
    sensitive: ['password'],
  })
  const running = await start('examples/batch_tour', { orders: 1_000 })
  return { done, failed, running, large, retried, first, second }
}

const tab = (name: string) => (page: Page) => page.getByRole('tab', { name }).click()

function screensOf(ids: Awaited<ReturnType<typeof furnish>>): Screen[] {
  return [
    { name: 'execution', path: `/executions/${ids.running}` },
    { name: 'executions', path: '/executions' },
    { name: 'start', path: '/executions', act: openStart },
    { name: 'route', path: `/executions/${ids.done}?step=work&var=counter` },
    { name: 'timeline', path: `/executions/${ids.retried}?view=timeline&step=flaky` },
    { name: 'past', path: `/executions/${ids.done}?at=3&var=counter` },
    { name: 'large', path: `/executions/${ids.large}` },
    { name: 'failure', path: `/executions/${ids.failed}` },
    { name: 'rerun', path: `/executions/${ids.failed}`, act: draftRepair },
    { name: 'edit', path: '/executions/7001?var=limits', act: draftLimits },
    { name: 'history', path: '/executions/7001?var=port', act: tab('History') },
    { name: 'sensitive', path: '/executions/7002?var=password', act: askToReveal },
    { name: 'playbooks', path: '/playbooks' },
    { name: 'versions', path: '/playbooks/view?path=screens/greet&version=2&against=1' },
    { name: 'editor', path: '/playbooks/edit?path=console/failing', act: breakPlaybook },
    { name: 'playground', path: `/playground?execution=${ids.done}&template=${encodeURIComponent('{{ vars.order.lines[0] }}')}` },
    { name: 'compare', path: `/compare?left=${ids.first}&right=${ids.second}&var=greeting` },
    { name: 'who', path: '/playbooks', act: (page) => page.getByRole('button', { name: 'Who you are' }).click() },
    { name: 'phone', path: `/executions/${ids.done}`, viewport: PHONE },
    { name: 'phone-list', path: '/executions', viewport: PHONE },
  ]
}

async function openStart(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('combobox', { name: 'Playbook' }).click()
  await page.getByRole('option', { name: 'console/stepwise' }).click()
}

async function draftRepair(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Rerun' }).click()
  await page.getByRole('button', { name: 'Give vars.missing a value' }).click()
  await page.getByLabel('missing of the rerun, JSON').fill('41')
}

const askToReveal = (page: Page) => page.getByRole('button', { name: 'Reveal', exact: true }).click()

async function draftLimits(page: Page): Promise<void> {
  await tab('Edit')(page)
  await page.getByLabel('New value of limits, JSON').fill('{\n  "low": 1,\n  "high": 9\n}')
}

const breakPlaybook = (page: Page) =>
  page.getByLabel('Playbook', { exact: true }).fill(FAILING.replace('step: broken}', 'step: nowhere}'))

/** A screenshot as WebP, a third of a PNG: the browser encodes it. */
async function toWebp(page: Page, png: Buffer): Promise<Buffer> {
  const encoded = await page.evaluate(
    async ([source, quality]) => {
      const image = new Image()
      image.src = source
      await image.decode()
      const canvas = document.createElement('canvas')
      canvas.width = image.width
      canvas.height = image.height
      canvas.getContext('2d')?.drawImage(image, 0, 0)
      return canvas.toDataURL('image/webp', quality)
    },
    [`data:image/png;base64,${png.toString('base64')}`, QUALITY] as const,
  )
  return Buffer.from(encoded.slice(encoded.indexOf(',') + 1), 'base64')
}

async function shoot(browser: Browser, url: string, { name, path, viewport = DESK, act }: Screen): Promise<void> {
  const bench = await browser.newPage()
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page } = await openPage(browser, `${url}${path}`, { colorScheme, viewport })
    await page.waitForLoadState('networkidle')
    await act?.(page)
    await page.waitForFunction(() => !document.body.innerText.includes('Loading '))
    await sleep(SETTLED_MS)
    writeFileSync(`${FOLDER}/${name}-${colorScheme}.webp`, await toWebp(bench, await page.screenshot()))
    await page.context().close()
  }
  await bench.close()
}

mkdirSync(FOLDER, { recursive: true })
const wanted = new Set(process.argv.slice(2))
const isWanted = ({ name }: { name: string }) => wanted.size === 0 || wanted.has(name)
const server = await startTestServer({ env: { ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}` } })
const browser = await openBrowser()
const firstVisit: Screen = { name: 'first-visit', path: '/executions' }
if (isWanted(firstVisit)) await shoot(browser, server.url, firstVisit)
for (const screen of screensOf(await furnish(server)).filter(isWanted)) await shoot(browser, server.url, screen)
await browser.close()
await server.close()
