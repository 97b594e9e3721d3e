import { z } from 'zod'
import { encryptionKeys } from './encryption.js'
import { jwksUrl, jwtKeysFile } from './jwt.js'
import * as types from './types.js'

/** A setting: what its text must be, what stands where it is not set, and what `transient serve --help` says. */
function setting<Type extends z.ZodType<unknown, string>>(type: Type, fallback: string, description: string) {
  return type.prefault(fallback as z.input<Type> & {}).describe(description)
}

/** Every setting of the server. */
export const SERVER_SETTINGS = z.object({
  HOST: setting(types.text, '127.0.0.1', 'Address to listen on; one that is not loopback needs a credential'),
  PORT: setting(types.integer(0, 65_535), '4000', 'Port to listen on; 0 takes a free one'),
  DATA_DIR: setting(types.text, '.transient', 'Folder of the database that the server starts itself'),
  DATABASE_URL: setting(types.postgresUrl, '', 'postgresql:// URL; without it the server starts PostgreSQL in DATA_DIR'),
  DATABASE_URL_FILE: setting(types.text, '', 'File that holds DATABASE_URL'),
  NATS_URL: setting(types.natsUrls, '', 'nats:// URLs, by comma; lets several processes share one PostgreSQL'),
  NATS_URL_FILE: setting(types.text, '', 'File that holds NATS_URL'),
  NATS_PREFIX: setting(types.natsPrefix, '', 'Keeps installations on one NATS apart; one for each database'),
  NATS_REPLICAS: setting(types.integer(1, 5), '1', 'Servers of a NATS cluster that keep each waiting task'),
  ADMIN_KEY: setting(types.key, '', 'Key of an admin; once there is a credential every caller needs one'),
  ADMIN_KEY_FILE: setting(types.text, '', 'File that holds ADMIN_KEY'),
  WORKER_KEY: setting(types.key, '', 'Key with which workers claim and report tasks, and may do nothing else'),
  WORKER_KEY_FILE: setting(types.text, '', 'File that holds WORKER_KEY'),
  JWT_ISSUER: setting(types.text, '', 'Accept JSON Web Tokens of this issuer (their `iss`)'),
  JWT_AUDIENCE: setting(types.text, '', 'What their `aud` must hold'),
  JWT_JWKS_URL: setting(jwksUrl, '', 'Where the issuer publishes its keys (https)'),
  JWT_KEYS_FILE: setting(jwtKeysFile, '', 'File with its keys instead: a JWKS, or one public key as PEM'),
  JWT_ALGORITHMS: setting(types.list, 'RS256,ES256,EdDSA', 'Signatures that are accepted, by comma; none is symmetric'),
  JWT_ROLE_CLAIM: setting(types.text, 'role', 'Claim with the role, or a list of which the highest counts; dots go into objects'),
  JWT_EXECUTIONS_CLAIM: setting(types.text, 'executions', 'Claim with the ids of the only executions its bearer sees'),
  ENCRYPTION_KEYS: setting(encryptionKeys, '', 'Keys for sensitive values, id:base64 of 32 bytes, by comma; the first encrypts'),
  ENCRYPTION_KEYS_FILE: setting(types.text, '', 'File that holds ENCRYPTION_KEYS'),
  CORS_ORIGINS: setting(types.origins, '', 'Origins whose pages may call this server, by comma'),
  RATE_LIMIT: setting(types.integer(0, 1_000_000), '1000', 'Requests a second of each caller with a credential; 0: no limit'),
  AUDIT_DAYS: setting(types.integer(1, 36_500), '365', 'Days until an audit entry is removed'),
  ALLOW_INSECURE: setting(types.flag, '0', '1 listens publicly without a key: anyone may run code here'),
  ALLOW_HOSTS: setting(types.list, '', 'Private hosts the http tool may reach: host, host:port or CIDR, by comma'),
  CONNECTIONS: setting(types.connections, '{}', 'JSON object, name to postgresql:// URL, for postgres steps'),
  CONNECTIONS_FILE: setting(types.text, '', 'File that holds CONNECTIONS'),
  CREDENTIALS: setting(types.jsonObject, '{}', 'JSON object, name to secret, for the auth of http steps'),
  CREDENTIALS_FILE: setting(types.text, '', 'File that holds CREDENTIALS'),
  TEMPLATE_ENV: setting(types.list, '', 'Environment variables that templates see as env.<name>, by comma'),
  PYTHON: setting(types.text, 'python3', 'Interpreter of python steps'),
  PYTHON_SANDBOX: setting(types.pythonSandbox, 'auto', 'auto, required (no python step without bubblewrap) or off'),
  PYTHON_NETWORK: setting(types.flag, '1', '0 refuses python and shell steps that ask for the network (`network: true`)'),
  PYTHON_MEMORY_MB: setting(types.integer(64, 1_048_576), '1024', 'Memory of one python step, with all of its processes, in MiB'),
  SEARCHABLE: setting(types.variableNames, '', 'Variables that are found by their value through an index, names by comma'),
  HISTORY_LIMIT: setting(types.integer(1, 1_000_000_000), '1000000', 'Change-log rows kept per execution'),
  RETENTION_DAYS: setting(
    types.integer(0, 36_500),
    '30',
    'Days until a finished execution is purged, an idempotency key forgotten, and a change of a global variable gone from its history',
  ),
  STEP_LIMIT: setting(types.integer(1, 10_000_000), '10000', 'Steps after which an execution fails with STEP_LIMIT'),
  STEP_TIMEOUT: setting(types.seconds(86_400), '300', 'Seconds per attempt of a step that names no timeout'),
  CHILD_DEPTH: setting(types.integer(0, 100), '10', 'How deep playbooks may call playbooks'),
  LEASE_SECONDS: setting(types.seconds(3_600), '30', 'Seconds until a silent worker loses its task'),
  MAX_DELIVERIES: setting(types.integer(1, 1_000_000), '10', 'Lost leases after which a step fails'),
  CONCURRENCY: setting(types.integer(0, 1_000), '8', 'Tasks that this process runs at once; 0: workers over the API run all'),
  LOG_LEVEL: setting(types.logLevel, 'info', 'trace, debug, info, warn, error, fatal or silent'),
})

/** The settings that `transient worker` takes from the environment. */
export const TOOL_SETTINGS = SERVER_SETTINGS.pick({
  ...{ ALLOW_HOSTS: true, CONNECTIONS: true, CONNECTIONS_FILE: true, CREDENTIALS: true, CREDENTIALS_FILE: true },
  ...{ PYTHON: true, PYTHON_SANDBOX: true, PYTHON_NETWORK: true, PYTHON_MEMORY_MB: true },
})

/** What the command line reads from the environment. */
export const CLIENT_SETTINGS = z.object({
  TRANSIENT_URL: setting(types.text, 'http://127.0.0.1:4000', 'Where the server is'),
  TRANSIENT_KEY: setting(types.text, '', 'The key to call it with'),
  TRANSIENT_KEY_FILE: setting(types.text, '', 'File that holds TRANSIENT_KEY'),
})

export type ServerSettings = z.output<typeof SERVER_SETTINGS>
export type ToolSettings = z.output<typeof TOOL_SETTINGS>
