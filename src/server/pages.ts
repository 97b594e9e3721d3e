import type { IncomingMessage, ServerResponse } from 'node:http'
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
const PLACES = /^\/(?:(?:executions|playbooks|playground|compare)(?:\/.*)?)?$/

let files: ConsoleFiles | null = null

/** Answers a request for the console: its page at any of its addresses, or one of its files. False when it is neither. */
export async function sendConsole(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean> {
  files ??= readConsoleFiles()
  if (path.startsWith('/assets/')) {
    const isGzipAccepted = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    return files.send(path, { response, isGzipAccepted })
  }
  if (!PLACES.test(path)) return false
  const { html, nonce } = files.page() ?? { html: NOT_BUILT, nonce: '' }
  sendHtml(response, { html, policy: consolePolicy(nonce) })
  return true
}

let graphiql: Promise<string> | null = null

/** GraphiQL for browsers that open `/graphql`: its 9 MB are loaded when first asked for, and need no network. */
export async function sendGraphiql(response: ServerResponse): Promise<void> {
  graphiql ??= import('@graphql-yoga/render-graphiql').then(({ renderGraphiQL }) =>
    String(renderGraphiQL({ title: 'Transient', endpoint: '/graphql', subscriptionsProtocol: 'WS' })),
  )
  sendHtml(response, { html: await graphiql, policy: GRAPHIQL_POLICY })
}

interface Html {
  readonly html: string
  readonly policy: string
}

function sendHtml(response: ServerResponse, { html, policy }: Html): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  })
  response.end(html)
}
