import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type ServerSettings, startTestServer, type TestServer } from '../support/server.js'
import { HAS_BROWSER, openBrowser, openPage, type WatchedPage } from './browser.js'

/** A real server and a browser for the tests of one file. */
export interface Stage {
  readonly server: TestServer
  /** Opens an address of the console. After each test its pages are closed, and none may have gone wrong. */
  open(path: string, options?: BrowserContextOptions): Promise<Page>
  /** Starts an execution; answers its id. */
  start(path: string, workload?: object): Promise<string>
  /** The same, and waits for its end. */
  run(path: string, workload?: object): Promise<string>
  /** Writes variables over REST. */
  set(id: string, variables: object): Promise<void>
}

/** Sets the stage for a file: registers the playbooks once, and clears away what each test opened. */
export function createStage(playbooks: readonly string[] = [], settings: ServerSettings = {}): Stage {
  let server: TestServer | null = null
  let browser: Browser | null = null
  let pages: WatchedPage[] = []

  beforeAll(async () => {
    if (!HAS_BROWSER) throw new Error('there is no Chromium here: apt-get install chromium')
    server = await startTestServer(settings)
    for (const source of playbooks) await server.register(source)
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })
  afterEach(async () => {
    const faults = pages.flatMap((each) => each.faults)
    for (const { page } of pages) await page.context().close()
    pages = []
    expect(faults).toEqual([])
  })

  const running = () => {
    if (server === null || browser === null) throw new Error('the stage is set before each file')
    return { server, browser }
  }
  const start = (path: string, workload: object = {}) => running().server.startExecution(path, workload)
  return {
    get server() {
      return running().server
    },
    async open(path, options = {}) {
      const watched = await openPage(running().browser, `${running().server.url}${path}`, options)
      pages.push(watched)
      return watched.page
    },
    start,
    async run(path, workload) {
      const id = await start(path, workload)
      await running().server.untilEnded(id)
      return id
    },
    async set(id, variables) {
      const { status, body } = await running().server.rest('POST', `/api/vars/${id}`, { variables })
      expect(status, JSON.stringify(body)).toBe(200)
    },
  }
}
