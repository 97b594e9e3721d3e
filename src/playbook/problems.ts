import type { Problem, ProblemSeverity } from './model.js'

const MAX_PROBLEMS = 200
/** Errors kept until all are sorted by position. */
const MAX_KEPT = 2000

export interface Finding {
  readonly message: string
  /** `workflow[2].vars.total`; empty for the document. */
  readonly path: string
  /** Characters from the start of the source. */
  readonly offset: number
  readonly severity?: ProblemSeverity
}

/** Collects everything wrong with one source. */
export interface ProblemLog {
  add(finding: Finding): void
  hasErrors(): boolean
  errorCount(): number
  /** How many were found, for work that is not worth doing for every one of very many. */
  count(): number
  /** Counts from 1. */
  lineOf(offset: number): number
  positionOf(offset: number): { readonly line: number; readonly column: number }
  /** By position; the same fault is said once. */
  list(): Problem[]
}

/** Problems of a source, their offsets turned into lines and columns that count from 1. */
export function createProblemLog(source: string): ProblemLog {
  const lineStarts = findLineStarts(source)
  const problems = new Map<string, Problem>()
  let errors = 0
  let found = 0
  return {
    add({ message, path, offset, severity = 'error' }) {
      if (severity === 'error') errors += 1
      found += 1
      if (problems.size >= (severity === 'error' ? MAX_KEPT : MAX_PROBLEMS)) return
      const position = positionOf(lineStarts, Math.min(Math.max(offset, 0), source.length))
      const problem = { severity, message, path, ...position }
      problems.set(`${position.line}:${position.column}:${message}`, problem)
    },
    hasErrors: () => errors > 0,
    errorCount: () => errors,
    count: () => found,
    lineOf: (offset) => positionOf(lineStarts, offset).line,
    positionOf: (offset) => positionOf(lineStarts, offset),
    list: () => cap([...problems.values()].sort((left, right) => left.line - right.line || left.column - right.column)),
  }
}

function cap(problems: Problem[]): Problem[] {
  const rest = problems.length - MAX_PROBLEMS
  const last = problems[MAX_PROBLEMS]
  if (rest <= 0 || !last) return problems
  return [
    ...problems.slice(0, MAX_PROBLEMS),
    { ...last, severity: 'error', message: `... and ${rest} further problems from here on` },
  ]
}

function findLineStarts(source: string): number[] {
  const starts = [0]
  for (let at = source.indexOf('\n'); at !== -1; at = source.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function positionOf(lineStarts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0
  let high = lineStarts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((lineStarts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (lineStarts[low] ?? 0) + 1 }
}
