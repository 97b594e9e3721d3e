import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { renderPage } from '../console/page.js'

const STRICT =
  "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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

/** The page at `/`. */
export function sendConsole(response: ServerResponse, url: string): void {
  const nonce = randomBytes(16).toString('base64')
  const policy = `${STRICT}; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'`
  sendHtml(response, { html: renderPage({ nonce, url }), policy })
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
