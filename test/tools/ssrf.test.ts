import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCaller, environmentWith } from './call.js'

/** Hosts as a URL may spell them; every one means a place that a playbook must not reach. */
const SPELLINGS = [
  ...['127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '017700000001', '0177.0.0.1', '0x7f.0.0.1', '0x7f.1'],
  ...['127.0.0.1.', '127.255.255.254', 'localhost', 'LOCALHOST', 'localhost.', '①②⑦.⓪.⓪.①', '127。0。0。1', '%31%32%37.0.0.1'],
  ...['0', '0.0.0.0', '0.1.2.3', '00', '0x0', '[::]', '[::1]', '[0:0:0:0:0:0:0:1]', '[0000::0001]'],
  ...[
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:7f00:0001]',
    '[::127.0.0.1]',
    '[::7f00:1]',
    '[::ffff:0:127.0.0.1]',
  ],
  ...[
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::10.0.0.1]',
    '[2002:7f00:1::]',
    '[2002:a00:1::1]',
    '[2001:0:7f00:1::]',
  ],
  ...['10.0.0.1', '10.1', '167772161', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.257', '0xc0a80001', '100.64.0.1'],
  ...[
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '169.254.43518',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
  ],
  ...[
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[fc00::1]',
    '[fd12:3456::1]',
    '[fec0::1]',
    '[ff02::1]',
    '[2001:db8::1]',
    '[100::1]',
    '[5f00::1]',
  ],
  ...['100.100.100.200', '168.63.129.16', '192.0.0.192', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1'],
  ...['239.255.255.250', '240.0.0.1', '255.255.255.255', 'public.example@127.0.0.1', '127.0.0.1:80@[::1]'],
]
const REFUSED =
  /^TOOL_FAILED: .* address, which http steps may not reach|is this server itself|is not an http or https URL|: the name (is unknown|cannot be resolved)/

describe('an http step of a server with a credential', () => {
  let location = ''
  const redirecting = createServer((_, response) => response.writeHead(302, { location }).end())
  const http = createCaller('http', environmentWith({ isLoopbackOpen: false, allowHosts: ['127.0.0.9'] }))
  let origin = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.9', resolve))
    const address = redirecting.address()
    origin = `http://127.0.0.9:${typeof address === 'object' && address !== null ? address.port : 0}`
  })
  afterAll(async () => {
    await http.close()
    redirecting.close()
  })

  it.each(SPELLINGS)('does not reach %s, nor by a redirect', async (host) => {
    expect(await http.error({ endpoint: `http://${host}/` }, { timeoutMs: 60_000 })).toMatch(REFUSED)
    location = `http://${host.replace(/[^ -~]/g, encodeURIComponent)}/`
    expect(await http.error({ endpoint: origin }, { timeoutMs: 60_000 })).toMatch(REFUSED)
  })
})
