import { TransientError } from '../../core/errors.js'
import type { Hint, TaskRef } from '../bus.js'

/** What the bus calls its stream and its subjects. */
export interface Names {
  readonly stream: string
  /** Every task of every pool. */
  readonly allTasks: string
  /** The tasks of one pool. */
  readonly tasksOf: (pool: string) => string
  readonly task: (task: Pick<TaskRef, 'id' | 'pool'>) => string
  /** A task, whatever its pool. */
  readonly taskInAnyPool: (taskId: string) => string
  /** The reverse of `task`. */
  readonly readTask: (subject: string) => { readonly id: string; readonly pool: string }
  /** That a task was withdrawn; of all with `*`. */
  readonly withdrawn: (taskId: string) => string
  /** The reverse of `withdrawn`. */
  readonly readWithdrawn: (subject: string) => string
  /** Hints of one execution, or of all with `*`. */
  readonly hint: (executionId: string) => string
  readonly readHint: (subject: string, body: string) => Hint
}

const TOKEN = /^[A-Za-z0-9_-]{1,200}$/

/** @throws TransientError VALIDATION when the text is no single token of a subject */
export function checkToken(text: string, field: string): string {
  if (TOKEN.test(text)) return text
  throw new TransientError('VALIDATION', `${field}: "${text.slice(0, 60)}" may hold letters, digits, _ and - only`, {
    details: { field },
  })
}

/** Stream `STEPS` with a subject for each task, `task.<pool>.<taskId>`; a prefix keeps installations on one NATS apart. */
export function createNames(prefix: string): Names {
  const under = prefix === '' ? '' : `${checkToken(prefix, 'prefix')}.`
  const task = (pool: string, id: string) => `${under}task.${pool}.${id}`
  return {
    stream: prefix === '' ? 'STEPS' : `${prefix}_STEPS`,
    allTasks: task('*', '*'),
    tasksOf: (pool) => task(checkToken(pool, 'pool'), '*'),
    task: ({ id, pool }) => task(checkToken(pool, 'pool'), checkToken(id, 'taskId')),
    taskInAnyPool: (taskId) => task('*', checkToken(taskId, 'taskId')),
    readTask(subject) {
      const [pool = '', id = ''] = subject.slice(`${under}task.`.length).split('.')
      return { id, pool }
    },
    withdrawn: (taskId) => `${under}withdrawn.${taskId === '*' ? '*' : checkToken(taskId, 'taskId')}`,
    readWithdrawn: (subject) => subject.slice(`${under}withdrawn.`.length),
    hint: (executionId) => `${under}hint.${executionId === '*' ? '*' : checkToken(executionId, 'executionId')}`,
    readHint(subject, body) {
      const [revision, eventSeq] = body.split(' ').map(Number)
      return { executionId: subject.slice(`${under}hint.`.length), revision: revision ?? 0, eventSeq: eventSeq ?? 0 }
    },
  }
}
