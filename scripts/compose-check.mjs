// npm run check:compose [-- --ha] [-- --bogus SERVICE]: runs every service of docker-compose.yml by hand, as ordinary processes on
// loopback ports and a temporary folder: commands, settings, secrets and health checks are those of the file. Then a playbook
// through the one port, with both workers; then each service is stopped, and its health check must notice.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { imageOf, readCompose, readDockerfile, readEnvFile } from './compose/file.mjs'
import { createPlaces } from './compose/places.mjs'
import { has, isHealthy, ordinary, postgresFolder, start, stop, stopAll } from './compose/programs.mjs'

const isHa = process.argv.includes('--ha')
const bogus = process.argv[process.argv.indexOf('--bogus') + 1]
const env = isHa ? readEnvFile('docker/ha.env') : {}
const compose = readCompose('docker-compose.yml', env)
const image = imageOf(readDockerfile('Dockerfile'))
const names = Object.keys(compose.services)
const places = await createPlaces(names)
const secrets = join(places.root, 'secrets')
let failures = 0

const say = (isGood, name, text) => {
  if (!isGood) failures += 1
  console.info(`${isGood ? 'ok  ' : 'FAIL'} ${name.padEnd(9)} ${text}`)
}

/** A service with what its image adds, translated to this machine. */
function described(name) {
  const service = compose.services[name]
  const isOurs = service.build !== undefined
  const translate = (text) => places.translate(String(text), name)
  const settings = { ...(isOurs ? image.env : {}), ...service.environment }
  const test = service.healthcheck?.test ?? (isOurs ? image.healthcheck : undefined)
  return {
    name,
    service,
    isOurs,
    env: {
      ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, translate(value)])),
      ...(settings.PORT ? { PORT: String(places.port(name, Number(settings.PORT))), HOST: '127.0.0.1' } : {}),
      HOME: places.folder(name),
    },
    command: (service.command ?? (isOurs ? image.command : [])).map(translate),
    health: name === bogus ? ['CMD', 'false'] : test?.map(translate),
  }
}

const mounts = ({ name, service }) =>
  (service.volumes ?? []).map((volume) => {
    const [source, target] = volume.split(':')
    if (source.startsWith('./')) return places.mount(source, target, name)
    mkdirSync(places.translate(target, name), { recursive: true })
    return places.translate(target, name)
  })

async function runPostgres(part) {
  const programs = postgresFolder() ?? (has('initdb', 'postgresql') && '/usr/bin') ?? postgresFolder()
  if (!programs) return 'no initdb on this machine'
  const data = join(places.folder('postgres'), 'cluster')
  const { POSTGRES_USER: user, POSTGRES_DB: database, POSTGRES_PASSWORD_FILE: passwordFile } = part.env
  const owner = ordinary('postgres')
  const port = places.port('postgres', 5432)
  mkdirSync(data)
  if (owner.uid) chownSync(data, owner.uid, owner.gid)
  execFileSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', user, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-sync'],
    { ...owner, cwd: data },
  )
  const serve = [
    join(programs, 'postgres'),
    '-D',
    data,
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
  ]
  start('postgres', serve, { ...owner, cwd: data })
  const password = readFileSync(passwordFile, 'utf8').trim()
  const psql = { PGHOST: '127.0.0.1', PGPORT: String(port), PGPASSWORD: password, PATH: `${process.env.PATH}:${programs}` }
  await untilHealthy(part)
  execFileSync('psql', ['-U', user, '-d', 'postgres', '-qc', `CREATE DATABASE ${database}`], { env: psql })
  // What the image runs on an empty volume.
  execFileSync('sh', ['docker/postgres/steps.sh'], { env: { ...part.env, ...psql }, stdio: 'pipe' })
  return null
}

async function runProgram(part) {
  const { name, service, isOurs } = part
  const mounted = mounts(part)
  if (service.image.startsWith('nats:')) {
    if (!has('nats-server', 'nats-server')) return 'no nats-server on this machine'
    chmodSync(places.translate('/data', name), 0o777)
    part.running = start(name, ['nats-server', ...part.command], { ...ordinary(), env: part.env })
  } else if (service.image.includes('nginx')) {
    if (!has('nginx', 'nginx-light')) return 'no nginx on this machine'
    part.running = start(name, ['nginx', '-c', mounted[0], '-e', 'stderr', '-g', 'daemon off;'], { ...ordinary(), env: part.env })
  } else if (isOurs) {
    part.running = start(name, part.command, { ...ordinary(), env: part.env })
  } else return `what runs ${service.image} is not known here`
  return null
}

const check = (part) => isHealthy(part.health, { env: part.env, ...(part.isOurs ? ordinary() : {}) })

async function untilHealthy(part, withinMs = 60_000) {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await sleep(300)) {
    if (check(part)) return true
    if ((part.running?.child.exitCode ?? null) !== null) return false
  }
  return false
}

/** In the order of depends_on; NATS servers of a cluster together. */
function inOrder() {
  const order = []
  const visit = (name) => {
    for (const before of Object.keys(compose.services[name].depends_on ?? {})) visit(before)
    if (!order.includes(name)) order.push(name)
  }
  for (const name of names) visit(name)
  const isNats = (name) => name.startsWith('nats')
  return [...order.filter(isNats), ...order.filter((name) => !isNats(name))]
}

async function call(method, path, body, key = join(secrets, 'admin_key')) {
  const response = await fetch(`http://127.0.0.1:${places.port('port', 4000)}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${readFileSync(key, 'utf8').trim()}`,
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return { status: response.status, body: await response.json() }
}

/** More steps at once than one worker has places. */
async function playThroughThePort(parts) {
  const source = JSON.stringify({
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name: 'compose', path: 'compose/check' },
    workflow: [
      {
        step: 'start',
        tool: 'python',
        code: 'import time\ntime.sleep(1)\nresult = 20',
        vars: { half: '{{ result }}' },
        next: 'rows',
      },
      {
        step: 'rows',
        tool: { kind: 'postgres', auth: 'default', query: 'SELECT :half::int + 22 AS sum', params: { half: '{{ vars.half }}' } },
        vars: { sum: '{{ result }}' },
      },
    ],
  })
  const registered = await call('POST', '/api/playbooks', { source })
  if (registered.status >= 300) return say(false, 'playbook', JSON.stringify(registered.body))
  const started = await Promise.all(Array.from({ length: 20 }, () => call('POST', '/api/executions', { path: 'compose/check' })))
  const ids = started.map(({ body }) => body.execution_id ?? body.id)
  const ended = await Promise.all(
    ids.map(async (id) => {
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(200)) {
        const { body } = await call('GET', `/api/executions/${id}`)
        if (!['pending', 'running'].includes(body.status.toLowerCase())) return body
      }
      return { status: 'late' }
    }),
  )
  const good = ended.filter(({ status }) => status.toLowerCase() === 'completed').length
  const bad = ended.find(({ status }) => status.toLowerCase() !== 'completed')
  say(good === 20, 'playbook', `${good} of 20 executions completed through the one port${bad ? `: ${JSON.stringify(bad)}` : ''}`)
  const client = new pg.Client({ connectionString: readFileSync(join(secrets, 'database_url'), 'utf8').trim() })
  await client.connect()
  const { rows } = await client.query("SELECT DISTINCT worker_id FROM transient.task WHERE kind IN ('python', 'postgres')")
  await client.end()
  const pids = parts.filter(({ name }) => name.startsWith('worker')).map(({ running }) => running.child.pid)
  const both = pids.every((pid) => rows.some(({ worker_id: id }) => id.includes(`-${pid}-`))) && rows.length === pids.length
  say(both, 'workers', `the tools ran in ${rows.map(({ worker_id: id }) => id).join(' and ')}, and nowhere else`)
}

/** What the code of a playbook can read in a worker: of the server's credentials only one that may work, and nothing else. */
async function keysOfWorkers(parts) {
  for (const { name, service, env: settings } of parts.filter((part) => part.name.startsWith('worker'))) {
    const key = settings.TRANSIENT_KEY_FILE
    const me = await call('GET', '/api/me', undefined, key)
    const refused = await Promise.all([
      call('POST', '/api/executions', { path: 'compose/check' }, key),
      call('GET', '/api/executions/1', undefined, key),
      call('POST', '/api/vars/1', { variables: { a: 1 } }, key),
      call('GET', '/api/vars/1', undefined, key),
      call('GET', '/api/keys', undefined, key),
    ])
    const statuses = refused.map(({ status }) => status)
    const isGood = me.body.role === 'worker' && statuses.every((status) => status === 403)
    const others = (service.secrets ?? []).filter((secret) => !['worker_key', 'connections'].includes(secret))
    say(
      isGood && others.length === 0,
      name,
      `its key is a ${me.body.role}'s; all else answers ${statuses.join(', ')} ${others.join()}`,
    )
  }
}

/** Each service is stopped, and its health check notices. */
async function stopEach(parts) {
  for (const part of [...parts].reverse()) {
    await stop(part.name)
    if (part.name.startsWith('worker')) {
      const past = new Date(Date.now() - 46_000)
      utimesSync(part.command[part.command.indexOf('--alive-file') + 1], past, past)
    }
    if (check(part)) say(false, part.name, 'its health check is still green after its end')
  }
  if (failures === 0) say(true, 'all', 'health checks are red after their service was stopped')
}

async function main() {
  execFileSync(process.execPath, ['scripts/build.mjs'])
  execFileSync('sh', ['docker/secrets.sh', secrets])
  for (const name of readdirSync(secrets))
    writeFileSync(join(secrets, name), places.translate(readFileSync(join(secrets, name), 'utf8'), 'postgres'))
  chmodSync(secrets, 0o755)
  const parts = inOrder().map(described)
  for (const part of parts) {
    const skipped = await (part.name === 'postgres' ? runPostgres(part) : runProgram(part))
    if (skipped !== null) throw new Error(`${part.name} cannot be run here: ${skipped}`)
    if (!isHa || !part.name.startsWith('nats')) await report(part)
  }
  if (isHa) for (const part of parts.filter(({ name }) => name.startsWith('nats'))) await report(part)
  if (failures > 0) return
  await playThroughThePort(parts)
  await keysOfWorkers(parts)
  await stopEach(parts)
}

async function report(part) {
  const isGood = await untilHealthy(part, part.name === bogus ? 2000 : 60_000)
  say(isGood, part.name, `${part.health.slice(1).join(' ').slice(0, 90)}${isGood ? '' : `\n${part.running?.output() ?? ''}`}`)
  if (!isGood) throw new Error(`${part.name} did not become healthy`)
}

try {
  await main()
} catch (error) {
  failures += 1
  console.info(`FAIL ${error.message}`)
} finally {
  await stopAll()
  if (existsSync(places.root)) rmSync(places.root, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1
