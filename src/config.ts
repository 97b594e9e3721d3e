import { type EncryptionKeySetting, encryptionKeys } from './config/encryption.js'
import { type JwtConfig, jwtConfig } from './config/jwt.js'
import { createReader, type Environment, listOf, type Reader, type Setting } from './config/reader.js'
import { SETTINGS } from './config/settings.js'
import type { JsonValue } from './core/json.js'

/** Every setting of the service. Filled by `loadConfig(env)`, the only reader of process.env. */
export interface Config {
  readonly host: string
  readonly port: number
  readonly dataDir: string
  /** null: one that the server starts in `dataDir`. */
  readonly databaseUrl: string | null
  /** null: tasks are dispatched in process. */
  readonly natsUrl: string | null
  readonly natsPrefix: string
  readonly natsReplicas: number
  readonly adminKey: string | null
  /** A key with which one may work, and nothing else. */
  readonly workerKey: string | null
  /** Tokens of an identity provider; null: none are accepted. */
  readonly jwt: JwtConfig | null
  /** For sensitive values, the one that encrypts first; empty: there are none. */
  readonly encryptionKeys: readonly EncryptionKeySetting[]
  /** Pages of these origins may call, too. */
  readonly corsOrigins: readonly string[]
  /** Requests a second and caller; 0: no limit. */
  readonly rateLimit: number
  readonly auditDays: number
  readonly allowInsecure: boolean
  readonly allowHosts: readonly string[]
  /** Name to URL of the databases that postgres steps may use. */
  readonly connections: ReadonlyMap<string, string>
  readonly credentials: ReadonlyMap<string, JsonValue>
  readonly templateEnv: readonly string[]
  /** The values of the variables that `templateEnv` names: what templates see as `env`. */
  readonly templateEnvValues: Readonly<Record<string, string>>
  readonly python: string
  readonly pythonSandbox: PythonSandbox
  readonly pythonMemoryMib: number
  readonly historyLimit: number
  readonly retentionDays: number
  readonly stepLimit: number
  readonly stepTimeoutMs: number
  readonly childDepth: number
  readonly leaseMs: number
  readonly maxDeliveries: number
  /** Tasks that this process runs at once; 0 leaves them to workers over the API. */
  readonly concurrency: number
  readonly logLevel: string
}

export type { Setting } from './config/reader.js'
export { SETTINGS } from './config/settings.js'

/** All that is wrong with the settings, at once. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`The settings cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}

/**
 * Reads every setting.
 * @throws ConfigError with all faults together
 */
export function loadConfig(env: Environment = process.env): Config {
  const reader = createReader(env, SETTINGS)
  const { text, integer, seconds, list, flag } = reader
  const templateEnv = list('TEMPLATE_ENV')
  const config: Config = {
    host: text('HOST'),
    port: integer('PORT', 0, 65_535),
    dataDir: text('DATA_DIR'),
    databaseUrl: postgresUrl(reader),
    natsUrl: natsUrl(reader),
    natsPrefix: text('NATS_PREFIX'),
    natsReplicas: integer('NATS_REPLICAS', 1, 5),
    adminKey: reader.textOrFile('ADMIN_KEY') || null,
    workerKey: reader.textOrFile('WORKER_KEY') || null,
    jwt: jwtConfig(reader),
    encryptionKeys: encryptionKeys(reader),
    corsOrigins: origins(reader),
    rateLimit: integer('RATE_LIMIT', 0, 1_000_000),
    auditDays: integer('AUDIT_DAYS', 1, 36_500),
    allowInsecure: flag('ALLOW_INSECURE'),
    ...toolConfig(reader),
    templateEnv,
    templateEnvValues: Object.fromEntries(templateEnv.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    historyLimit: integer('HISTORY_LIMIT', 1, 1_000_000_000),
    retentionDays: integer('RETENTION_DAYS', 0, 36_500),
    stepLimit: integer('STEP_LIMIT', 1, 10_000_000),
    stepTimeoutMs: seconds('STEP_TIMEOUT', 86_400),
    childDepth: integer('CHILD_DEPTH', 0, 100),
    leaseMs: seconds('LEASE_SECONDS', 3_600),
    maxDeliveries: integer('MAX_DELIVERIES', 1, 1_000_000),
    concurrency: integer('CONCURRENCY', 0, 1_000),
    logLevel: text('LOG_LEVEL'),
  }
  checkTogether(config, reader.fault)
  if (reader.faults.length > 0) throw new ConfigError(reader.faults)
  return config
}

/** What several settings say together. */
function checkTogether(config: Config, fault: (message: string) => void): void {
  if (!LOG_LEVELS.includes(config.logLevel)) fault(`LOG_LEVEL: "${config.logLevel}" is none of ${LOG_LEVELS.join(', ')}`)
  checkKeys(config, fault)
  if (!/^[A-Za-z0-9_-]{0,50}$/.test(config.natsPrefix)) {
    fault('NATS_PREFIX: may hold letters, digits, _ and - only, at most 50')
  }
  if (!isLoopback(config.host) && !hasCredential(config) && !config.allowInsecure) {
    fault(
      `HOST: ${config.host} can be reached from other machines, and playbooks run code. Set ADMIN_KEY (or ADMIN_KEY_FILE) so that ` +
        'every caller needs a key, or HOST=127.0.0.1; ALLOW_INSECURE=1 listens without a key anyway',
    )
  }
  const own = config.databaseUrl === null ? null : databaseIdentity(config.databaseUrl)
  for (const [name, url] of config.connections) {
    if (own !== null && databaseIdentity(url) === own) {
      fault(`CONNECTIONS: "${name}" is the product's own database (DATABASE_URL); give postgres steps one of their own`)
    }
  }
}

function checkKeys(config: Config, fault: (message: string) => void): void {
  const { adminKey, workerKey } = config
  for (const [name, key] of Object.entries({ ADMIN_KEY: adminKey, WORKER_KEY: workerKey })) {
    if (key !== null && key.length < 16) fault(`${name}: a key needs at least 16 characters`)
  }
  if (workerKey === null) return
  if (workerKey === adminKey)
    fault('WORKER_KEY: it is ADMIN_KEY; workers run the code of playbooks, give them a key of their own')
  if (!hasCredential(config)) fault('WORKER_KEY: without ADMIN_KEY or JWT_* nobody but workers could call; set one of them, too')
}

/** Whether the settings hold a credential, so that every caller needs one. Keys of the database come on top. */
export function hasCredential({ adminKey, jwt }: Pick<Config, 'adminKey' | 'jwt'>): boolean {
  return adminKey !== null || jwt !== null
}

function origins(reader: Reader): string[] {
  const given = reader.list('CORS_ORIGINS')
  for (const origin of given) {
    const isOrigin = /^https?:\/\//.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin
    if (!isOrigin)
      reader.fault(`CORS_ORIGINS: "${origin}" is not an origin like https://console.example (scheme, host and port only)`)
  }
  return given
}

function postgresUrl(reader: Reader): string | null {
  const url = reader.textOrFile('DATABASE_URL')
  if (url === '') return null
  if (databaseIdentity(url) === null) reader.fault('DATABASE_URL: not a postgresql:// URL')
  return url
}

function natsUrl(reader: Reader): string | null {
  const urls = listOf(reader.textOrFile('NATS_URL'))
  const isRight = (url: string) => /^(nats|tls):\/\/[^/]+/.test(url) && URL.canParse(url)
  // The URL itself may hold a password.
  if (!urls.every(isRight)) reader.fault('NATS_URL: not a nats:// (or tls://) URL, or several by comma')
  return urls.length === 0 ? null : urls.join(',')
}

const PYTHON_SANDBOXES = ['auto', 'required', 'off'] as const
type PythonSandbox = (typeof PYTHON_SANDBOXES)[number]

function pythonSandbox(reader: Reader): PythonSandbox {
  const found = PYTHON_SANDBOXES.find((name) => name === reader.text('PYTHON_SANDBOX'))
  if (found === undefined) reader.fault(`PYTHON_SANDBOX: none of ${PYTHON_SANDBOXES.join(', ')}`)
  return found ?? 'required'
}

function connections(reader: Reader): Map<string, string> {
  const entries = Object.entries(reader.object('CONNECTIONS', reader.textOrFile('CONNECTIONS')))
  return new Map(
    entries.flatMap(([name, url]) => {
      if (typeof url === 'string' && databaseIdentity(url) !== null) return [[name, url] as const]
      reader.fault(`CONNECTIONS: "${name}" is not a postgresql:// URL`)
      return []
    }),
  )
}

/** Host, port and database of a URL, spelt alike for alike databases; null when it is not a PostgreSQL URL. */
function databaseIdentity(text: string): string | null {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  const host = url.hostname === '' || isLoopback(url.hostname) ? 'localhost' : url.hostname.toLowerCase()
  return `${host}:${url.port || '5432'}${decodeURIComponent(url.pathname === '/' ? `/${url.username}` : url.pathname)}`
}

/** What tools need in any process that runs them. */
export type ToolConfig = Pick<
  Config,
  'connections' | 'credentials' | 'python' | 'pythonSandbox' | 'pythonMemoryMib' | 'allowHosts'
>

/** The settings that `transient worker` takes from the environment. */
export const WORKER_SETTINGS: readonly Setting[] = SETTINGS.filter(({ name }) =>
  [
    ...['ALLOW_HOSTS', 'CONNECTIONS', 'CONNECTIONS_FILE', 'CREDENTIALS', 'CREDENTIALS_FILE'],
    ...['PYTHON', 'PYTHON_SANDBOX', 'PYTHON_MEMORY_MB'],
  ].includes(name),
)

/**
 * Reads the settings of a worker process; those of the server do not concern it.
 * @throws ConfigError with all faults together
 */
export function loadToolConfig(env: Environment = process.env): ToolConfig {
  const reader = createReader(env, SETTINGS)
  const config = toolConfig(reader)
  if (reader.faults.length > 0) throw new ConfigError(reader.faults)
  return config
}

function toolConfig(reader: Reader): ToolConfig {
  return {
    allowHosts: reader.list('ALLOW_HOSTS'),
    connections: connections(reader),
    credentials: new Map(Object.entries(reader.object('CREDENTIALS', reader.textOrFile('CREDENTIALS')))),
    python: reader.text('PYTHON'),
    pythonSandbox: pythonSandbox(reader),
    pythonMemoryMib: reader.integer('PYTHON_MEMORY_MB', 64, 1_048_576),
  }
}

/** Where the command line finds its server. */
export interface ClientConfig {
  readonly url: string
  readonly key: string | null
  /** https://no-color.org */
  readonly isColorful: boolean
}

/**
 * What the command line reads from the environment: TRANSIENT_URL, TRANSIENT_KEY (or TRANSIENT_KEY_FILE) and NO_COLOR.
 * @throws ConfigError when the file cannot be read
 */
export function loadClientConfig(env: Environment = process.env): ClientConfig {
  const reader = createReader(env, SETTINGS)
  const key = reader.textOrFile('TRANSIENT_KEY') || null
  if (reader.faults.length > 0) throw new ConfigError(reader.faults)
  return { url: reader.text('TRANSIENT_URL') || 'http://127.0.0.1:4000', key, isColorful: !env['NO_COLOR'] }
}

const PROGRAM_NEEDS = /^(PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|USER|SSL_CERT_FILE|SSL_CERT_DIR|LD_LIBRARY_PATH|PYENV_\w+)$/

/** What a program that runs foreign code gets to see of the environment: none of the settings, none of the secrets. */
export function programEnvironment(env: Environment = process.env): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => PROGRAM_NEEDS.test(name)))
}
