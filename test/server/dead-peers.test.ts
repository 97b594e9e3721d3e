import { describe, expect, it } from 'vitest'
import { createDeadPeerRule } from '../../src/server/dead-peers.js'
import { connectionKey, parseTable, readRetransmissions } from '../../src/server/tcp-table.js'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const TABLE = [
  HEAD,
  '   0: 0100007F:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7490 1 0 100 0 0 10 0',
  '   1: 01D50A0A:0FA0 02D50A0A:C350 01 00000120:00000000 01:00000400 00000006     0        0 7491 3 0 100 0 0 10 7',
  '   2: 01D50A0A:0FA0 02D50A0A:C351 01 00000000:00000000 02:00000400 00000000     0        0 7492 1 0 100 0 0 10 7',
  '   3: 01D50A0A:0FA0 02D50A0A:C352 01 00000900:00000000 04:00000400 00000003     0        5 7493 1 0 100 0 0 10 7',
  '   4: 01D50A0A:0FA0 02D50A0A:C353 04 00000120:00000000 01:00000400 00000006     0        0 7491 3 0 100 0 0 10 7',
  '',
].join('\n')
const TABLE_6 = [
  HEAD,
  '   0: 0000000000000000FFFF000001D50A0A:0FA0 0000000000000000FFFF000002D50A0A:C350 01 00000120:00000000 01:00000400 0000000A 0 0 1 1',
  '   1: B80D0120000000000000000001000000:0FA0 B80D0120000000000000000002000000:C350 01 00000120:00000000 01:00000400 00000001 0 0 1 1',
].join('\n')

describe("the kernel's table of connections", () => {
  it('gives what is sent again on established connections, and no listener, keep-alive, probe of a closed window or half-closed one', () => {
    expect(parseTable(TABLE)).toEqual([['4000 10.10.213.2 50000', 6]])
  })

  it('names an IPv4 peer of an IPv6 socket as IPv4', () => {
    expect(parseTable(TABLE_6)).toEqual([
      ['4000 10.10.213.2 50000', 10],
      ['4000 2001:db8::2 50000', 1],
    ])
    expect(connectionKey({ localPort: 4000, remoteAddress: '::ffff:10.10.213.2', remotePort: 50_000 })).toBe(
      '4000 10.10.213.2 50000',
    )
  })

  it('survives lines of another kind', () => {
    expect(parseTable(`${HEAD}\n x\n 1: a b 01 c 01:d 5\n 1: 01:0FA0 02:C350 01 0 01:0 00000006 `)).toEqual([])
  })

  it.runIf(process.platform === 'linux')('is there on Linux', async () => {
    expect(await readRetransmissions()).not.toBeNull()
  })
})

describe('when a peer is dead', () => {
  const seen = (count: number) => new Map([['a', count]])

  it('after 12 s without an acknowledgement', () => {
    const rule = createDeadPeerRule()
    expect([0, 3, 6, 9].map((second) => rule(second * 1000, seen(second + 1)))).toEqual([[], [], [], []])
    expect(rule(12_000, seen(10))).toEqual(['a'])
  })

  it('not while it acknowledges now and then', () => {
    const rule = createDeadPeerRule()
    for (let second = 0; second < 120; second += 3) expect(rule(second * 1000, seen((second % 12) + 1))).toEqual([])
  })

  it('not when it was heard of between two looks', () => {
    const rule = createDeadPeerRule()
    rule(0, seen(5))
    rule(9_000, new Map())
    expect(rule(12_000, seen(6))).toEqual([])
  })

  it('not while only few were sent again, as to a far peer', () => {
    const rule = createDeadPeerRule()
    rule(0, seen(1))
    expect(rule(15_000, seen(3))).toEqual([])
    expect(rule(18_000, seen(4))).toEqual(['a'])
  })
})
