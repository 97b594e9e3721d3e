// src/**/*.ts -> dist/**/*.js, file by file, and beside them the files that the code reads at run time. Only what is stale
// is removed, so that a server that runs from dist/ survives the build of another terminal. The console is bundled apart.
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { build } from 'esbuild'
import { buildConsole } from './build-console.mjs'

const ASSETS = new Set(['.py', '.html', '.css', '.sql'])

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))

const isBundled = (file) => file.startsWith(join('src', 'console'))
const all = filesBelow('src')
const files = all.filter((file) => !isBundled(file))
const core = files.filter((file) => file.startsWith(join('src', 'core')))
const consoleBuild = buildConsole([...all.filter(isBundled), ...core, ...filesBelow('examples')])
await build({
  entryPoints: files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')),
  outdir: 'dist',
  outbase: 'src',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
})
for (const file of files.filter((file) => ASSETS.has(extname(file)))) cpSync(file, join('dist', relative('src', file)))

const made = new Set(
  files.flatMap((file) => {
    const target = join('dist', relative('src', file))
    return [target, target.replace(/\.ts$/, '.js'), target.replace(/\.ts$/, '.js.map')]
  }),
)
const isStale = (file) => !made.has(file) && !file.startsWith(join('dist', 'console'))
for (const file of existsSync('dist') ? filesBelow('dist').filter(isStale) : []) rmSync(file)
await consoleBuild
