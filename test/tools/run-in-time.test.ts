import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { runInTime } from '../../src/tools/run-in-time.js'
import type { ToolCallContext, ToolOutcome } from '../../src/tools/tool.js'

const done: ToolOutcome = { status: 'success', data: 1 }
const call = (parts: Partial<ToolCallContext> = {}): ToolCallContext => ({
  signal: new AbortController().signal,
  timeoutMs: 60_000,
  idempotencyKey: '1:a:1:0',
  series: '1:a:1',
  log: () => undefined,
  ...parts,
})
const onAbort = (signal: AbortSignal, then: () => void) => signal.addEventListener('abort', then, { once: true })
const never = new Promise<ToolOutcome>(() => undefined)

describe('a call of a tool', () => {
  test('ends as the tool ends: with an outcome, at once or later, or with what it throws', async () => {
    expect(await runInTime(() => done, call())).toBe(done)
    expect(await runInTime(async () => done, call())).toBe(done)
    const thrown = new Error('broken')
    await expect(runInTime(() => Promise.reject(thrown), call())).rejects.toBe(thrown)
    const throws = () => {
      throw thrown
    }
    await expect(runInTime(throws, call())).rejects.toBe(thrown)
  })

  test.each(['gives a result', 'throws', 'goes on'])('ends with TIMEOUT when its tool was told to stop and %s', async (how) => {
    const run = ({ signal }: ToolCallContext) =>
      new Promise<ToolOutcome>((resolve, reject) => {
        onAbort(signal, () => {
          if (how === 'gives a result') resolve(done)
          if (how === 'throws') reject(new Error('stopped'))
        })
      })
    const outcome = await runInTime(run, call({ timeoutMs: 20 }))
    expect(outcome).toMatchObject({
      status: 'error',
      error: { code: 'TIMEOUT', message: expect.stringMatching(/^no result after 0\.02 s/) },
    })
  })

  test('waits for a tool that cleans up when it is cancelled', async () => {
    const cancel = new AbortController()
    let isClean = false
    const run = ({ signal }: ToolCallContext) =>
      new Promise<ToolOutcome>((resolve) => {
        onAbort(signal, () => {
          sleep(50).then(() => {
            isClean = true
            resolve(done)
          })
        })
      })
    const running = runInTime(run, call({ signal: cancel.signal }))
    cancel.abort()
    expect(await running).toMatchObject({ status: 'error', error: { code: 'TOOL_FAILED' } })
    expect(isClean).toBe(true)
  })

  test('of one that was cancelled before, the tool is not begun', async () => {
    const run = vi.fn(() => never)
    expect(await runInTime(run, call({ signal: AbortSignal.abort() }))).toMatchObject({ status: 'error' })
    expect(run).not.toHaveBeenCalled()
  })
})
