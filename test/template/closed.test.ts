import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const SOURCE = new URL('../../src/', import.meta.url).pathname

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? files(path) : /\.tsx?$/.test(entry.name) ? [path] : []
  })
}

describe('the source', () => {
  it("never uses nunjucks' compiler, its environment or its renderer, nor makes code from text", () => {
    const found = files(SOURCE).filter((path) => {
      const text = readFileSync(path, 'utf8')
      const modules = [...text.matchAll(/from '(nunjucks[^']*)'/g)].map(([, name]) => name as string)
      const isForeign = modules.some((name) => !/^nunjucks\/src\/(lexer|parser|nodes)\.js$/.test(name))
      return isForeign || /nunjucks\.(renderString|compile|configure|Environment)|\bnew Function\(|\beval\(/.test(text)
    })
    expect(found).toEqual([])
  })
})
