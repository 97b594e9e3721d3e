import type { ErrorCode } from '../core/errors.js'

/** How long one evaluation may take by the clock. */
export const MAX_CLOCK_MS = 1000

type FaultCode = Extract<ErrorCode, 'TEMPLATE_ERROR' | 'TEMPLATE_UNDEFINED' | 'TEMPLATE_FORBIDDEN'>

/** A fault inside the engine; `render` adds the expression, its position and the playbook path, and makes it a TransientError. */
export class TemplateFault extends Error {
  constructor(
    readonly code: FaultCode,
    message: string,
    readonly lineno: number | null = null,
    readonly colno: number | null = null,
    /** What the message may add: looked for only when it is shown, among thousands of names. */
    readonly suggestion: () => string = () => '',
  ) {
    super(message)
    this.name = 'TemplateFault'
  }
}

/**
 * The clock stopped an evaluation that its budgets allow: the machine was busy, and the template may be innocent. No
 * TransientError, so that it is not a step's error: whoever evaluates rolls back and tries once more.
 */
export class EvaluationTimeout extends Error {
  constructor() {
    super(`a template took more than ${MAX_CLOCK_MS} ms`)
    this.name = 'EvaluationTimeout'
  }
}

/** Ends the evaluation with TEMPLATE_ERROR. */
export function fail(message: string): never {
  throw new TemplateFault('TEMPLATE_ERROR', message)
}

/** Ends the evaluation with TEMPLATE_FORBIDDEN: a limit is exhausted, or something that is closed to templates was asked for. */
export function forbid(message: string): never {
  throw new TemplateFault('TEMPLATE_FORBIDDEN', message)
}
