import pg from 'pg'

/** A client of a database, connected; the database may be cut off at any time. */
export async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Makes an empty database on a server; answers its URL. */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const client = await connectTo(serverUrl)
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  const created = new URL(serverUrl)
  created.pathname = `/${name}`
  return created.href
}

/** The same database over another port of this machine. */
export function onPort(url: string, port: number): string {
  const changed = new URL(url)
  changed.port = String(port)
  return changed.href
}
