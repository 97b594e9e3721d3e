import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const EXECUTION = '507861119290048999'
const PAUSE_MS = 3

/** Writes a variable and reads it, over one kept connection, for so long; answers how long each request took, in ms. */
export async function timeRequests(url: string, key: string, forMs: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  const send = async (method: string, path: string, body?: string): Promise<void> => {
    const began = performance.now()
    await new Promise<void>((resolve, reject) => {
      const headers = { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) }
      const sent = request(`${url}/api/vars/${EXECUTION}${path}`, { method, agent, headers }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${method} answered ${response.statusCode}`))
        response.resume().on('end', resolve)
      })
      sent.on('error', reject)
      sent.end(body)
    })
    times.push(performance.now() - began)
  }
  const until = performance.now() + forMs
  for (let n = 0; performance.now() < until; n += 1) {
    await send('POST', '', `{"variables":{"counter":${n}}}`)
    await send('GET', '/counter')
    await sleep(PAUSE_MS)
  }
  agent.destroy()
  return times
}

/** The time that 99 of 100 requests stay below. */
export function p99(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN
}
