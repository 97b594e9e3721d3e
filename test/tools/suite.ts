import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/core/json.js'
import type { ToolEnvironment } from '../../src/tools/tool.js'
import { within } from '../support/pace.js'
import { createCaller } from './call.js'

export interface ToolSuite {
  readonly kind: string
  readonly environment: () => ToolEnvironment
  /** A call that succeeds, and its data. */
  readonly good: () => { readonly input: JsonObject; readonly data: JsonValue }
  /** A call that fails with TOOL_FAILED. */
  readonly bad: () => JsonObject
  /** A call that would last a minute. */
  readonly endless: () => JsonObject
}

/** What every tool kind keeps to: outcomes instead of throws, timeout, cancellation, several calls at once, a clean end. */
export function testTool(name: string, suite: ToolSuite): void {
  describe(`${name}: the contract of tools`, () => {
    const caller = createCaller(suite.kind, suite.environment())
    afterAll(() => caller.close())

    it('succeeds with data', async () => {
      const { input, data } = suite.good()
      expect(await caller.data(input)).toEqual(data)
    })

    it('fails with an outcome, not a throw', async () => {
      expect(await caller.error(suite.bad())).toMatch(/^TOOL_FAILED: ./)
    })

    it('ends a call at its timeout and serves the next', async () => {
      const startedAt = Date.now()
      expect(await caller.error(suite.endless(), { timeoutMs: 500 })).toMatch(/^TIMEOUT: .* after 0\.5 s/)
      expect(Date.now() - startedAt).toBeLessThan(within(4000))
      const { input, data } = suite.good()
      expect(await caller.data(input)).toEqual(data)
    })

    it('ends a call that is cancelled, before and while it runs', async () => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 200)
      expect(await caller.error(suite.endless(), { signal: controller.signal })).toMatch(/^TOOL_FAILED: cancelled/)
      expect(await caller.error(suite.endless(), { signal: controller.signal })).toMatch(/^TOOL_FAILED: cancelled/)
    })

    it('runs several calls at once', async () => {
      const { input, data } = suite.good()
      const results = await Promise.all(Array.from({ length: 8 }, () => caller.data(input)))
      expect(results).toEqual(Array.from({ length: 8 }, () => data))
    })

    it('leaves no process behind when it is closed during a call', async () => {
      const before = childProcesses()
      const closing = createCaller(suite.kind, suite.environment())
      await closing.data(suite.good().input)
      const call = closing.run(suite.endless(), { timeoutMs: 3000 })
      await new Promise((resolve) => setTimeout(resolve, 200))
      await Promise.all([closing.close(), call])
      await expect.poll(() => childProcesses().filter((pid) => !before.includes(pid)), { timeout: within(3000) }).toEqual([])
      expect((await closing.run(suite.good().input)).status).toBe('error')
    })
  })
}

/** Ids of this process's children; empty where /proc does not tell. */
export function childProcesses(): string[] {
  try {
    return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)
  } catch {
    return []
  }
}
