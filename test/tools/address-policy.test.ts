import { describe, expect, it } from 'vitest'
import { createAddressPolicy } from '../../src/tools/http/address-policy.js'

const LOCAL = { allowHosts: [], isLoopbackOpen: true, ownPort: 4000 }
const PUBLIC = { allowHosts: [], isLoopbackOpen: false, ownPort: 4000 }
const CASES: [string, number, boolean, boolean][] = [
  // address, port, open on a loopback server, open on a public one
  ['93.184.216.34', 80, true, true],
  ['2606:2800:220:1::1', 443, true, true],
  ['127.0.0.1', 8080, true, false],
  ['127.8.9.1', 8080, true, false],
  ['127.0.0.1', 4000, false, false],
  ['127.0.0.2', 4000, false, false],
  ['::1', 8080, true, false],
  ['::1', 4000, false, false],
  ['::ffff:127.0.0.1', 8080, true, false],
  ['::ffff:127.0.0.1', 4000, false, false],
  ['::ffff:10.0.0.1', 80, false, false],
  ['0.0.0.0', 4000, false, false],
  ['0.0.0.0', 80, false, false],
  ['::', 80, false, false],
  ['10.1.2.3', 80, false, false],
  ['172.16.0.1', 80, false, false],
  ['192.168.1.1', 80, false, false],
  ['100.64.0.1', 80, false, false],
  ['fc00::1', 80, false, false],
  ['fe80::1', 80, false, false],
  ['169.254.169.254', 80, false, false],
  ['fd00:ec2::254', 80, false, false],
  ['168.63.129.16', 80, false, false],
  ['64:ff9b::a00:1', 80, false, false],
  ['64:ff9b::a9fe:a9fe', 80, false, false],
  ['2002:a00:1::1', 80, false, false],
  ['224.0.0.1', 80, false, false],
  ['255.255.255.255', 80, false, false],
]

describe('the address policy of the http tool', () => {
  it.each(CASES)('%s port %i: loopback server %s, public server %s', (address, port, onLocal, onPublic) => {
    expect(createAddressPolicy(LOCAL)({ host: address, port, address }) === null).toBe(onLocal)
    expect(createAddressPolicy(PUBLIC)({ host: address, port, address }) === null).toBe(onPublic)
  })

  const ALLOWED: [string, { host: string; port: number; address: string }, boolean][] = [
    ['internal.example', { host: 'internal.example', port: 80, address: '10.0.0.1' }, true],
    ['INTERNAL.example', { host: 'Internal.Example', port: 80, address: '10.0.0.1' }, true],
    ['internal.example', { host: 'other.example', port: 80, address: '10.0.0.1' }, false],
    ['internal.example:81', { host: 'internal.example', port: 80, address: '10.0.0.1' }, false],
    ['internal.example:80', { host: 'internal.example', port: 80, address: '10.0.0.1' }, true],
    ['10.0.0.0/8', { host: 'x', port: 80, address: '10.200.0.1' }, true],
    ['10.0.0.0/8', { host: 'x', port: 80, address: '11.0.0.1' }, true],
    ['10.0.0.0/8', { host: 'x', port: 80, address: '192.168.0.1' }, false],
    ['10.0.0.1', { host: 'x', port: 80, address: '10.0.0.1' }, true],
    ['[fc00::1]:80', { host: 'fc00::1', port: 80, address: 'fc00::1' }, true],
    ['fc00::/7', { host: 'x', port: 80, address: 'fc00::9' }, true],
    ['fc00::/7', { host: 'x', port: 80, address: 'fd00:ec2::254' }, false],
    ['0.0.0.0/0', { host: 'x', port: 80, address: '169.254.169.254' }, false],
    ['metadata.example', { host: 'metadata.example', port: 80, address: '169.254.169.254' }, false],
    ['169.254.169.254', { host: '169.254.169.254', port: 80, address: '169.254.169.254' }, true],
    ['169.254.0.0/16', { host: 'x', port: 80, address: '169.254.1.1' }, true],
    ['127.0.0.1', { host: '127.0.0.1', port: 4000, address: '127.0.0.1' }, false],
    ['127.0.0.1:4000', { host: '127.0.0.1', port: 4000, address: '127.0.0.1' }, true],
  ]
  it.each(ALLOWED)('ALLOW_HOSTS=%s and %o: %s', (entry, target, isOpen) => {
    expect(createAddressPolicy({ ...PUBLIC, allowHosts: [entry] })(target) === null).toBe(isOpen)
  })
})
