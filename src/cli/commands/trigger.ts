import type { Command } from 'commander'
import { TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import {
  DeleteTriggerDocument,
  ListTriggersDocument,
  RotateTriggerSecretDocument,
  SetTriggerDocument,
  TriggerDeliveriesDocument,
  type TriggerFieldsFragment,
} from '../../sdk/generated/graphql.js'
import { type CommandContext, createContext, snakeKeys } from '../context.js'
import { parseCount, parseObject } from '../value.js'

const COLUMNS = ['name', 'url', 'path', 'preset', 'is_paused', 'last_delivery_at']
const DELIVERY_COLUMNS = ['received_at', 'outcome', 'execution_id', 'reason']
const KEEP = 'Keep it now: nobody can see it again. The sender signs its requests with it (docs/triggers.md).'

interface SetOptions {
  readonly preset?: string
  readonly playbookVersion?: string
  readonly workload?: string
  readonly signatureHeader?: string
  readonly idempotencyHeader?: string
  readonly secret?: string
  readonly paused: boolean
}

/** `trigger list|set|rotate|deliveries|delete` */
export function addTriggerCommands(program: Command): void {
  const trigger = program.command('trigger').description('requests from outside that start executions (docs/triggers.md)')
  trigger
    .command('list')
    .description('every trigger, by name')
    .action(async (_options, command: Command) => {
      const { client, printRows } = createContext(command)
      const { triggers } = await client.request(ListTriggersDocument, {})
      printRows(triggers.map(rowOf), COLUMNS)
    })
  trigger
    .command('set <name> <path>')
    .description('make a trigger, whose secret is printed once, or replace the one of that name')
    .option('--preset <sender>', 'GITHUB, STRIPE or SLACK')
    .option('--signature-header <name>', 'without a preset: the header with the HMAC-SHA256 of the body in hex')
    .option('--idempotency-header <name>', 'what a repetition is known by; by default the body')
    .option('--playbook-version <n>', 'by default the latest at that time')
    .option('--workload <json>', 'templates over body and headers: a JSON object, @file, or @- for stdin')
    .option('--secret <text>', 'the one that the sender has made; by default one is made')
    .option('--paused', 'it starts nothing', false)
    .action((name: string, path: string, options: SetOptions, command: Command) =>
      set(createContext(command), { name, path, options }),
    )
  trigger
    .command('rotate <name>')
    .description('a new secret; for a day the old one holds, too')
    .action(async (name: string, _options, command: Command) => {
      const context = createContext(command)
      showSecret(context, (await context.client.request(RotateTriggerSecretDocument, { name })).rotateTriggerSecret.secret)
    })
  trigger
    .command('deliveries <name>')
    .description('its last requests, newest first, and what came of each')
    .action(async (name: string, _options, command: Command) => {
      const { client, printRows } = createContext(command)
      const { triggers } = await client.request(TriggerDeliveriesDocument, {})
      const found = triggers.find((one) => one.name === name)
      if (!found) throw new TransientError('NOT_FOUND', `there is no trigger "${name}"`)
      printRows(
        found.deliveries.map((delivery) =>
          snakeKeys({ ...delivery, outcome: delivery.outcome.toLowerCase() } as unknown as JsonObject),
        ),
        DELIVERY_COLUMNS,
      )
    })
  trigger
    .command('delete <name>')
    .description('what it has started goes on')
    .action(async (name: string, _options, command: Command) => {
      const { client, say } = createContext(command)
      const { deleteTrigger } = await client.request(DeleteTriggerDocument, { name })
      if (!deleteTrigger) throw new TransientError('NOT_FOUND', `there is no trigger "${name}"`)
      say(`trigger "${name}" deleted`)
    })
}

function rowOf(trigger: TriggerFieldsFragment): JsonObject {
  return snakeKeys(trigger as unknown as JsonObject)
}

async function set(
  context: CommandContext,
  { name, path, options }: { name: string; path: string; options: SetOptions },
): Promise<void> {
  const { preset, playbookVersion, workload, signatureHeader, idempotencyHeader, secret, paused } = options
  const { setTrigger } = await context.client.request(SetTriggerDocument, {
    input: {
      ...{ name, path, isPaused: paused, preset: preset ?? null, secret: secret ?? null },
      ...{ signatureHeader: signatureHeader ?? null, idempotencyHeader: idempotencyHeader ?? null },
      version: playbookVersion === undefined ? null : parseCount(playbookVersion, '--playbook-version'),
      workload: workload === undefined ? null : parseObject(workload, '--workload'),
    },
  })
  context.say(`requests to ${setTrigger.trigger.url} start "${path}"`)
  if (setTrigger.secret !== '' && secret === undefined) showSecret(context, setTrigger.secret)
}

function showSecret({ print, say }: CommandContext, secret: string): void {
  print(secret)
  say(KEEP)
}
