import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { type CatalogService, createCatalogService } from '../../src/catalog/service.js'
import type { Database } from '../../src/db/database.js'
import { TOOLS } from '../../src/tools/index.js'
import { describeDatabase } from '../support/database.js'

const playbook = (path: string, comment = '') => `${comment}
apiVersion: noetl.io/v2
kind: Playbook
metadata:
  name: sample
  path: ${path}
workflow:
  - step: start
    vars:
      answer: 42
`

describeDatabase('catalog', (open) => {
  let db: Database
  let catalog: CatalogService

  beforeEach(async () => {
    db ??= await open()
    await db.run('TRUNCATE transient.playbook CASCADE')
    catalog = createCatalogService({ db, tools: TOOLS })
  })

  test('versions count up; the identical latest source returns its version', async () => {
    const one = await catalog.register(playbook('etl/load'))
    expect(one).toMatchObject({ path: 'etl/load', version: 1, name: 'sample', source: playbook('etl/load') })
    expect(await catalog.register(playbook('etl/load'))).toEqual({ ...one, isNew: false })
    expect(await catalog.register(playbook('etl/load', '# two'))).toMatchObject({ version: 2 })
    expect(await catalog.register(playbook('etl/load'))).toMatchObject({ version: 3 })
    expect(await catalog.register(playbook('other'))).toMatchObject({ path: 'other', version: 1 })
  })

  test('registrations at once give consecutive versions', async () => {
    const sources = Array.from({ length: 8 }, (_, index) => playbook('busy', `# ${index}`))
    const registered = await Promise.all([...sources, ...sources.slice(7)].map((source) => catalog.register(source)))
    const versions = new Set(registered.map(({ version }) => version))
    expect([...versions].sort((a, b) => a - b)).toEqual(Array.from({ length: versions.size }, (_, index) => index + 1))
    expect(versions.size).toBeGreaterThanOrEqual(8)
  })

  test('with an expected version a registration goes over that one alone', async () => {
    const conflict = (version: number) => ({ code: 'CONFLICT', details: { path: 'shared', version } })
    await expect(catalog.register(playbook('shared'), 1)).rejects.toMatchObject(conflict(0))
    expect(await catalog.register(playbook('shared'), 0)).toMatchObject({ version: 1 })
    await expect(catalog.register(playbook('shared', '# theirs'), 0)).rejects.toMatchObject(conflict(1))
    expect(await catalog.register(playbook('shared', '# theirs'), 1)).toMatchObject({ version: 2 })
    await expect(catalog.register(playbook('shared', '# mine'), 1)).rejects.toMatchObject(conflict(2))
    // Nothing would be overwritten.
    expect(await catalog.register(playbook('shared', '# theirs'), 1)).toMatchObject({ version: 2 })
    const both = await Promise.allSettled(['# a', '# b'].map((comment) => catalog.register(playbook('shared', comment), 2)))
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await catalog.find('shared')).toMatchObject({ version: 3 })
  })

  test('a path that no index could take is a problem', async () => {
    const long = randomBytes(3000).toString('hex')
    await expect(catalog.register(playbook(long))).rejects.toMatchObject({
      code: 'PLAYBOOK_INVALID',
      message: expect.stringContaining('metadata.path has 6000 bytes'),
    })
    expect((await catalog.validate(playbook(long))).playbook).toBeNull()
  })

  test('find and get give the latest version or the one asked for', async () => {
    await catalog.register(playbook('p'))
    await catalog.register(playbook('p', '# two'))
    expect(await catalog.find('p')).toMatchObject({ version: 2 })
    expect(await catalog.find('p', null)).toMatchObject({ version: 2 })
    expect(await catalog.get('p', 1)).toMatchObject({ version: 1 })
    for (const version of [3, 0, 1.5, 2 ** 40]) expect(await catalog.find('p', version)).toBeNull()
    await expect(catalog.find('p', -1)).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(await catalog.find('nope')).toBeNull()
    expect(await catalog.find('p\0')).toBeNull()
    await expect(catalog.get('nope')).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('"nope"') })
    await expect(catalog.get('p', 3)).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('version 3') })
  })

  test('the model of a version is parsed once', async () => {
    await catalog.register(playbook('p'))
    const model = await catalog.model('p', 1)
    expect(model).toMatchObject({ path: 'p', startStep: 'start' })
    expect(await catalog.model('p', 1)).toBe(model)
    await expect(catalog.model('p', 2)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('the list has the latest versions by path', async () => {
    for (const path of ['c', 'a', 'b']) await catalog.register(playbook(path))
    await catalog.register(playbook('a', '# two'))
    const first = await catalog.list({ first: 2 })
    expect(first.items.map(({ path, version }) => [path, version])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
    expect(first).toMatchObject({ hasNextPage: true, hasPreviousPage: false, totalCount: 3 })
    const second = await catalog.list({ first: 2, after: first.cursorAt(1) })
    expect(second.items.map(({ path }) => path)).toEqual(['c'])
    expect(second).toMatchObject({ hasNextPage: false, hasPreviousPage: true, totalCount: 3 })
    await expect(catalog.list({ after: '?' })).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  test('an invalid playbook is refused with all its problems and stores nothing', async () => {
    const source = `${playbook('bad')}    nxt: nowhere\n  - step: start\n    tool: teleport\n`
    const report = await catalog.validate(source)
    expect(report.playbook).toBeNull()
    expect(report.problems.length).toBeGreaterThanOrEqual(3)
    await expect(catalog.register(source)).rejects.toMatchObject({
      code: 'PLAYBOOK_INVALID',
      message: expect.stringMatching(/line \d+, column \d+/),
      details: { problems: report.problems.map((problem) => ({ ...problem })) },
    })
    expect(await catalog.find('bad')).toBeNull()
  })

  test('what is not a playbook at all is PLAYBOOK_INVALID, what is too large TOO_LARGE', async () => {
    for (const source of ['', 'a: [', '42', 'null', 'a\0b', playbook('x', '# \0'), playbook('"x\\0y"')]) {
      await expect(catalog.register(source)).rejects.toMatchObject({ code: 'PLAYBOOK_INVALID' })
    }
    expect((await catalog.validate(playbook('x', '# \n# \0'))).problems).toContainEqual(
      expect.objectContaining({ severity: 'error', line: 2, column: 3 }),
    )
    await expect(catalog.register(`#${'x'.repeat(1024 * 1024)}`)).rejects.toMatchObject({
      code: 'TOO_LARGE',
      details: { limit: 1048576 },
    })
    await expect(catalog.validate(`#${'\u00e9'.repeat(600_000)}`)).rejects.toThrow(/at most 1048576/)
  })
})
