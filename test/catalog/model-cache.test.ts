import { expect, test } from 'vitest'
import { createModelCache } from '../../src/catalog/model-cache.js'
import type { Playbook } from '../../src/playbook/model.js'

const model = (name: string): Playbook => ({
  apiVersion: 'noetl.io/v2',
  name,
  path: name,
  description: null,
  workload: {},
  sensitive: [],
  workbook: [],
  steps: [],
  startStep: 'start',
})

test('forgets the least recently used models first, to stay within its bytes', () => {
  const cache = createModelCache(100)
  cache.set('a', { model: model('a'), bytes: 40 })
  cache.set('b', { model: model('b'), bytes: 40 })
  expect(cache.get('a')?.name).toBe('a')
  cache.set('c', { model: model('c'), bytes: 40 })
  expect(['a', 'b', 'c'].map((key) => cache.get(key)?.name)).toEqual(['a', undefined, 'c'])
})

test('keeps one model that is larger than all its bytes, until the next one', () => {
  const cache = createModelCache(100)
  cache.set('small', { model: model('small'), bytes: 10 })
  cache.set('large', { model: model('large'), bytes: 500 })
  expect(cache.get('small')).toBeUndefined()
  expect(cache.get('large')?.name).toBe('large')
  cache.set('next', { model: model('next'), bytes: 10 })
  expect(cache.get('large')).toBeUndefined()
  expect(cache.get('next')?.name).toBe('next')
})

test('replacing a model counts its bytes once', () => {
  const cache = createModelCache(100)
  for (let n = 0; n < 10; n += 1) cache.set('a', { model: model(`a${n}`), bytes: 60 })
  cache.set('b', { model: model('b'), bytes: 40 })
  expect(cache.get('a')?.name).toBe('a9')
  expect(cache.get('b')?.name).toBe('b')
})
