// src/**/*.ts -> dist/**/*.js, file by file, and beside them the files that the code reads at run time.
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { build } from 'esbuild'

const ASSETS = new Set(['.py', '.html', '.css', '.sql'])

const files = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name))

rmSync('dist', { recursive: true, force: true })
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
