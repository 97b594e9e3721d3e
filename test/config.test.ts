import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, isLoopback, loadClientConfig, loadConfig, SETTINGS } from '../src/config.js'

function faults(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

describe('loadConfig', () => {
  it('has a default for every setting', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      dataDir: '.transient',
      databaseUrl: null,
      adminKey: null,
      workerKey: null,
      historyLimit: 1_000_000,
      retentionDays: 30,
      stepLimit: 10_000,
      stepTimeoutMs: 300_000,
      childDepth: 10,
      leaseMs: 30_000,
      maxDeliveries: 10,
      concurrency: 8,
      logLevel: 'info',
    })
    expect(new Set(SETTINGS.map(({ name }) => name)).size).toBe(SETTINGS.length)
  })

  it('reports all faults together', () => {
    const found = faults({ PORT: 'http', HISTORY_LIMIT: '-1', LOG_LEVEL: 'loud', CONNECTIONS: '[', ALLOW_INSECURE: 'maybe' })
    expect(found.map((fault) => fault.split(':')[0])).toEqual(
      expect.arrayContaining(['PORT', 'HISTORY_LIMIT', 'LOG_LEVEL', 'CONNECTIONS', 'ALLOW_INSECURE']),
    )
    expect(found).toHaveLength(5)
  })

  it.each(['0.0.0.0', '192.168.1.4', '::', 'example.org'])(
    'refuses to listen on %s without a key, and says what to do',
    (HOST) => {
      expect(faults({ HOST })).toEqual([expect.stringContaining('ADMIN_KEY')])
      expect(faults({ HOST, ADMIN_KEY: '0123456789abcdef' })).toEqual([])
      expect(faults({ HOST, ALLOW_INSECURE: '1' })).toEqual([])
    },
  )

  it.each(['localhost', '127.0.0.1', '127.8.9.1', '::1'])('takes %s for loopback', (host) => {
    expect(isLoopback(host)).toBe(true)
  })

  it('takes a key for workers beside another credential, and not the same one', () => {
    const ADMIN_KEY = 'an-admin-key-of-many-letters'
    const WORKER_KEY = 'a-worker-key-of-many-letters'
    expect(loadConfig({ ADMIN_KEY, WORKER_KEY }).workerKey).toBe(WORKER_KEY)
    expect(faults({ WORKER_KEY })).toEqual([expect.stringContaining('ADMIN_KEY')])
    expect(faults({ ADMIN_KEY, WORKER_KEY: ADMIN_KEY })).toEqual([expect.stringContaining('WORKER_KEY')])
    expect(faults({ ADMIN_KEY, WORKER_KEY: 'short' })).toEqual([expect.stringContaining('16 characters')])
  })

  it('reads the key and the credentials from files', () => {
    const dir = mkdtempSync(join(tmpdir(), 'config-'))
    writeFileSync(join(dir, 'key'), 'a-key-of-many-letters\n')
    writeFileSync(join(dir, 'credentials'), '{"api": {"token": "t"}}')
    const config = loadConfig({ ADMIN_KEY_FILE: join(dir, 'key'), CREDENTIALS_FILE: join(dir, 'credentials') })
    rmSync(dir, { recursive: true })
    expect(config.adminKey).toBe('a-key-of-many-letters')
    expect(config.credentials.get('api')).toEqual({ token: 't' })
    expect(faults({ ADMIN_KEY_FILE: join(dir, 'gone') })).toEqual([expect.stringContaining('cannot be read')])
  })

  it('reads the URLs that hold passwords from files, and not twice', () => {
    const dir = mkdtempSync(join(tmpdir(), 'config-'))
    const file = (name: string, content: string) => {
      writeFileSync(join(dir, name), content)
      return join(dir, name)
    }
    const env = {
      DATABASE_URL_FILE: file('database', 'postgresql://app:secret@db/app\n'),
      NATS_URL_FILE: file('nats', 'nats://secret@a:4222, nats://b:4222\n'),
      CONNECTIONS_FILE: file('connections', '{"default": "postgresql://steps:secret@db/steps"}'),
    }
    const config = loadConfig(env)
    const client = loadClientConfig({ TRANSIENT_KEY_FILE: file('key', 'a-key\n') })
    const twice = faults({ ...env, DATABASE_URL: 'postgresql://app@db/app' })
    rmSync(dir, { recursive: true })
    expect(config.databaseUrl).toBe('postgresql://app:secret@db/app')
    expect(config.natsUrl).toBe('nats://secret@a:4222,nats://b:4222')
    expect(config.connections.get('default')).toBe('postgresql://steps:secret@db/steps')
    expect(client.key).toBe('a-key')
    expect(twice).toEqual(['DATABASE_URL: set either DATABASE_URL or DATABASE_URL_FILE, not both'])
    expect(() => loadClientConfig({ TRANSIENT_KEY_FILE: join(dir, 'key') })).toThrow(/TRANSIENT_KEY_FILE.*cannot be read/)
  })

  it("refuses a connection to the product's own database, however it is spelt", () => {
    const DATABASE_URL = 'postgresql://app:secret@localhost:5432/app'
    expect(faults({ DATABASE_URL, CONNECTIONS: '{"mine": "postgres://other@127.0.0.1/app"}' })).toEqual([
      expect.stringContaining('own database'),
    ])
    expect(faults({ DATABASE_URL, CONNECTIONS: '{"mine": "postgres://other@127.0.0.1/reports"}' })).toEqual([])
  })

  it('takes one NATS server or several, and refuses what is none', () => {
    expect(loadConfig({}).natsUrl).toBeNull()
    expect(loadConfig({ NATS_URL: 'nats://a:4222, tls://user:pass@b' }).natsUrl).toBe('nats://a:4222,tls://user:pass@b')
    expect(faults({ NATS_URL: 'http://localhost:4222' })).toEqual([expect.stringContaining('NATS_URL')])
    expect(faults({ NATS_URL: 'nats://a,localhost', NATS_PREFIX: 'a.b', NATS_REPLICAS: '0' })).toEqual([
      expect.stringContaining('NATS_URL'),
      expect.stringContaining('NATS_PREFIX'),
      expect.stringContaining('NATS_REPLICAS'),
    ])
  })

  it('takes names of variables that are found by their value, each once', () => {
    expect(loadConfig({ SEARCHABLE: 'status, customer_id,status' }).searchable).toEqual(['status', 'customer_id'])
    expect(faults({ SEARCHABLE: "it's" })).toEqual([expect.stringContaining('"it\'s" is not the name of a variable')])
    const many = Array.from({ length: 21 }, (_, index) => `name${index}`)
    expect(faults({ SEARCHABLE: many.join() })).toEqual([expect.stringContaining('21 names, at most 20')])
  })

  it('gives templates only the variables that TEMPLATE_ENV names', () => {
    const config = loadConfig({ TEMPLATE_ENV: 'REGION, GONE', REGION: 'eu', SECRET: 's' })
    expect(config.templateEnvValues).toEqual({ REGION: 'eu' })
  })
})
