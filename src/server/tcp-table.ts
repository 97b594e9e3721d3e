import { readFile } from 'node:fs/promises'
import ipaddr from 'ipaddr.js'

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6']
/**
 * A row of an established connection (01) whose timer is set for sending again (01): local port, remote address and port, how often.
 * A probe (04) is no such row: that is a peer that lives and takes nothing.
 */
const ROW = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) 01 \S+ 01:\S+ ([0-9A-F]{8}) /

/** How often in a row the kernel has sent the same bytes again, by connection (`connectionKey`); only those above 0. */
export type Retransmissions = ReadonlyMap<string, number>

export interface Ends {
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
}

/** One name for both tables' ways of writing an address: an IPv4 peer of an IPv6 socket is an IPv4 peer. */
export function connectionKey({ localPort, remoteAddress, remotePort }: Ends): string {
  return `${localPort} ${ipaddr.process(remoteAddress.split('%')[0] ?? '').toString()} ${remotePort}`
}

/** What Linux says of this process's network (proc(5), net/tcp); null on other systems. */
export async function readRetransmissions(): Promise<Retransmissions | null> {
  const tables = await Promise.all(TABLES.map((path) => readFile(path, 'latin1').catch(() => null)))
  const found = tables.filter((table) => table !== null)
  return found.length === 0 ? null : new Map(found.flatMap(parseTable))
}

/** The rows of `net/tcp` or `net/tcp6` whose bytes are being sent again. */
export function parseTable(table: string): [string, number][] {
  return table.split('\n').flatMap((line): [string, number][] => {
    const [, localPort, address, remotePort, count] = ROW.exec(line) ?? []
    if (!localPort || !address || !remotePort || !count || hex(count) === 0) return []
    const ends = { localPort: hex(localPort), remoteAddress: addressOf(address), remotePort: hex(remotePort) }
    return [[connectionKey(ends), hex(count)]]
  })
}

function hex(text: string): number {
  return Number.parseInt(text, 16)
}

/** Words of four bytes in the machine's own order, which is little-endian wherever Node runs but on s390x. */
function addressOf(words: string): string {
  return ipaddr.fromByteArray([...Buffer.from(words, 'hex').swap32()]).toString()
}
