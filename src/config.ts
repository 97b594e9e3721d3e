import { type JwtConfig, jwtConfig } from './config/jwt.js'
import { createReader, type Environment, listOf, type Reader, type Setting } from './config/reader.js'
import type { JsonValue } from './core/json.js'

/** Every setting of the service. Filled by `loadConfig(env)`, the only reader of process.env. */
export interface Config {
  readonly host: string
  readonly port: number
  readonly dataDir: string
  /** null: the embedded database. */
  readonly databaseUrl: string | null
  /** null: tasks are dispatched in process. */
  readonly natsUrl: string | null
  readonly natsPrefix: string
  readonly natsReplicas: number
  readonly adminKey: string | null
  /** Tokens of an identity provider; null: none are accepted. */
  readonly jwt: JwtConfig | null
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

/** Every setting, as `transient serve --help` lists them. */
export const SETTINGS: readonly Setting[] = [
  { name: 'HOST', fallback: '127.0.0.1', description: 'Address to listen on; one that is not loopback needs a credential' },
  { name: 'PORT', fallback: '4000', description: 'Port to listen on; 0 takes a free one' },
  { name: 'DATA_DIR', fallback: '.transient', description: 'Folder of the embedded database' },
  { name: 'DATABASE_URL', fallback: '', description: 'postgresql:// URL; without it the database is embedded' },
  { name: 'DATABASE_URL_FILE', fallback: '', description: 'File that holds DATABASE_URL' },
  { name: 'NATS_URL', fallback: '', description: 'nats:// URLs, by comma; lets several processes share one PostgreSQL' },
  { name: 'NATS_URL_FILE', fallback: '', description: 'File that holds NATS_URL' },
  { name: 'NATS_PREFIX', fallback: '', description: 'Keeps installations on one NATS apart; one for each database' },
  { name: 'NATS_REPLICAS', fallback: '1', description: 'Servers of a NATS cluster that keep each waiting task' },
  { name: 'ADMIN_KEY', fallback: '', description: 'Key of an admin; once there is a credential every caller needs one' },
  { name: 'ADMIN_KEY_FILE', fallback: '', description: 'File that holds ADMIN_KEY' },
  { name: 'JWT_ISSUER', fallback: '', description: 'Accept JSON Web Tokens of this issuer (their `iss`)' },
  { name: 'JWT_AUDIENCE', fallback: '', description: 'What their `aud` must hold' },
  { name: 'JWT_JWKS_URL', fallback: '', description: 'Where the issuer publishes its keys (https)' },
  { name: 'JWT_KEYS_FILE', fallback: '', description: 'File with its keys instead: a JWKS, or one public key as PEM' },
  {
    name: 'JWT_ALGORITHMS',
    fallback: 'RS256,ES256,EdDSA',
    description: 'Signatures that are accepted, by comma; none is symmetric',
  },
  {
    name: 'JWT_ROLE_CLAIM',
    fallback: 'role',
    description: 'Claim with the role, or a list of which the highest counts; dots go into objects',
  },
  {
    name: 'JWT_EXECUTIONS_CLAIM',
    fallback: 'executions',
    description: 'Claim with the ids of the only executions its bearer sees',
  },
  { name: 'CORS_ORIGINS', fallback: '', description: 'Origins whose pages may call this server, by comma' },
  { name: 'RATE_LIMIT', fallback: '1000', description: 'Requests a second of each caller with a credential; 0: no limit' },
  { name: 'AUDIT_DAYS', fallback: '365', description: 'Days until an audit entry is removed' },
  { name: 'ALLOW_INSECURE', fallback: '0', description: '1 listens publicly without a key: anyone may run code here' },
  { name: 'ALLOW_HOSTS', fallback: '', description: 'Private hosts the http tool may reach: host, host:port or CIDR, by comma' },
  { name: 'CONNECTIONS', fallback: '{}', description: 'JSON object, name to postgresql:// URL, for postgres steps' },
  { name: 'CONNECTIONS_FILE', fallback: '', description: 'File that holds CONNECTIONS' },
  { name: 'CREDENTIALS', fallback: '{}', description: 'JSON object, name to secret, for the auth of http steps' },
  { name: 'CREDENTIALS_FILE', fallback: '', description: 'File that holds CREDENTIALS' },
  { name: 'TEMPLATE_ENV', fallback: '', description: 'Environment variables that templates see as env.<name>, by comma' },
  { name: 'PYTHON', fallback: 'python3', description: 'Interpreter of python steps' },
  { name: 'HISTORY_LIMIT', fallback: '1000000', description: 'Change-log rows kept per execution' },
  { name: 'RETENTION_DAYS', fallback: '30', description: 'Days until a finished execution is purged' },
  { name: 'STEP_LIMIT', fallback: '10000', description: 'Steps after which an execution fails with STEP_LIMIT' },
  { name: 'STEP_TIMEOUT', fallback: '300', description: 'Seconds per attempt of a step that names no timeout' },
  { name: 'CHILD_DEPTH', fallback: '10', description: 'How deep playbooks may call playbooks' },
  { name: 'LEASE_SECONDS', fallback: '30', description: 'Seconds until a silent worker loses its task' },
  { name: 'MAX_DELIVERIES', fallback: '10', description: 'Lost leases after which a step fails' },
  { name: 'CONCURRENCY', fallback: '8', description: 'Tasks that this process runs at once; 0: workers over the API run all' },
  { name: 'LOG_LEVEL', fallback: 'info', description: 'trace, debug, info, warn, error, fatal or silent' },
]

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
    jwt: jwtConfig(reader),
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
  if (config.adminKey !== null && config.adminKey.length < 16) fault('ADMIN_KEY: a key needs at least 16 characters')
  if (!/^[A-Za-z0-9_-]{0,50}$/.test(config.natsPrefix)) {
    fault('NATS_PREFIX: may hold letters, digits, _ and - only, at most 50')
  }
  if (!isLoopback(config.host) && !hasCredential(config) && !config.allowInsecure) {
    fault(
      `HOST: ${config.host} can be reached from other machines, and playbooks run code. Set ADMIN_KEY (or ADMIN_KEY_FILE) so that ` +
        'every caller needs a key, or HOST=127.0.0.1; ALLOW_INSECURE=1 listens without a key all the same',
    )
  }
  const own = config.databaseUrl === null ? null : databaseIdentity(config.databaseUrl)
  for (const [name, url] of config.connections) {
    if (own !== null && databaseIdentity(url) === own) {
      fault(`CONNECTIONS: "${name}" is the product's own database (DATABASE_URL); give postgres steps one of their own`)
    }
  }
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
      reader.fault(`CORS_ORIGINS: "${origin}" is no origin like https://console.example (scheme, host and port only)`)
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

/** Host, port and database of a URL, spelt alike for alike databases; null when it is no PostgreSQL URL. */
function databaseIdentity(text: string): string | null {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  const host = url.hostname === '' || isLoopback(url.hostname) ? 'localhost' : url.hostname.toLowerCase()
  return `${host}:${url.port || '5432'}${decodeURIComponent(url.pathname === '/' ? `/${url.username}` : url.pathname)}`
}

/** What tools need in any process that runs them. */
export type ToolConfig = Pick<Config, 'connections' | 'credentials' | 'python' | 'allowHosts'>

/** The settings that `transient worker` takes from the environment. */
export const WORKER_SETTINGS: readonly Setting[] = SETTINGS.filter(({ name }) =>
  ['ALLOW_HOSTS', 'CONNECTIONS', 'CONNECTIONS_FILE', 'CREDENTIALS', 'CREDENTIALS_FILE', 'PYTHON'].includes(name),
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
