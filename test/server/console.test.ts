import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { readConsoleFiles } from '../../src/server/console-files.js'

const folder = mkdtempSync(join(tmpdir(), 'transient-console-'))
mkdirSync(join(folder, 'assets'))
writeFileSync(join(folder, 'index.html'), '<script nonce="CSP_NONCE"></script><style nonce="CSP_NONCE"></style>')
writeFileSync(join(folder, 'assets', 'a-1.js'), 'export const a = 1')
writeFileSync(join(folder, 'assets', 'secret.txt'), 'not a file of the page')
const files = readConsoleFiles(folder)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the files of the console', () => {
  it('the page carries the nonce of its answer', () => {
    expect(files.page('abc')).toBe('<script nonce="abc"></script><style nonce="abc"></style>')
  })

  it('hashed files are sent for good, packed where that is understood', async () => {
    const plain = await files.asset('/assets/a-1.js', false)
    const packed = await files.asset('/assets/a-1.js', true)
    expect(Object.fromEntries(plain?.headers ?? [])).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    })
    expect(await plain?.text()).toBe('export const a = 1')
    expect(packed?.headers.get('content-encoding')).toBe('gzip')
    expect(String(gunzipSync(Buffer.from((await packed?.arrayBuffer()) ?? new ArrayBuffer())))).toBe('export const a = 1')
  })

  it.each(['/assets/secret.txt', '/assets/none.js', '/assets/../index.html', '/assets/'])('%s is none of them', async (path) => {
    expect(await files.asset(path, false)).toBeNull()
  })

  it('a console that was not built has no page', () => {
    expect(readConsoleFiles(join(folder, 'nowhere')).page('')).toBeNull()
  })
})
