import type { Command } from 'commander'
import { TransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import type { JsonObject } from '../../core/json.js'
import { VARIABLE_TYPES, WEBHOOK_EVENTS } from '../../core/status.js'
import {
  CreateWebhookDocument,
  DeleteWebhookDocument,
  FindWebhookDocument,
  ListWebhookDeliveriesDocument,
  type ListWebhookDeliveriesQuery,
  ListWebhooksDocument,
  PauseWebhookDocument,
  RedeliverDocument,
  ResumeWebhookDocument,
  RotateWebhookSecretDocument,
  TestWebhookDocument,
  type VariableType,
  type WebhookDeliveryFieldsFragment,
  type WebhookEvent,
  type WebhookFieldsFragment,
} from '../../sdk/generated/graphql.js'
import { type CommandContext, createContext, snakeKeys } from '../context.js'
import { EXIT, ExitError } from '../exit.js'
import { parseCount, parseList, parseWord } from '../value.js'

const COLUMNS = ['name', 'state', 'url', 'events', 'pending_count', 'oldest_pending_at', 'reason']
const DELIVERY_COLUMNS = [
  'execution_id',
  'delivered_revision',
  'pending_revision',
  'attempts',
  'next_attempt_at',
  'last_status',
  'last_error',
  'delivered_at',
]
const PAGE = 250
const KEEP = 'Keep it now: nobody can see it again. The receiver verifies requests with it, by any library of Standard Webhooks.'

interface AddOptions {
  readonly on: string
  readonly prefix?: string
  readonly names?: string
  readonly types?: string
  readonly exceptActors?: string
  readonly when?: string
}

/** `webhook add|list|pause|resume|test|deliveries|redeliver|rotate|delete` */
export function addWebhookCommands(program: Command): void {
  const webhook = program.command('webhook').description('who is told of changes (docs/webhooks.md)')
  webhook
    .command('add <name> <url>')
    .description('a new webhook; its secret is printed once')
    .option('--on <events>', `by comma: ${WEBHOOK_EVENTS.join(', ')}; "" for what playbooks ask for alone`, 'variables')
    .option('--prefix <path>', 'only executions of playbooks whose path begins so')
    .option('--names <names>', 'only these variables, by comma')
    .option('--types <types>', `only these types, by comma: ${VARIABLE_TYPES.join(', ')}`)
    .option('--except-actors <actors>', 'leave out changes by these, by comma: api:<key name>, step:<name>')
    .option('--when <condition>', 'only the changes with which it becomes true: "vars.progress >= 100"')
    .action((name: string, url: string, options: AddOptions, command: Command) =>
      add(createContext(command), { name, url, options }),
    )
  webhook
    .command('list')
    .description('every webhook, and how much it has not acknowledged')
    .action((_options, command: Command) => list(createContext(command)))
  webhook
    .command('pause <name>')
    .description('send nothing until it is resumed; what happens meanwhile is sent then')
    .action(async (name: string, _options, command: Command) => {
      const context = createContext(command)
      const { pauseWebhook } = await context.client.request(PauseWebhookDocument, { id: await idOf(context, name) })
      show(context, pauseWebhook)
    })
  webhook
    .command('resume <name>')
    .description('send again, what waits first')
    .action(async (name: string, _options, command: Command) => {
      const context = createContext(command)
      const { resumeWebhook } = await context.client.request(ResumeWebhookDocument, { id: await idOf(context, name) })
      show(context, resumeWebhook)
    })
  webhook
    .command('test <name>')
    .description('send one event webhook.test now; ends with 1 when it is not acknowledged')
    .action((name: string, _options, command: Command) => test(createContext(command), name))
  webhook
    .command('deliveries <name>')
    .description('how far it has got with each execution, the youngest first')
    .option('--failed', 'only those whose last request failed', false)
    .option('--first <n>', 'how many', '50')
    .action((name: string, options: { failed: boolean; first: string }, command: Command) =>
      deliveries(createContext(command), name, options),
    )
  webhook
    .command('redeliver <name> <execution>')
    .description('send what happened from a revision on again')
    .requiredOption('--from <revision>', 'the first revision')
    .action((name: string, execution: string, { from }: { from: string }, command: Command) =>
      redeliver(createContext(command), { name, execution, from }),
    )
  webhook
    .command('rotate <name>')
    .description('a new secret; for a day requests are signed with the old one, too')
    .action((name: string, _options, command: Command) => rotate(createContext(command), name))
  webhook
    .command('delete <name>')
    .description('forget it, with all that waits for it')
    .action((name: string, _options, command: Command) => remove(createContext(command), name))
}

async function idOf({ client }: CommandContext, name: string): Promise<string> {
  const { webhook } = await client.request(FindWebhookDocument, { name })
  if (webhook) return webhook.id
  throw new TransientError('NOT_FOUND', `there is no webhook "${name}"`)
}

interface Adding {
  readonly name: string
  readonly url: string
  readonly options: AddOptions
}

async function add(context: CommandContext, { name, url, options }: Adding): Promise<void> {
  const { on, prefix, names, types, exceptActors, when } = options
  const events = parseList(on).map((event) => eventOf(event))
  const input = {
    ...{ name, url, events, pathPrefix: prefix ?? null, when: when ?? null },
    names: names === undefined ? null : parseList(names),
    types:
      types === undefined
        ? null
        : parseList(types).map((type) => parseWord(type, VARIABLE_TYPES, '--types').toUpperCase() as VariableType),
    exceptActors: exceptActors === undefined ? null : parseList(exceptActors),
  }
  const { createWebhook } = await context.client.request(CreateWebhookDocument, { input })
  showSecret(context, createWebhook)
}

function eventOf(text: string): WebhookEvent {
  return parseWord(text, WEBHOOK_EVENTS, '--on').toUpperCase().replace('.', '_') as WebhookEvent
}

function showSecret(
  { format, print, printOne, say }: CommandContext,
  { webhook, secret }: { readonly webhook: WebhookFieldsFragment; readonly secret: string },
): void {
  if (format === 'table') print(secret)
  else printOne({ ...webhookRow(webhook), secret })
  say(KEEP)
}

async function list({ client, printRows }: CommandContext): Promise<void> {
  const { webhooks } = await client.request(ListWebhooksDocument, {})
  printRows(webhooks.map(webhookRow), COLUMNS)
}

function show({ format, say, printOne }: CommandContext, webhook: WebhookFieldsFragment): void {
  if (format === 'table') say(`webhook ${webhook.name} is ${webhook.state.toLowerCase()}`)
  else printOne(webhookRow(webhook))
}

async function test(context: CommandContext, name: string): Promise<void> {
  const { testWebhook } = await context.client.request(TestWebhookDocument, { id: await idOf(context, name) })
  const { delivered, status, error } = testWebhook
  if (context.format !== 'table') context.printOne({ delivered, status, error })
  else if (delivered) context.say(`${name} acknowledged it with ${status}`)
  if (!delivered) throw new ExitError(EXIT.other, `${name} did not acknowledge it: ${error}`)
}

async function deliveries(
  { client, printRows }: CommandContext,
  name: string,
  { failed, first }: { readonly failed: boolean; readonly first: string },
): Promise<void> {
  const wanted = parseCount(first, '--first')
  const rows: WebhookDeliveryFieldsFragment[] = []
  let after: string | null = null
  do {
    const { webhook }: ListWebhookDeliveriesQuery = await client.request(ListWebhookDeliveriesDocument, {
      ...{ name, after, failedOnly: failed },
      first: Math.min(PAGE, wanted - rows.length),
    })
    if (!webhook) throw new TransientError('NOT_FOUND', `there is no webhook "${name}"`)
    rows.push(...webhook.deliveries.nodes)
    after = webhook.deliveries.pageInfo.hasNextPage ? webhook.deliveries.pageInfo.endCursor : null
  } while (after !== null && rows.length < wanted)
  printRows(rows.map(snakeKeys), DELIVERY_COLUMNS)
}

interface Redelivering {
  readonly name: string
  readonly execution: string
  readonly from: string
}

async function redeliver(context: CommandContext, { name, execution, from }: Redelivering): Promise<void> {
  const executionId = parseExecutionId(execution, 'execution')
  const fromRevision = parseCount(from, '--from')
  const webhookId = await idOf(context, name)
  const { redeliver: delivery } = await context.client.request(RedeliverDocument, { webhookId, executionId, fromRevision })
  if (context.format === 'table') context.say(`${name} is sent execution ${execution} from revision ${from} on again`)
  else context.printOne(snakeKeys(delivery))
}

async function rotate(context: CommandContext, name: string): Promise<void> {
  const { rotateWebhookSecret } = await context.client.request(RotateWebhookSecretDocument, { id: await idOf(context, name) })
  showSecret(context, rotateWebhookSecret)
}

async function remove(context: CommandContext, name: string): Promise<void> {
  await context.client.request(DeleteWebhookDocument, { id: await idOf(context, name) })
  context.say(`webhook ${name} is deleted`)
}

function webhookRow(webhook: WebhookFieldsFragment): JsonObject {
  const events = webhook.events.map((event) => event.toLowerCase().replace('_', '.'))
  const types = webhook.types?.map((type) => type.toLowerCase()) ?? null
  return { ...snakeKeys(webhook), state: webhook.state.toLowerCase(), events, types }
}
