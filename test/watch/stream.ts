/** `WATCH_SPACE=1 npm run test:watch` runs the same suite on spaces, each named after the execution whose place it takes. */
const isSpace = process.env['WATCH_SPACE'] === '1'

/** How a request over GraphQL names whose variables it is about. */
export function keyOf(executionId: string): { readonly executionId: string } | { readonly space: string } {
  return isSpace ? { space: `watch/${executionId}` } : { executionId }
}

/** The path of its variables in the REST API. */
export function pathOf(executionId: string): string {
  return isSpace ? `/api/globals/${encodeURIComponent(`watch/${executionId}`)}` : `/api/vars/${executionId}`
}
