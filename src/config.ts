/** Every setting of the service. Filled by `loadConfig(env)`, the only reader of process.env. */
export interface Config {
  readonly host: string
  readonly port: number
  readonly dataDir: string
  /** null: the embedded database. */
  readonly databaseUrl: string | null
  readonly natsUrl: string | null
  readonly adminKey: string | null
  readonly allowInsecure: boolean
  readonly allowHosts: readonly string[]
  /** Name to URL of the databases that postgres steps may use. */
  readonly connections: ReadonlyMap<string, string>
  readonly credentials: ReadonlyMap<string, unknown>
  readonly templateEnv: readonly string[]
  readonly python: string
  readonly historyLimit: number
  readonly retentionDays: number
  readonly stepLimit: number
  readonly stepTimeoutMs: number
  readonly childDepth: number
  readonly leaseMs: number
  readonly maxDeliveries: number
  /** Tasks that this process runs at once. */
  readonly concurrency: number
  readonly logLevel: string
}
