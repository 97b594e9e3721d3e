import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

/** What `npm run build` makes of src/console; the same place seen from src/server and from dist/server. */
const FOLDER = fileURLToPath(new URL('../../dist/console/', import.meta.url))
const NONCE = 'CSP_NONCE'

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const compress = promisify(gzip)

interface Asset {
  readonly type: string
  readonly body: Buffer<ArrayBuffer>
  /** Made when it is first asked for. */
  packed: Promise<Buffer<ArrayBuffer>> | null
}

/** The page, and what it loads, as they were when the first of them was asked for. */
export interface ConsoleFiles {
  /** Of index.html, with the nonce of its response; null when the console is not built. */
  page(nonce: string): string | null
  /** A hashed file; null when there is none of that name. */
  asset(path: string, isGzipAccepted: boolean): Promise<Response | null>
}

/** Reads what was built; a later build is seen by the next process. */
export function readConsoleFiles(folder = FOLDER): ConsoleFiles {
  const index = join(folder, 'index.html')
  const html = existsSync(index) ? readFileSync(index, 'utf8') : null
  const assets = new Map<string, Asset>()
  for (const name of html === null ? [] : readdirSync(join(folder, 'assets'))) {
    const type = TYPES[extname(name)]
    if (type !== undefined)
      assets.set(`/assets/${name}`, { type, body: readFileSync(join(folder, 'assets', name)), packed: null })
  }

  return {
    page: (nonce) => html?.replaceAll(NONCE, nonce) ?? null,
    async asset(path, isGzipAccepted) {
      const asset = assets.get(path)
      if (asset === undefined) return null
      if (isGzipAccepted) asset.packed ??= compress(asset.body)
      const body = isGzipAccepted && asset.packed !== null ? await asset.packed : asset.body
      return new Response(body, {
        headers: {
          'content-type': asset.type,
          ...(isGzipAccepted && { 'content-encoding': 'gzip' }),
          vary: 'accept-encoding',
          'cache-control': 'public, max-age=31536000, immutable',
        },
      })
    },
  }
}
