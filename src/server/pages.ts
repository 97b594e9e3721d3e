import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TransientError } from '../core/errors.js'
import { type ConsoleFiles, readConsoleFiles } from './console-files.js'

// Scripts come from the console's own files only. Styles too, but for the few that its libraries make at run time: these
// carry the nonce of the page.
const consolePolicy = (nonce: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
// GraphiQL comes whole from its package, scripts and workers inline; nothing of it depends on a request.
const GRAPHIQL_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  'worker-src blob:',
  "connect-src 'self' blob:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const NOT_BUILT = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Transient</title></head>
<body><h1>Transient</h1><p>The console is not built: run <code>npm ci</code> and <code>npm run build</code>, then start again.</p>
<p>The API is at <a href="/graphql">/graphql</a> and /api.</p></body></html>
`

/** The addresses that the console shows something at; its other paths are files. */
const PLACES = /^\/(?:(?:executions|playbooks|playground|compare|explorer)(?:\/.*)?)?$/
/** What programs ask for: whoever opens it in a browser sees what they would get. */
const DOORS = /^\/(?:api|metrics|health|assets)(?:\/|$)/

let files: ConsoleFiles | null = null

/** Answers a request for the console: its page at any of its addresses, or one of its files. False when it is neither. */
export async function sendConsole(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean> {
  files ??= readConsoleFiles()
  if (path.startsWith('/assets/')) {
    const isGzipAccepted = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    return files.send(path, { response, isGzipAccepted })
  }
  if (!PLACES.test(path)) return false
  sendConsolePage(response, 200)
  return true
}

function sendConsolePage(response: ServerResponse, status: number): void {
  files ??= readConsoleFiles()
  const { html, nonce } = files.page() ?? { html: NOT_BUILT, nonce: '' }
  sendHtml(response, { html, policy: consolePolicy(nonce), status })
}

/** Whether somebody has opened an address in a browser that no program asks for: then the answer is for people. */
export function isPageWanted(request: IncomingMessage, path: string): boolean {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  return isRead && !DOORS.test(path) && (request.headers.accept?.includes('text/html') ?? false)
}

/** Says in a page why there is none. Of an address that does not exist the console says so, with the way to those that do. */
export function sendRefusalPage(response: ServerResponse, { code, status, message }: TransientError): void {
  if (code === 'NOT_FOUND') return sendConsolePage(response, status)
  // A server that starts, or has too much to do, is asked again by the page itself.
  const again = code === 'OVERLOADED' ? '<meta http-equiv="refresh" content="2">' : ''
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Transient</title>${again}</head>
<body><h1>Transient</h1><p>${escapeHtml(message)}.</p></body></html>
`
  sendHtml(response, { html, policy: consolePolicy(''), status })
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

let graphiql: Promise<string> | null = null

/** GraphiQL for browsers that open `/graphql`: its 9 MB are loaded when first asked for, and need no network. */
export async function sendGraphiql(response: ServerResponse): Promise<void> {
  graphiql ??= import('@graphql-yoga/render-graphiql').then(({ renderGraphiQL }) =>
    String(renderGraphiQL({ title: 'Transient', endpoint: '/graphql', subscriptionsProtocol: 'WS' })),
  )
  sendHtml(response, { html: await graphiql, policy: GRAPHIQL_POLICY, status: 200 })
}

interface Html {
  readonly html: string
  readonly policy: string
  readonly status: number
}

function sendHtml(response: ServerResponse, { html, policy, status }: Html): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  })
  response.end(html)
}
