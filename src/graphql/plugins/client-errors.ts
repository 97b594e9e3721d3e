import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { ToClientError } from '../errors.js'

/** Gives the errors of results their codes, and hides what clients may not see. Those of subscriptions: `watch-groups.ts`. */
export function useClientErrors(toClientError: ToClientError): Plugin {
  return {
    onExecute: () => ({
      onExecuteDone({ result, setResult }) {
        if (isAsyncIterable(result) || !result.errors) return
        setResult({ ...result, errors: result.errors.map(toClientError) })
      },
    }),
  }
}
