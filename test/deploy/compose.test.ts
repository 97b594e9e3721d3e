import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { SETTINGS } from '../../src/config.js'
import { ROOT } from '../support/paths.js'

interface Service {
  readonly image: string
  readonly build?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly read_only?: boolean
  readonly networks?: readonly string[]
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly secrets: Readonly<Record<string, unknown>>
}

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const source = text('docker-compose.yml')
const compose = parse(source, { merge: true }) as Compose
const services = Object.entries(compose.services)
/** The command line's own, read by `loadClientConfig`. */
const CLIENT = ['TRANSIENT_URL', 'TRANSIENT_KEY', 'TRANSIENT_KEY_FILE']

it('has every part twice, and one port', () => {
  expect(Object.keys(compose.services)).toEqual(
    expect.arrayContaining(['postgres', 'nats', 'nats-2', 'nats-3', 'api-1', 'api-2', 'worker-1', 'worker-2', 'port']),
  )
  expect(source.match(/^ {4}ports:/gm)).toHaveLength(1)
})

it('every variable has a fallback, and docker/ha.env sets known ones only', () => {
  const used = [...source.matchAll(/\$\{([A-Z_]+)(:[-?])?/g)]
  expect(used.filter(([, , fallback]) => fallback === undefined)).toEqual([])
  const names = new Set([...used.map(([, name]) => name), 'COMPOSE_PROFILES'])
  const given = [...text('docker/ha.env').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name)
  expect(given.length).toBeGreaterThan(3)
  expect(given.filter((name) => !names.has(name))).toEqual([])
})

it('our services are given settings that exist, and secrets that are declared', () => {
  const known = new Set([...SETTINGS.map(({ name }) => name), ...CLIENT])
  const ours = services.filter(([, { build }]) => build !== undefined)
  expect(ours).toHaveLength(4)
  for (const [name, { environment = {} }] of ours) {
    expect(
      Object.keys(environment).filter((setting) => !known.has(setting)),
      name,
    ).toEqual([])
  }
  for (const [name, { environment = {}, secrets = [] }] of services) {
    const named = Object.values(environment).flatMap((value) => /^\/run\/secrets\/(.*)$/.exec(value)?.[1] ?? [])
    expect([...named].sort(), name).toEqual([...secrets].sort())
    for (const secret of secrets) expect(compose.secrets).toHaveProperty(secret)
    expect(
      Object.keys(environment).filter((setting) => /(PASSWORD|KEY|DATABASE_URL|CONNECTIONS)$/.test(setting)),
      name,
    ).toEqual([])
  }
})

it('what runs the code of playbooks has no secret but the key that may only work, and what that code may use', () => {
  const workers = services.filter(([name]) => name.startsWith('worker'))
  expect(workers).toHaveLength(2)
  for (const [name, { secrets, environment, networks }] of workers) {
    expect([...(secrets ?? [])].sort(), name).toEqual(['connections', 'worker_key'])
    expect(environment?.['TRANSIENT_KEY_FILE'], name).toBe('/run/secrets/worker_key')
    expect(networks, name).toBeUndefined()
  }
  for (const name of ['api-1', 'api-2']) {
    expect(compose.services[name]?.environment?.['WORKER_KEY_FILE'], name).toBe('/run/secrets/worker_key')
  }
  // NATS asks for no password: workers must not reach it.
  for (const [name, { networks }] of services) if (name.startsWith('nats')) expect(networks, name).toEqual(['bus'])
})

it('images are pinned to a version, roots are read-only, and each service has a health check', () => {
  const [, ...stages] = [...text('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image ?? '')
  for (const image of [...services.map(([, service]) => service.image), ...stages]) expect(image).toMatch(/^[\w./-]+:\d[\w.-]*$/)
  const nats = /:(\d+)\.(\d+)/
    .exec(compose.services['nats']?.image ?? '')
    ?.slice(1)
    .map(Number) ?? [0, 0]
  expect((nats[0] ?? 0) * 1000 + (nats[1] ?? 0)).toBeGreaterThanOrEqual(2012)
  for (const [name, { read_only: isReadOnly, healthcheck, build }] of services) {
    expect(isReadOnly, name).toBe(true)
    expect(healthcheck !== undefined || build !== undefined, name).toBe(true)
  }
  expect(text('Dockerfile')).toMatch(/^HEALTHCHECK /m)
  expect(text('Dockerfile')).toMatch(/^USER node$/m)
})
