// src/ -> dist/: a few bundles, with what they take from node_modules, because reading two thousand small modules costs more
// than a second of processor time at every start (docs/decisions/0019-bundles.md). Beside them lie the files that the code reads at run time. Only what
// is stale is removed, so that a server that runs from dist/ survives the build of another terminal. The console is bundled apart.
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join, relative } from 'node:path'
import { build } from 'esbuild'
import { buildConsole } from './build-console.mjs'
import { generatePrisma } from './prisma-generate.mjs'

/** What is started or imported from outside: the command, the SDK, threads, and what tests and benchmarks run as users get it. */
const ENTRIES = ['cli/main', 'sdk/index', 'server/main', 'config', 'db/local/local-postgres']
/** They read files of their own at run time, or are large and seldom needed (the GraphiQL page). */
const APART = ['@prisma/client', '@graphql-yoga/render-graphiql']
const ASSETS = new Set(['.py'])

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))

/** In a bundle, too, `import.meta.url` is the module's own address below dist/, not the bundle's. */
const ownAddresses = {
  name: 'own-addresses',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      if (!source.includes('import.meta.url')) return null
      const own = JSON.stringify(relative('src', path).replace(/\.ts$/, '.js').replaceAll('\\', '/'))
      return { contents: source.replaceAll('import.meta.url', `new URL(${own}, __dist).href`), loader: 'ts' }
    })
  },
}
/** CommonJS packages ask for Node's own modules by `require`. */
const banner = `import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)
const __dist = import.meta.url.slice(0, import.meta.url.lastIndexOf('/dist/') + '/dist/'.length)`

generatePrisma()
const all = filesBelow('src')
const isConsole = (file) => file.startsWith(join('src', 'console'))
const core = all.filter((file) => file.startsWith(join('src', 'core')))
const consoleBuild = buildConsole([...all.filter(isConsole), ...core, ...filesBelow('examples')])
const { metafile } = await build({
  entryPoints: ENTRIES.map((entry) => join('src', `${entry}.ts`)),
  outdir: 'dist',
  outbase: 'src',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  external: APART,
  plugins: [ownAddresses],
  banner: { js: banner },
  format: 'esm',
  platform: 'node',
  mainFields: ['module', 'main'],
  target: 'node20.19',
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  logLevel: 'warning',
})
const assets = all
  .filter((file) => !isConsole(file) && ASSETS.has(extname(file)))
  .map((file) => [file, join('dist', relative('src', file))])
for (const [file, target] of assets) cpSync(file, target)

const made = new Set([...Object.keys(metafile.outputs).map((file) => join(file)), ...assets.map(([, target]) => target)])
const isStale = (file) => !made.has(file) && !file.startsWith(join('dist', 'console'))
for (const file of filesBelow('dist').filter(isStale)) rmSync(file)
await consoleBuild
