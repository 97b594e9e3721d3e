import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { type ConsoleFiles, readConsoleFiles } from '../../src/server/console-files.js'

const folder = mkdtempSync(join(tmpdir(), 'transient-console-'))
mkdirSync(join(folder, 'assets'))
writeFileSync(join(folder, 'index.html'), '<script nonce="CSP_NONCE"></script><style nonce="CSP_NONCE"></style>')
writeFileSync(join(folder, 'assets', 'a-1.js'), 'export const a = 1')
writeFileSync(join(folder, 'assets', 'secret.txt'), 'not a file of the page')
const files = readConsoleFiles(folder)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Sent {
  head: Record<string, unknown>
  body: Buffer
}

async function send(from: ConsoleFiles, path: string, isGzipAccepted: boolean): Promise<Sent | null> {
  const sent: Sent = { head: {}, body: Buffer.alloc(0) }
  const response = {
    writeHead: (_status: number, head: Record<string, unknown>) => Object.assign(sent, { head }),
    end: (body: Buffer) => Object.assign(sent, { body }),
  } as unknown as ServerResponse
  return (await from.send(path, { response, isGzipAccepted })) ? sent : null
}

describe('the files of the console', () => {
  it('the page has a nonce of its own each time', () => {
    const [one, two] = [files.page(), files.page()]
    expect(one?.html).toBe(`<script nonce="${one?.nonce}"></script><style nonce="${one?.nonce}"></style>`)
    expect(one?.nonce).not.toBe(two?.nonce)
  })

  it('hashed files are sent for good, packed where that is understood', async () => {
    const plain = await send(files, '/assets/a-1.js', false)
    const packed = await send(files, '/assets/a-1.js', true)
    expect(plain?.head).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    })
    expect(String(plain?.body)).toBe('export const a = 1')
    expect(packed?.head).toMatchObject({ 'content-encoding': 'gzip' })
    expect(String(gunzipSync(packed?.body ?? ''))).toBe('export const a = 1')
  })

  it.each(['/assets/secret.txt', '/assets/none.js', '/assets/../index.html', '/assets/'])('%s is none of them', async (path) => {
    expect(await send(files, path, false)).toBeNull()
  })

  it('a console that was not built has no page', () => {
    expect(readConsoleFiles(join(folder, 'nowhere')).page()).toBeNull()
  })
})
