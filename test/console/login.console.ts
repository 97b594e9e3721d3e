import { expect, it } from 'vitest'
import { openBrowser, openPage } from './browser.js'
import { logIn, logOut } from './hands.js'
import { FAILING } from './playbooks.js'
import { createStage } from './stage.js'

const ADMIN_KEY = 'an-admin-key-for-the-console-tests'
const stage = createStage([FAILING], { env: { ADMIN_KEY } })

async function newKey(role: string): Promise<string> {
  const { createApiKey } = await stage.server.query<{ createApiKey: { secret: string } }>(
    `mutation { createApiKey(input: {name: "${role.toLowerCase()}", role: ${role}}) { secret } }`,
  )
  return createApiKey.secret
}

it('asks for a key, refuses a wrong one, keeps it for the tab, sends it as header and in connection_init', async () => {
  await stage.set('5001', { port: 80 })
  const page = await stage.open('/executions/5001')
  const dialog = page.getByRole('dialog')
  await logIn(page, 'wrong')
  await dialog.getByText(/The key was refused/).waitFor()
  const frames: string[] = []
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => frames.push(String(payload))))
  await logIn(page, ADMIN_KEY)
  await page.locator('[data-variable="port"]').getByText('80').waitFor()
  // A socket may still have been opened with the wrong one.
  expect(frames.findLast((frame) => frame.includes('connection_init'))).toContain(`Bearer ${ADMIN_KEY}`)
  expect(await page.evaluate(() => [sessionStorage.getItem('transient-key'), localStorage.length])).toEqual([ADMIN_KEY, 0])

  const request = page.waitForRequest((each) => each.url().endsWith('/graphql') && each.method() === 'POST')
  await page.reload()
  expect((await (await request).allHeaders())['authorization']).toBe(`Bearer ${ADMIN_KEY}`)
  await page.getByRole('button', { name: 'Who you are' }).click()
  await page.getByText(/^You may: .*register/).waitFor()
  await page.getByRole('button', { name: 'Log out' }).click()
  await dialog.getByLabel('Key or JWT').waitFor()
  expect(await page.evaluate(() => sessionStorage.getItem('transient-key'))).toBeNull()
})

it('who may only look is offered nothing else, and told why', async () => {
  const id = await stage.run('console/failing')
  await stage.set('5002', { port: 80 })
  const key = await newKey('VIEWER')
  const page = await stage.open('/executions')
  await logIn(page, key)
  await page.locator('[data-execution="5002"]').waitFor()
  await page.getByRole('button', { name: 'Who you are' }).click()
  await page.getByText('viewer', { exact: true }).first().waitFor()
  await page.keyboard.press('Escape')
  expect(await page.getByRole('button', { name: 'Start', exact: true }).count()).toBe(0)
  await page.locator(`[data-execution="${id}"]`).getByRole('link').click()
  await page.getByRole('alert').waitFor()
  expect(await page.getByRole('button', { name: 'Rerun' }).count()).toBe(0)
  await page.getByRole('link', { name: 'Executions' }).click()
  await page.locator('[data-execution="5002"]').getByRole('link').click()
  await page.getByRole('button', { name: 'port', exact: true }).click()
  await page.getByRole('tab', { name: 'Edit' }).click()
  await page.getByText('Your key may not write variables').waitFor()
  await page.getByRole('link', { name: 'Playbooks' }).click()
  await page.getByRole('link', { name: 'Edit console/failing' }).click()
  await page.getByText('Your key may not register playbooks').waitFor()
  expect(await page.getByRole('button', { name: 'Register' }).isDisabled()).toBe(true)
})

it('offers the API explorer to those who may read', async () => {
  const page = await stage.open('/executions')
  await logIn(page, await newKey('WORKER'))
  await page
    .getByText(/needs the right|does not allow|may not/)
    .first()
    .waitFor()
  expect(await page.getByRole('link', { name: 'API' }).count()).toBe(0)
  await logOut(page)
  await logIn(page, ADMIN_KEY)
  await page.getByRole('link', { name: 'API' }).click()
  // GraphiQL does not have this tab's key: the console says how to give it one.
  await page.getByRole('heading', { name: 'The API' }).waitFor()
  await page.getByText('Authorization: Bearer').first().waitFor()
  await page.getByRole('link', { name: 'GraphiQL' }).waitFor()
  await page.getByRole('link', { name: 'Executions' }).click()
  await page.getByRole('heading', { name: 'Executions' }).waitFor()
})

it.each(['/executions', '/executions/5001?step=a&var=port', '/playbooks', '/compare?left=5001&right=5002'])(
  'behind the login %s asks once, and no more until somebody logs in',
  async (path) => {
    const page = await stage.open('/playground')
    await page.getByLabel('Key or JWT').waitFor()
    let [refused, sockets] = [0, 0]
    page.on('response', (response) => {
      if (response.status() === 401) refused += 1
    })
    page.on('websocket', () => {
      sockets += 1
    })
    await page.goto(`${stage.server.url}${path}`)
    await page.getByLabel('Key or JWT').waitFor()
    // What would ask again has had the time for it.
    await page.waitForTimeout(3_000)
    expect(refused).toBe(1)
    expect(sockets).toBeLessThanOrEqual(1)
    await logIn(page, ADMIN_KEY)
    await page.getByLabel('Key or JWT').waitFor({ state: 'detached' })
    expect(refused).toBe(1)
  },
)

it('what is copied is on the clipboard on plain http, too', async () => {
  await stage.set('5003', { city: 'Bern', order: { id: 7 } })
  // Only https and this machine's own names give a page the clipboard.
  const browser = await openBrowser(['host-resolver-rules=MAP console.test 127.0.0.1'])
  try {
    const { port } = new URL(stage.server.url)
    const { page, faults } = await openPage(browser, `http://console.test:${port}/executions/5003?var=city`)
    await logIn(page, ADMIN_KEY)
    await page.locator('[data-variable="city"]').waitFor()
    expect(await page.evaluate(() => window.isSecureContext)).toBe(false)
    const filter = page.getByLabel('Filter variables')
    const pasted = async () => {
      await filter.fill('')
      await filter.focus()
      await page.keyboard.press('Control+V')
      return filter.inputValue()
    }
    await page.getByRole('button', { name: 'Copy the id' }).click()
    await page.getByText('Copied').waitFor()
    expect(await pasted()).toBe('5003')
    await filter.fill('')
    await page.getByRole('button', { name: 'Copy vars.city', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Copy the expression' }).click()
    await page.getByText('Copied').first().waitFor()
    expect(await pasted()).toBe('{{ vars.city }}')
    expect(faults).toEqual([])
  } finally {
    await browser.close()
  }
})
