import { expect, it } from 'vitest'
import { HAS_BROWSER, openBrowser, openPage } from '../console/browser.js'
import { startTestServer } from '../support/server.js'

if (!HAS_BROWSER)
  process.stderr.write('skipped: the console in a browser, as there is no Chromium here (apt-get install chromium)\n')

it.skipIf(!HAS_BROWSER)('the console shows an execution live', async () => {
  const server = await startTestServer()
  const browser = await openBrowser()
  try {
    const { page, faults } = await openPage(browser, `${server.url}/executions/1`)
    await server.rest('POST', '/api/vars/1', { variables: { born: 1 } })
    const line = page.locator('[data-variable="born"]')
    await line.waitFor()
    await server.rest('POST', '/api/vars/1', { variables: { born: 2 } })
    await line.getByText('2', { exact: true }).first().waitFor()
    expect(faults).toEqual([])
  } finally {
    await browser.close()
    await server.close()
  }
})
