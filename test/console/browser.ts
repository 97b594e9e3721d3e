import { existsSync } from 'node:fs'
import axe from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const FLAGS = [
  'no-sandbox',
  'disable-gpu',
  'disable-quic',
  'no-first-run',
  'disable-background-networking',
  'disable-component-update',
  'disable-sync',
]

/** Whether this machine has a browser; `apt-get install chromium` brings one. */
export const HAS_BROWSER = existsSync(CHROMIUM)

export async function openBrowser(flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: [...FLAGS, ...flags].map((flag) => `--${flag}`) })
}

/** A page that keeps what went wrong in it: violations of the policy, exceptions, requests to other hosts. */
export interface WatchedPage {
  readonly page: Page
  readonly faults: string[]
}

/**
 * What the browser says by itself about answers that a test causes on purpose, and about a header that it heeds behind TLS
 * only. Inline styles are told of by the listener below, which knows whose they are: Chromium's own editing of a text makes
 * some, to no purpose, and they are nobody's.
 */
const EXPECTED =
  /Failed to load resource|^The Cross-Origin-Opener-Policy header has been ignored|WebSocket connection to .* failed|net::ERR_|Unable to preload CSS|dynamically imported module|^Applying inline style violates/

export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 }, ...options })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED.test(message.text())) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (new URL(request.url()).host !== new URL(url).host && !/^(data|blob):/.test(request.url()))
      faults.push(`asked ${request.url()}`)
  })
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, sourceFile, lineNumber, columnNumber }) => {
      if (violatedDirective === 'style-src-attr' && sourceFile === '') return
      console.error(`${violatedDirective} is violated at ${sourceFile}:${lineNumber}:${columnNumber}`)
    })
  })
  await page.goto(url)
  return { page, faults }
}

/** What axe-core finds serious or worse, as `rule: element`. */
export async function seriousIssues(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    interface Axe {
      run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }>
    }
    const { violations } = await (window as unknown as { axe: Axe }).axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`))
  })
}
