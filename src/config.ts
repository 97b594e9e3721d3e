import type { z } from 'zod'
import type { EncryptionKeySetting } from './config/encryption.js'
import { checkJwt, hasJwt, type JwtConfig, jwtConfig } from './config/jwt.js'
import { type Environment, readSettings } from './config/read.js'
import { CLIENT_SETTINGS, SERVER_SETTINGS, type ServerSettings, TOOL_SETTINGS, type ToolSettings } from './config/settings.js'
import { databaseIdentity, isLoopback } from './config/types.js'
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
  readonly pythonSandbox: ServerSettings['PYTHON_SANDBOX']
  readonly hasPythonNetwork: boolean
  readonly pythonMemoryMib: number
  /** Names of variables by whose values executions and variables are found through an index. */
  readonly searchable: readonly string[]
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

export { ConfigError } from './config/read.js'
export { isLoopback } from './config/types.js'

export interface Setting {
  readonly name: string
  readonly fallback: string
  readonly description: string
}

/** Every setting, as `transient serve --help` lists them. */
export const SETTINGS = settingsOf(SERVER_SETTINGS.shape)

/** The settings that `transient worker` takes from the environment. */
export const WORKER_SETTINGS = settingsOf(TOOL_SETTINGS.shape)

function settingsOf(shape: Readonly<Record<string, z.ZodPrefault>>): Setting[] {
  return Object.entries(shape).map(([name, { def, description = '' }]) => ({
    name,
    fallback: String(def.defaultValue),
    description,
  }))
}

/**
 * Reads every setting.
 * @throws ConfigError with all faults together
 */
export function loadConfig(env: Environment = process.env): Config {
  const given = readSettings(CHECKED_SETTINGS, env)
  const templateEnv = given.TEMPLATE_ENV
  return {
    host: given.HOST,
    port: given.PORT,
    dataDir: given.DATA_DIR,
    databaseUrl: given.DATABASE_URL,
    natsUrl: given.NATS_URL,
    natsPrefix: given.NATS_PREFIX,
    natsReplicas: given.NATS_REPLICAS,
    adminKey: given.ADMIN_KEY,
    workerKey: given.WORKER_KEY,
    jwt: jwtConfig(given),
    encryptionKeys: given.ENCRYPTION_KEYS,
    corsOrigins: given.CORS_ORIGINS,
    rateLimit: given.RATE_LIMIT,
    auditDays: given.AUDIT_DAYS,
    allowInsecure: given.ALLOW_INSECURE,
    ...toolConfig(given),
    templateEnv,
    templateEnvValues: Object.fromEntries(templateEnv.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    searchable: given.SEARCHABLE,
    historyLimit: given.HISTORY_LIMIT,
    retentionDays: given.RETENTION_DAYS,
    stepLimit: given.STEP_LIMIT,
    stepTimeoutMs: given.STEP_TIMEOUT,
    childDepth: given.CHILD_DEPTH,
    leaseMs: given.LEASE_SECONDS,
    maxDeliveries: given.MAX_DELIVERIES,
    concurrency: given.CONCURRENCY,
    logLevel: given.LOG_LEVEL,
  }
}

/** With what several settings say together. */
const CHECKED_SETTINGS = SERVER_SETTINGS.superRefine((given, { addIssue }) => {
  const fault = (name: string, message: string) => addIssue({ code: 'custom', path: [name], message })
  const hasKey = given.ADMIN_KEY !== null || hasJwt(given)
  checkJwt(given, fault)
  checkWorkerKey(given, hasKey, fault)
  if (!isLoopback(given.HOST) && !hasKey && !given.ALLOW_INSECURE) {
    const reached = `${given.HOST} can be reached from other machines, and playbooks run code. Set ADMIN_KEY (or ADMIN_KEY_FILE) so that `
    fault('HOST', `${reached}every caller needs a key, or HOST=127.0.0.1; ALLOW_INSECURE=1 listens without a key anyway`)
  }
  const own = given.DATABASE_URL === null ? null : databaseIdentity(given.DATABASE_URL)
  for (const [name, url] of given.CONNECTIONS) {
    if (own !== null && databaseIdentity(url) === own) {
      fault('CONNECTIONS', `"${name}" is the product's own database (DATABASE_URL); give postgres steps one of their own`)
    }
  }
})

function checkWorkerKey(
  { ADMIN_KEY, WORKER_KEY }: ServerSettings,
  hasKey: boolean,
  fault: (name: string, message: string) => void,
): void {
  if (WORKER_KEY === null) return
  if (WORKER_KEY === ADMIN_KEY) {
    fault('WORKER_KEY', 'it is ADMIN_KEY; workers run the code of playbooks, give them a key of their own')
  }
  if (!hasKey) fault('WORKER_KEY', 'without ADMIN_KEY or JWT_* nobody but workers could call; set one of them, too')
}

/** Whether the settings hold a credential, so that every caller needs one. Keys of the database come on top. */
export function hasCredential({ adminKey, jwt }: Pick<Config, 'adminKey' | 'jwt'>): boolean {
  return adminKey !== null || jwt !== null
}

/** What tools need in any process that runs them. */
export type ToolConfig = Pick<
  Config,
  'connections' | 'credentials' | 'python' | 'pythonSandbox' | 'hasPythonNetwork' | 'pythonMemoryMib' | 'allowHosts'
>

/**
 * Reads the settings of a worker process; those of the server do not concern it.
 * @throws ConfigError with all faults together
 */
export function loadToolConfig(env: Environment = process.env): ToolConfig {
  return toolConfig(readSettings(TOOL_SETTINGS, env))
}

function toolConfig(given: ToolSettings): ToolConfig {
  return {
    allowHosts: given.ALLOW_HOSTS,
    connections: given.CONNECTIONS,
    credentials: given.CREDENTIALS,
    python: given.PYTHON,
    pythonSandbox: given.PYTHON_SANDBOX,
    hasPythonNetwork: given.PYTHON_NETWORK,
    pythonMemoryMib: given.PYTHON_MEMORY_MB,
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
  const given = readSettings(CLIENT_SETTINGS, env)
  return { url: given.TRANSIENT_URL, key: given.TRANSIENT_KEY || null, isColorful: !env['NO_COLOR'] }
}

const PROGRAM_NEEDS = /^(PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|USER|SSL_CERT_FILE|SSL_CERT_DIR|LD_LIBRARY_PATH|PYENV_\w+)$/

/** What a program that runs foreign code gets to see of the environment: none of the settings, none of the secrets. */
export function programEnvironment(env: Environment = process.env): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => PROGRAM_NEEDS.test(name)))
}
