import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { startTestServer } from '../support/server.js'
import { pathOf } from './stream.js'

const KEY = 'a-key-for-this-test-only'
const PLACE = `transient${process.pid}`
const [OURS, THEIRS] = ['10.213.7.1', '10.213.7.2']
const GONE_WITHIN_MS = 30_000

const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' })
const inside = (...words: string[]) => ip('netns', 'exec', PLACE, 'ip', ...words)

/** A second host, in a network namespace; false, said aloud, where none can be made. */
function makeHost(): boolean {
  try {
    ip('netns', 'add', PLACE)
    ip('link', 'add', 'transient-a', 'type', 'veth', 'peer', 'name', 'transient-b', 'netns', PLACE)
    ip('addr', 'add', `${OURS}/24`, 'dev', 'transient-a')
    ip('link', 'set', 'transient-a', 'up')
    inside('addr', 'add', `${THEIRS}/24`, 'dev', 'transient-b')
    inside('link', 'set', 'transient-b', 'up')
    return true
  } catch (error) {
    console.warn(
      `SKIPPED: no network namespace can be made here, so peers that vanish are not checked (${String(error).split('\n')[0]})`,
    )
    return false
  }
}

afterAll(() => {
  try {
    ip('netns', 'del', PLACE)
  } catch {
    // There is none.
  }
})

describe('a reader of events whose machine is gone without a word', () => {
  it(`has lost its connection ${GONE_WITHIN_MS / 1000} s later`, async (context) => {
    if (!makeHost()) return context.skip()
    const server = await startTestServer({ env: { HOST: '0.0.0.0', ADMIN_KEY: KEY } })
    const url = `http://${OURS}:${new URL(server.url).port}${pathOf('9500')}/events`
    const reader = spawn('ip', ['netns', 'exec', PLACE, 'curl', '-sN', '-H', `Authorization: Bearer ${KEY}`, url])
    try {
      expect(String((await once(reader.stdout, 'data'))[0])).toContain('event: subscribed')
      const peers = () =>
        execFileSync('ss', ['-tnH', 'state', 'established', 'dst', THEIRS], { encoding: 'utf8' }).split('\n').filter(Boolean)
          .length
      expect(peers()).toBe(1)
      // Its address is gone: what is sent to it arrives, and nobody answers.
      inside('addr', 'flush', 'dev', 'transient-b')
      const began = performance.now()
      while (peers() > 0 && performance.now() - began < GONE_WITHIN_MS + 10_000) await sleep(250)
      const took = performance.now() - began
      console.info(`gone after ${Math.round(took / 100) / 10} s`)
      expect(took).toBeLessThan(GONE_WITHIN_MS + 2_000)
    } finally {
      reader.kill('SIGKILL')
      await server.close()
    }
  })
})
