/** One task that waits or runs; ids only, never payloads. */
export interface TaskRef {
  /** `<execution>-<run>-<attempt>` */
  readonly id: string
  readonly executionId: string
  readonly pool: string
}

export interface ConsumeOptions {
  /** Tasks handled at once. */
  readonly concurrency: number
}

export interface Hint {
  readonly executionId: string
  readonly revision: number
  readonly eventSeq: number
}

export interface BusHealth {
  readonly isHealthy: boolean
  readonly detail: string
}

export type Stop = () => Promise<void>
export type Unsubscribe = () => void

/** The engine's port (architecture.md, "The engine"). Its data may be lost entirely: the relay makes it again from the database. */
export interface StepBus {
  /** Idempotent: "this task is waiting". */
  ensure(task: TaskRef): Promise<void>
  /** Offers waiting tasks of a pool to a handler, `concurrency` at a time. A handler that rejects leaves the task to the relay. */
  consume(pool: string, options: ConsumeOptions, handler: (task: TaskRef) => Promise<void>): Stop
  /** The task is offered to nobody any more, and other processes are told at once: one of them may be running it. */
  withdraw(taskId: string): Promise<void>
  /** Told of tasks that another process withdrew. Lossy, like a hint, and no proof: the database knows who holds what. */
  onWithdrawn(listener: (taskId: string) => void): Unsubscribe
  /** A lossy wake-up after a commit. */
  hint(hint: Hint): void
  onHint(executionId: string | '*', listener: (hint: Hint) => void): Unsubscribe
  health(): Promise<BusHealth>
  close(): Promise<void>
}
