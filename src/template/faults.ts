import type { ErrorCode } from '../core/errors.js'

type FaultCode = Extract<ErrorCode, 'TEMPLATE_ERROR' | 'TEMPLATE_UNDEFINED' | 'TEMPLATE_FORBIDDEN'>

/** A fault inside the engine; `render` adds the expression, its position and the playbook path, and makes it a TransientError. */
export class TemplateFault extends Error {
  constructor(
    readonly code: FaultCode,
    message: string,
    readonly lineno: number | null = null,
    readonly colno: number | null = null,
  ) {
    super(message)
    this.name = 'TemplateFault'
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
