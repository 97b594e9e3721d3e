import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HAS_BROWSER, openBrowser, openPage, type WatchedPage } from '../console/browser.js'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { newId } from '../variables/support.js'

/** GraphiQL in a browser, on a server with a key: the page is for everyone, what it asks is not. */

const KEY = 'an-admin-key-of-many-letters'

if (!HAS_BROWSER)
  process.stderr.write('skipped: GraphiQL in a browser, as there is no Chromium here (apt-get install chromium)\n')

let server: InProcessServer
let browser: Browser
let watched: WatchedPage
beforeAll(async () => {
  if (!HAS_BROWSER) return
  server = await startInProcess({ ADMIN_KEY: KEY })
  browser = await openBrowser()
  watched = await openPage(browser, `${server.url}/graphql`)
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

async function write(section: string, text: string): Promise<void> {
  const { page } = watched
  await page.getByRole('region', { name: section }).locator('.monaco-editor:visible').click()
  await page.keyboard.press('Control+A')
  await page.keyboard.insertText(text)
}

/** Waits for what the last operation answers, as it is shown. */
function result(text: RegExp): Promise<void> {
  const shown = watched.page.getByRole('region', { name: 'Result Window' })
  return expect.poll(() => shown.textContent()).toMatch(text) as unknown as Promise<void>
}

const press = (name: RegExp) => watched.page.getByRole('button', { name }).click()

it.skipIf(!HAS_BROWSER)(
  'GraphiQL shows itself without a key, asks with the one in its headers, and keeps it nowhere',
  async () => {
    const { page, faults } = watched
    await page.getByText('me {').waitFor()
    await press(/^Execute query/)
    await result(/UNAUTHENTICATED/)

    await press(/^Headers$/)
    await write('Headers', JSON.stringify({ Authorization: `Bearer ${KEY}` }))
    await press(/^Execute query/)
    await result(/ADMIN/)
    await press(/^Re-fetch GraphQL schema/)
    await press(/^Show Documentation Explorer/)
    await page.getByRole('link', { name: 'VariableChangedEvent' }).waitFor()

    const id = newId()
    await write('Operation Editor', `subscription { variableChanged(executionId: "${id}", afterRevision: 0) { revision } }`)
    await press(/^Execute query/)
    await result(/"revision":\s0/)
    const mutation = `mutation { upsertVariable(input: { executionId: "${id}", name: "n", value: 1 }) { revision } }`
    await server.post(JSON.stringify({ query: mutation }), { authorization: `Bearer ${KEY}` })
    // A bookmark may have come after it.
    await result(/"revision":\s1/)

    // Tabs are kept half a second later.
    await expect.poll(() => page.evaluate('JSON.stringify([localStorage, sessionStorage])')).toContain(id)
    expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage])')).not.toContain(KEY)
    expect(page.url()).not.toContain(KEY)
    expect(faults).toEqual([])
  },
)
