// What docker-compose.yml, the Dockerfile and docker/ha.env say, read as the container engine would.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** `NAME=value` lines. */
export function readEnvFile(path) {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => /^[A-Z_]+=/.test(line))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

/** `${NAME}`, `${NAME:-fallback}` and `${NAME:?message}`. @throws Error for a variable without value */
export function interpolate(text, env) {
  return text.replace(/\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g, (_all, name, mode, more) => {
    const value = env[name]
    if (value) return value
    if (mode === '-') return more
    throw new Error(`\${${name}}: ${mode === '?' ? more : 'has neither a value nor a fallback'}`)
  })
}

/** The services of the chosen profiles, with their merged keys. */
export function readCompose(path, env) {
  const document = parse(interpolate(readFileSync(path, 'utf8'), env), { merge: true })
  const profiles = (env.COMPOSE_PROFILES ?? '').split(',')
  const chosen = Object.entries(document.services).filter(
    ([, service]) => service.profiles?.every((name) => profiles.includes(name)) ?? true,
  )
  return { ...document, services: Object.fromEntries(chosen) }
}

/** The instructions of a Dockerfile's stages: `[{ name, steps: [[instruction, rest], ...] }]`. */
export function readDockerfile(path) {
  const lines = readFileSync(path, 'utf8')
    .replace(/\\\n\s*/g, '')
    .split('\n')
  const stages = []
  for (const line of lines.map((text) => text.trim()).filter((text) => text !== '' && !text.startsWith('#'))) {
    const [, instruction, rest] = /^(\w+)\s+(.*)$/.exec(line)
    if (instruction === 'FROM') stages.push({ name: rest, steps: [] })
    else stages.at(-1).steps.push([instruction, rest])
  }
  return stages
}

/** What the last stage gives to a container: ENV, CMD and HEALTHCHECK. */
export function imageOf(stages) {
  const { steps } = stages.at(-1)
  const all = (wanted) => steps.filter(([instruction]) => instruction === wanted).map(([, rest]) => rest)
  const env = Object.fromEntries(all('ENV').flatMap((rest) => rest.split(/\s+/).map((pair) => pair.split('='))))
  const check = /CMD\s+(.*)$/.exec(all('HEALTHCHECK')[0])[1]
  return { env, command: JSON.parse(all('CMD')[0]), healthcheck: ['CMD-SHELL', check], user: all('USER')[0] }
}
