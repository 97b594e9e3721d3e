import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createAddressPolicy } from '../../src/tools/http/address-policy.js'
import { createAgent } from '../../src/tools/http/connect.js'
import { describeFault } from '../../src/tools/http/fault.js'
import { within } from '../support/pace.js'
import { type NameServer, startNameServer } from './name-server.js'

/** Stands for a public server: an address that ALLOW_HOSTS opens. */
const OPEN = '127.0.0.9'
const PRIVATE = ['127.0.0.1', '10.0.0.1', '192.168.1.1', '169.254.169.254', '100.100.100.200', '0.0.0.0']

describe('a resolver that answers otherwise when it is asked again', () => {
  const policy = createAddressPolicy({ allowHosts: [OPEN], isLoopbackOpen: false, ownPort: null })
  let names: NameServer
  let open: Server
  let victim: Server
  let port = 0
  let stolen = 0

  beforeAll(async () => {
    names = await startNameServer()
    open = createServer((_request, response) => response.setHeader('connection', 'close').end('open'))
    await new Promise<void>((resolve) => open.listen(0, OPEN, resolve))
    port = (open.address() as AddressInfo).port
    victim = createServer((_request, response) => {
      stolen += 1
      response.end('secret')
    })
    await new Promise<void>((resolve) => victim.listen(port, '127.0.0.1', resolve))
  })
  afterAll(() => {
    names.close()
    open.close()
    victim.close()
  })
  beforeEach(() => {
    stolen = 0
  })

  /** What a step would get: the body, or what went wrong in words. */
  async function get(agent = createAgent({ policy, isCertificateChecked: true, lookup: names.lookup })): Promise<string> {
    const url = new URL(`http://rebind.example:${port}/`)
    try {
      return await (await request(url, { dispatcher: agent, signal: AbortSignal.timeout(within(5_000)) })).body.text()
    } catch (error) {
      return describeFault(error, url) ?? String(error)
    }
  }

  it.each(PRIVATE)('the address that was checked is the one that is dialled: first open, then %s', async (address) => {
    names.answerWith([OPEN], [address])
    expect(await get()).toBe('open')
    expect(names.asked()).toBe(1)
    expect(await get()).toMatch(/address, which http steps may not reach/)
    expect(names.asked()).toBe(2)
    expect(stolen).toBe(0)
  })

  it('every connection of an agent is checked anew', async () => {
    names.answerWith([OPEN], ['127.0.0.1'], [OPEN], ['127.0.0.1'])
    const agent = createAgent({ policy, isCertificateChecked: true, lookup: names.lookup })
    const answers = [await get(agent), await get(agent), await get(agent), await get(agent)]
    expect(answers.map((answer) => (answer === 'open' ? 'open' : 'refused'))).toEqual(['open', 'refused', 'open', 'refused'])
    expect(stolen).toBe(0)
  })

  it('of several addresses only those that are open are dialled', async () => {
    names.answerWith(['127.0.0.1', OPEN, '10.0.0.1'])
    for (let attempt = 0; attempt < 10; attempt += 1) expect(await get()).toBe('open')
    expect(stolen).toBe(0)
  })

  it('names that mean private addresses only are refused', async () => {
    names.answerWith(PRIVATE)
    expect(await get()).toMatch(/address, which http steps may not reach/)
    expect(stolen).toBe(0)
  })
})
