import type { Context, Hono, MiddlewareHandler } from 'hono'
import { NONCE, type SecureHeadersVariables, secureHeaders } from 'hono/secure-headers'
import type { TransientError } from '../core/errors.js'
import type { RestEnv } from '../rest/context.js'
import { type ConsoleFiles, readConsoleFiles } from './console-files.js'

/** Whether TLS is spoken is for a proxy to know. */
const HEADERS = { strictTransportSecurity: false, referrerPolicy: 'no-referrer' } as const
const SELF = "'self'"
const NONE = ["'none'"]
const POLICY = { imgSrc: [SELF, 'data:'], baseUri: NONE, frameAncestors: NONE }

// Scripts come from the console's own files only. Styles too, except for the few that its libraries make at run time: these
// carry the nonce of the page.
const consoleHeaders = secureHeaders({
  ...HEADERS,
  overwrite: false,
  contentSecurityPolicy: {
    ...{ defaultSrc: NONE, scriptSrc: [SELF], styleSrc: [SELF, NONCE], connectSrc: [SELF], formAction: NONE },
    ...POLICY,
  },
})

/** GraphiQL comes whole from its package, scripts and workers inline; nothing of it depends on a request. */
export const graphiqlHeaders: MiddlewareHandler = secureHeaders({
  ...HEADERS,
  contentSecurityPolicy: {
    ...{ defaultSrc: [SELF], scriptSrc: [SELF, "'unsafe-inline'", "'unsafe-eval'", 'blob:'] },
    ...{ styleSrc: [SELF, "'unsafe-inline'"], fontSrc: [SELF, 'data:'], workerSrc: ['blob:'], connectSrc: [SELF, 'blob:'] },
    ...POLICY,
  },
})

const NOT_BUILT = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Transient</title></head>
<body><h1>Transient</h1><p>The console is not built: run <code>npm ci</code> and <code>npm run build</code>, then start again.</p>
<p>The API is at <a href="/graphql">/graphql</a> and /api.</p></body></html>
`

/** The addresses that the console shows something at; its other paths are files. */
const PAGE_PATHS = /^\/(?:(?:executions|playbooks|globals|schedules|inbox|playground|compare|explorer)(?:\/.*)?)?$/
/** What programs ask for: whoever opens it in a browser sees what they would get. */
const FOR_PROGRAMS = /^\/(?:api|metrics|health|assets)(?:\/|$)/

let files: ConsoleFiles | null = null

/** The console: its page at any of its addresses, and its files. */
export function addPages(app: Hono<RestEnv>): void {
  app.get('/assets/*', async ({ req }, next) => {
    files ??= readConsoleFiles()
    return (await files.asset(req.path, /\bgzip\b/.test(req.header('accept-encoding') ?? ''))) ?? next()
  })
  app.get('*', (context, next) => (PAGE_PATHS.test(context.req.path) ? consolePage(context, 200) : next()))
}

/** Headers of everything that people see: which scripts run in it, and who may frame it. */
export const pageHeaders: MiddlewareHandler = (context, next) => {
  const { path } = context.req
  const isSeen = isRead(context) && (PAGE_PATHS.test(path) || path.startsWith('/assets/'))
  return isSeen || isPageWanted(context) ? consoleHeaders(context, next) : next()
}

async function consolePage(context: Context, status: number): Promise<Response> {
  files ??= readConsoleFiles()
  const { secureHeadersNonce = '' } = context.var as SecureHeadersVariables
  return html(files.page(secureHeadersNonce) ?? NOT_BUILT, status)
}

function isRead({ req: { method } }: Context): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Whether somebody has opened an address in a browser that no program asks for: then the response is for people. */
export function isPageWanted(context: Context): boolean {
  const { req } = context
  return isRead(context) && !FOR_PROGRAMS.test(req.path) && (req.header('accept')?.includes('text/html') ?? false)
}

/** Says in a page why there is none. Of an address that does not exist the console says so, with the way to those that do. */
export async function refusalPage(context: Context, { code, status, message }: TransientError): Promise<Response> {
  if (code === 'NOT_FOUND') return consolePage(context, status)
  // A server that starts, or has too much to do, is asked again by the page itself.
  const again = code === 'OVERLOADED' ? '<meta http-equiv="refresh" content="2">' : ''
  const text = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Transient</title>${again}</head>
<body><h1>Transient</h1><p>${escapeHtml(message)}.</p></body></html>
`
  return html(text, status)
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function html(text: string, status: number): Response {
  return new Response(text, { status, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' } })
}
