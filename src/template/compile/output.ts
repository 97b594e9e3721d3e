import { chargeText, type Run } from '../run.js'
import type { Evaluate, Output, Print } from './environment.js'

/** Adds text to the output, charged before. */
export function append(run: Run, output: Output, text: string): void {
  chargeText(run, text.length)
  output.text += text
}

/** What a body prints, as a value. */
export function captured(print: Print): Evaluate {
  return (run) => {
    const output = { text: '' }
    scoped(print)(run, output)
    return output.text
  }
}

/** Runs with a scope of its own. */
export function scoped(print: Print): Print {
  return (run, output) => {
    const outer = run.scope
    run.scope = { values: new Map(), parent: outer }
    try {
      print(run, output)
    } finally {
      run.scope = outer
    }
  }
}
