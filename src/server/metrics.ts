import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Database } from '../db/database.js'
import type { OrchestratorObserver } from '../orchestrator/dependencies.js'
import type { ScheduleObserver } from '../schedules/scheduler.js'
import { untilNext } from '../schedules/store.js'
import { countOpenTasks } from '../tasks/store.js'
import type { VariablesService } from '../variables/service.js'
import type { ReceiverOptions } from '../webhooks/inbound/receiver.js'
import type { WebhookObserver } from '../webhooks/sender.js'
import { countPending } from '../webhooks/store.js'

export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  readonly observer: OrchestratorObserver
  readonly webhooks: WebhookObserver
  readonly schedules: ScheduleObserver
  readonly triggers: NonNullable<ReceiverOptions['observer']>
  /** The same service, counting what it does. */
  watched(variables: VariablesService): VariablesService
}

/** The figures of this process for Prometheus. */
export function createMetrics(db: Database): Metrics {
  const registry = new Registry()
  const registers = [registry]
  // The lag of the event loop is among the defaults.
  collectDefaultMetrics({ register: registry })
  const writes = new Counter({
    name: 'transient_variable_writes_total',
    help: 'Change sets written, by who wrote (api or step) and outcome',
    labelNames: ['writer', 'outcome'],
    registers,
  })
  const reads = new Counter({ name: 'transient_variable_reads_total', help: 'Single reads, which count', registers })
  const watchers = new Gauge({ name: 'transient_variable_watchers', help: 'Open watches of variables', registers })
  const steps = new Histogram({
    name: 'transient_step_duration_seconds',
    help: 'Duration of attempts, by tool kind and status',
    labelNames: ['kind', 'status'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300],
    registers,
  })
  const ended = new Counter({
    name: 'transient_steps_total',
    help: 'Visits and iterations that are over, wherever they ran, by tool kind and outcome',
    labelNames: ['kind', 'outcome'],
    registers,
  })
  const executions = new Counter({
    name: 'transient_executions_total',
    help: 'Executions that ended, by status',
    labelNames: ['status'],
    registers,
  })
  new Gauge({
    name: 'transient_open_tasks',
    help: 'Tasks that wait or run, by pool',
    labelNames: ['pool'],
    registers,
    async collect() {
      this.reset()
      for (const { pool, count } of await countOpenTasks(db)) this.set({ pool }, count)
    },
  })
  new Gauge({
    name: 'transient_task_lag_seconds',
    help: 'How long the oldest due task that no worker has claimed has waited, by pool',
    labelNames: ['pool'],
    registers,
    async collect() {
      this.reset()
      for (const { pool, lagSeconds } of await countOpenTasks(db)) this.set({ pool }, lagSeconds)
    },
  })

  const sent = new Counter({
    name: 'transient_webhook_deliveries_total',
    help: 'Requests to webhooks, by outcome (delivered, failed or given_up)',
    labelNames: ['outcome'],
    registers,
  })
  const received = new Counter({
    name: 'transient_trigger_requests_total',
    help: 'Requests to triggers, by outcome (started, repeated, refused or answered)',
    labelNames: ['outcome'],
    registers,
  })
  const instants = new Counter({
    name: 'transient_schedule_instants_total',
    help: 'Instants of schedules that this process dealt with, by outcome (started, skipped by overlap, or paused: it could not be started)',
    labelNames: ['outcome'],
    registers,
  })
  new Gauge({
    name: 'transient_schedule_lag_seconds',
    help: 'How long the oldest instant that is due and that no process has dealt with has waited',
    registers,
    async collect() {
      this.set(Math.max(0, -((await untilNext(db)) ?? 0) / 1000))
    },
  })
  const oldest = new Gauge({
    name: 'transient_webhook_oldest_pending_seconds',
    help: 'How long the oldest change that no webhook has acknowledged has waited',
    registers,
  })
  new Gauge({
    name: 'transient_webhook_pending',
    help: 'Executions that have something a webhook has not acknowledged, by webhook counted',
    registers,
    async collect() {
      const { count, oldestAt } = await countPending(db)
      this.set(count)
      oldest.set(oldestAt === null ? 0 : Math.max(0, (Date.now() - oldestAt.getTime()) / 1000))
    },
  })

  function watched(variables: VariablesService): VariablesService {
    return {
      ...variables,
      async read(executionId, name) {
        reads.inc()
        return variables.read(executionId, name)
      },
      async write(request) {
        try {
          const result = await variables.write(request)
          const isChanged = result.outcomes.some((outcome) => outcome.isChanged)
          writes.inc({ writer: 'api', outcome: isChanged ? 'changed' : 'unchanged' })
          return result
        } catch (error) {
          writes.inc({ writer: 'api', outcome: 'refused' })
          throw error
        }
      },
      async *watch(request) {
        watchers.inc()
        try {
          yield* variables.watch(request)
        } finally {
          watchers.dec()
        }
      },
    }
  }

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observer: {
      attemptEnded: ({ kind, status, seconds }) => steps.observe({ kind, status }, seconds),
      stepEnded: ({ kind, outcome }) => ended.inc({ kind, outcome }),
      executionEnded: (status) => executions.inc({ status }),
      changeSetWritten: () => writes.inc({ writer: 'step', outcome: 'changed' }),
    },
    webhooks: { webhookSent: (outcome) => sent.inc({ outcome }) },
    schedules: { instantEnded: (outcome) => instants.inc({ outcome }) },
    triggers: { triggerReceived: (outcome) => received.inc({ outcome }) },
    watched,
  }
}
