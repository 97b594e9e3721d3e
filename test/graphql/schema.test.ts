import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printSchema } from 'graphql'
import { describe, expect, it } from 'vitest'
import { schema } from '../../src/graphql/index.js'
import { ROOT } from '../support/paths.js'

describe('the schema', () => {
  it('is what schema.graphql shows: run `npm run codegen` when it is not', () => {
    expect(readFileSync(join(ROOT, 'schema.graphql'), 'utf8')).toBe(`${printSchema(schema)}\n`)
  })
})
