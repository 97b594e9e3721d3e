// Where the containers' addresses and folders lie on this machine: a free loopback port for each, and a temporary folder.
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PORTS = [4000, 4222, 5432, 6222, 8222]

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })

/** Translates what a service's settings, commands and files say. */
export async function createPlaces(names) {
  const root = mkdtempSync(join(tmpdir(), 'transient-compose-'))
  chmodSync(root, 0o755)
  const ports = new Map()
  for (const name of names) for (const port of PORTS) ports.set(`${name}:${port}`, await freePort())
  const folder = (name) => join(root, name)
  for (const name of names) {
    mkdirSync(join(folder(name), 'tmp'), { recursive: true })
    for (const path of [folder(name), join(folder(name), 'tmp')]) chmodSync(path, 0o1777)
  }
  const hosts = [...names].sort((a, b) => b.length - a.length).join('|')
  const address = new RegExp(`(?<![\\w-])(${hosts}|127\\.0\\.0\\.1|0\\.0\\.0\\.0|localhost):(${PORTS.join('|')})\\b`, 'g')

  function translate(text, name) {
    return text
      .replace(address, (_all, host, port) => `127.0.0.1:${ports.get(`${names.includes(host) ? host : name}:${port}`)}`)
      .replace(
        /(?<!\w)(listen |-p )(\d+)\b/g,
        (_all, word, port) => `${word}${word === 'listen ' ? '127.0.0.1:' : ''}${ports.get(`${name}:${port}`)}`,
      )
      .replace(/(?<![\w/.-])\/(tmp|data|etc)\b/g, (_all, path) => join(folder(name), path))
      .replaceAll('/run/secrets/', `${join(root, 'secrets')}/`)
  }
  return {
    root,
    folder,
    translate,
    port: (name, port) => ports.get(`${name}:${port}`),
    /** A folder or file of the repository as the service sees it, translated. */
    mount(source, target, name) {
      const place = translate(target, name)
      if (!statSync(source).isDirectory()) {
        mkdirSync(join(place, '..'), { recursive: true })
        writeFileSync(place, translate(readFileSync(source, 'utf8'), name))
        return place
      }
      cpSync(source, place, { recursive: true })
      for (const file of readdirSync(place))
        writeFileSync(join(place, file), translate(readFileSync(join(place, file), 'utf8'), name))
      return place
    },
  }
}
