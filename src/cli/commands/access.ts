import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { TransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import type { JsonObject } from '../../core/json.js'
import { ROLES } from '../../core/principal.js'
import { parseTime } from '../../core/time.js'
import {
  type ApiKeyFieldsFragment,
  AuditDocument,
  type AuditQuery,
  CreateApiKeyDocument,
  ListApiKeysDocument,
  MeDocument,
  RevokeApiKeyDocument,
  type Role,
  RotateEncryptionDocument,
} from '../../sdk/generated/graphql.js'
import { type CommandContext, createContext, snakeKeys } from '../context.js'
import { UsageError } from '../exit.js'
import { parseCount, parseWord } from '../value.js'

const KEY_COLUMNS = ['id', 'name', 'role', 'created_at', 'created_by', 'expires_at', 'last_used_at', 'revoked_at']
const AUDIT_COLUMNS = ['occurred_at', 'actor', 'action', 'execution_id', 'subject', 'count', 'key_id']
const PAGE = 250
const DAY_MS = 86_400_000
const RETRY_MS = 200
const ROTATED_AT_ONCE = 1_000
/** So often is something left before a rotation gives up: ten seconds, while a writer holds a value for milliseconds. */
const MAX_LEFTOVERS = 50

interface CreateOptions {
  readonly role: string
  readonly expires?: string
}

interface AuditOptions {
  readonly execution?: string
  readonly actor?: string
  readonly action?: string
  readonly since?: string
  readonly until?: string
  readonly first: string
}

/** `whoami`, `key create|list|revoke` and `audit list` */
export function addAccessCommands(program: Command): void {
  program
    .command('whoami')
    .description('who you are to the server, and what you may do there')
    .action((_options, command: Command) => showMe(createContext(command)))

  const key = program.command('key').description('make and revoke the keys that callers show')
  key
    .command('create <name>')
    .description('a new key, printed once; two of a name may live at once, so that one can follow the other')
    .addOption(
      new Option(
        '--role <role>',
        `${ROLES.join(', ')}. An author may register playbooks: that is running code`,
      ).makeOptionMandatory(),
    )
    .option('--expires <when>', 'a time (2027-01-31T00:00:00Z) or a number of days (90d); by default it does not')
    .action((name: string, options: CreateOptions, command: Command) => createKey(createContext(command), name, options))
  key
    .command('list')
    .description('every key, also those that were revoked; never their secrets')
    .action((_options, command: Command) => listKeys(createContext(command)))
  key
    .command('revoke <id>')
    .description('end a key within seconds, on every process, with all that is open under it')
    .option('--reopen', 'also the last key: without one, whoever reaches the server over loopback is admin', false)
    .action((id: string, { reopen }: { reopen: boolean }, command: Command) => revokeKey(createContext(command), id, reopen))

  key
    .command('rotate [id]')
    .description('encrypt all sensitive values with the first of the ENCRYPTION_KEYS; refuses when it is not the one named')
    .action((id: string | undefined, _options, command: Command) => rotateKeys(createContext(command), id ?? null))

  const audit = program.command('audit').description('who did what')
  audit
    .command('list')
    .description('newest first')
    .option('--execution <execution>', 'about one execution')
    .option('--actor <actor>', 'by one caller: api:<key name>, jwt:<subject> or step:<name>')
    .option('--action <action>', 'execution.started, variables.written, key.created, …')
    .option('--since <time>', 'from this time on')
    .option('--until <time>', 'before this time')
    .option('--first <n>', 'how many', '50')
    .action((options: AuditOptions, command: Command) => listAudit(createContext(command), options))
}

async function showMe({ client, printOne }: CommandContext): Promise<void> {
  const { me } = await client.request(MeDocument, {})
  const rights = me.rights.map((right) => right.toLowerCase())
  printOne({ ...snakeKeys(me), role: me.role.toLowerCase(), rights })
}

async function createKey(
  { client, format, print, printOne, say }: CommandContext,
  name: string,
  options: CreateOptions,
): Promise<void> {
  const role = parseWord(options.role, ROLES, '--role').toUpperCase() as Role
  const expiresAt = options.expires === undefined ? null : expiryOf(options.expires)
  const { createApiKey } = await client.request(CreateApiKeyDocument, { input: { name, role, expiresAt } })
  const { key, secret, closesServer } = createApiKey
  if (format === 'table') print(secret)
  else printOne({ ...keyRow(key), secret, closes_server: closesServer })
  say(
    `Keep it now: nobody can see it again. Callers show it as "Authorization: Bearer <key>", the command line as TRANSIENT_KEY.`,
  )
  if (role === 'AUTHOR' || role === 'ADMIN')
    say(`With this role one may register playbooks, and so run code on the server and its workers.`)
  if (closesServer) say(`This is the first credential: from now on every caller needs one, from wherever it calls.`)
}

async function listKeys({ client, printRows }: CommandContext): Promise<void> {
  const { apiKeys } = await client.request(ListApiKeysDocument, {})
  printRows(apiKeys.map(keyRow), KEY_COLUMNS)
}

async function revokeKey({ client, format, say, printOne }: CommandContext, id: string, reopen: boolean): Promise<void> {
  const { revokeApiKey: key } = await client.request(RevokeApiKeyDocument, { id: idOf(id), reopen })
  if (format === 'table') say(`key ${key.id} of ${key.name} is revoked: what is open under it ends within seconds`)
  else printOne(keyRow(key))
}

/**
 * In parts, so that it can be broken off and begun again at any time. What a part of less than its limit leaves is held by a writer at
 * the moment, or new: where a process seals with another key, there would be no end.
 */
async function rotateKeys({ client, format, say, printOne }: CommandContext, to: string | null): Promise<void> {
  let total = 0
  for (let leftovers = 0; leftovers < MAX_LEFTOVERS; ) {
    const { rotateEncryption } = await client.request(RotateEncryptionDocument, { to, limit: ROTATED_AT_ONCE })
    const { keyId, rotated, done, lostKeys } = rotateEncryption
    total += rotated
    if (!done) {
      if (format === 'table') say(`${total} values so far`)
      if (rotated === ROTATED_AT_ONCE) continue
      leftovers += 1
      await sleep(RETRY_MS)
      continue
    }
    if (format === 'table')
      say(`${total} values were re-encrypted with the key "${keyId}"; no other key of this server is in use`)
    else printOne({ key_id: keyId, rotated: total, lost_keys: [...lostKeys] })
    if (lostKeys.length === 0) return
    throw new TransientError('INTERNAL', `values remain under keys that the server does not have: ${lostKeys.join(', ')}`)
  }
  throw new TransientError(
    'CONFLICT',
    `${total} values were re-encrypted, but others stay under another key: a transaction holds them, or a process has another first key in ENCRYPTION_KEYS; restart that with the new one first, then run this again`,
  )
}

async function listAudit({ client, printRows }: CommandContext, options: AuditOptions): Promise<void> {
  const filter = {
    executionId: options.execution === undefined ? null : parseExecutionId(options.execution, '--execution'),
    actor: options.actor ?? null,
    action: options.action ?? null,
    since: options.since === undefined ? null : timeOf(options.since, '--since'),
    until: options.until === undefined ? null : timeOf(options.until, '--until'),
  }
  const wanted = parseCount(options.first, '--first')
  const entries: AuditQuery['audit']['nodes'][number][] = []
  let after: string | null = null
  do {
    const first = Math.min(PAGE, wanted - entries.length)
    const { audit }: AuditQuery = await client.request(AuditDocument, { filter, first, after })
    entries.push(...audit.nodes)
    after = audit.pageInfo.hasNextPage ? audit.pageInfo.endCursor : null
  } while (after !== null && entries.length < wanted)
  printRows(entries.map(snakeKeys), AUDIT_COLUMNS)
}

function keyRow(key: ApiKeyFieldsFragment): JsonObject {
  return { ...snakeKeys(key), role: key.role.toLowerCase() }
}

/** A whole key is taken, too: it names its id, and its secret shall not travel. */
function idOf(text: string): string {
  return /^tr_([a-z0-9]{12})_/.exec(text)?.[1] ?? text
}

function expiryOf(text: string): string {
  const days = /^(\d{1,5})d$/.exec(text)?.[1]
  return days === undefined ? timeOf(text, '--expires') : new Date(Date.now() + Number(days) * DAY_MS).toISOString()
}

function timeOf(text: string, option: string): string {
  const time = parseTime(text)
  if (time !== null) return time.toISOString()
  throw new UsageError(`${option}: "${text}" is not a time like 2027-01-31T00:00:00Z`)
}
