// Moves the data of version 0.1, which kept it in PGlite, into the PostgreSQL of this version (CHANGELOG.md). With the server stopped, in its folder:
//   npm ci && npm run build
//   npm install --no-save @electric-sql/pglite@0.5.8 @electric-sql/pglite-tools@0.4.8
//   node scripts/move-from-0.1.mjs .transient
// The old folders stay, under other names.
import { existsSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { pgDump } from '@electric-sql/pglite-tools/pg_dump'
import pg from 'pg'
import { startLocalPostgres } from '../dist/db/local/local-postgres.js'

const dataDir = resolve(process.argv[2] ?? '.transient')
if (!existsSync(join(dataDir, 'db', 'PG_VERSION'))) {
  console.error(`${dataDir} holds no database of version 0.1`)
  process.exit(1)
}
if (existsSync(join(dataDir, 'postgres'))) {
  console.error(`${dataDir}/postgres is there already: move it away first`)
  process.exit(1)
}

/** What a PGlite folder holds, as SQL. */
async function dumpOf(folder) {
  const pglite = await PGlite.create(folder)
  const file = await pgDump({ pg: pglite, args: ['--inserts', '--no-owner', '--no-privileges', '--rows-per-insert=1000'] })
  await pglite.close()
  return file.text()
}

async function load(url, sql) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`BEGIN; ${sql}; COMMIT`)
  await client.end()
}

/** `db` is the product's database, `steps` that of postgres steps that name no connection; it is made at its first use. */
const names = ['db', 'steps'].filter((name) => existsSync(join(dataDir, name, 'PG_VERSION')))
const dumps = new Map()
for (const name of names) dumps.set(name, await dumpOf(join(dataDir, name)))
for (const name of names) renameSync(join(dataDir, name), join(dataDir, `${name}-0.1`))
const local = await startLocalPostgres({
  dataDir,
  log: { info: console.log, warn: console.warn },
  onLost(error) {
    throw error
  },
})
try {
  await load(local.url, dumps.get('db'))
  if (dumps.has('steps')) await load(local.stepsUrl, dumps.get('steps'))
  console.log(
    `moved ${names.join(' and ')}; npm start goes on with it. When all is there, remove ${names.map((name) => join(dataDir, `${name}-0.1`)).join(' and ')}`,
  )
} finally {
  await local.close()
}
