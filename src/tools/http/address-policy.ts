import ipaddr from 'ipaddr.js'

export interface AddressPolicyOptions {
  /** Host, host:port or CIDR. */
  readonly allowHosts: readonly string[]
  readonly isLoopbackOpen: boolean
  readonly ownPort: number | null
}

export interface Target {
  /** As the URL has it, without brackets. */
  readonly host: string
  readonly port: number
  /** What the name resolved to: the check is on the address that is connected to. */
  readonly address: string
}

/** Why an address may not be reached, or null when it may. */
export type AddressPolicy = (target: Target) => string | null

interface Rule {
  readonly host: string
  readonly port: number | null
  readonly network: [Address, number] | null
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

const GLOBAL_IPV6 = ipaddr.IPv6.parse('2000::')

/** Metadata services outside the link-local range; 169.254.169.254 is inside. */
const METADATA = ['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16', '192.0.0.192'].map((text) =>
  ipaddr.process(text),
)

const HINT = 'the setting ALLOW_HOSTS may open it'

/**
 * Keeps playbooks from reaching what only this machine can reach. Public addresses are open; loopback where the
 * server is a loopback server, except for its own port; the rest only where `allowHosts` opens it.
 */
export function createAddressPolicy({ allowHosts, isLoopbackOpen, ownPort }: AddressPolicyOptions): AddressPolicy {
  const rules = allowHosts.map(parseRule)
  return ({ host, port, address }) => {
    if (!ipaddr.isValid(address)) return `${host} is not an address that can be checked`
    const ip = innermost(ipaddr.process(address))
    const isOwn = port === ownPort && (ip.range() === 'loopback' || ip.range() === 'unspecified')
    const matching = rules.filter((rule) => isMatch(rule, host.toLowerCase(), port, ip))
    if (isOwn) return matching.some((rule) => rule.port === port) ? null : `${host}:${port} is this server itself: ${HINT}`
    if (isNeverOpen(ip)) {
      // Naming a host must not open link-local addresses to whoever controls that name.
      return matching.some((rule) => rule.network !== null && isNeverOpen(rule.network[0]))
        ? null
        : refusal(host, ip, 'link-local or metadata')
    }
    if (isPublic(ip) || matching.length > 0) return null
    if (ip.range() === 'loopback' && isLoopbackOpen) return null
    return refusal(host, ip, ip.range() === 'loopback' ? 'loopback' : 'private or reserved')
  }
}

function refusal(host: string, ip: Address, kind: string): string {
  const shown = ip.toString() === host ? host : `${host} (${ip.toString()})`
  return `${shown} is a ${kind} address, which http steps may not reach: ${HINT}`
}

/** All of IPv6's public addresses are in 2000::/3; what lies outside is reserved, or stands for IPv4 in some way of old. */
function isPublic(ip: Address): boolean {
  return ip.range() === 'unicast' && (ip.kind() === 'ipv4' || ip.match(GLOBAL_IPV6, 3))
}

function isNeverOpen(ip: Address): boolean {
  return (
    ip.range() === 'linkLocal' ||
    METADATA.some((metadata) => metadata.kind() === ip.kind() && metadata.toString() === ip.toString())
  )
}

/** The IPv4 address that an IPv6 address stands for (NAT64, 6to4): those reach the same private hosts. */
function innermost(ip: Address): Address {
  if (ip.kind() === 'ipv4') return ip
  const bytes = ip.toByteArray()
  const range = ip.range()
  if (range === 'rfc6052' || range === 'rfc6145') return new ipaddr.IPv4(bytes.slice(12))
  if (range === '6to4') return new ipaddr.IPv4(bytes.slice(2, 6))
  return ip
}

function isMatch(rule: Rule, host: string, port: number, ip: Address): boolean {
  if (rule.port !== null && rule.port !== port) return false
  if (rule.network === null) return rule.host === host
  const [network, prefix] = rule.network
  return network.kind() === ip.kind() && ip.match(network, prefix)
}

function parseRule(text: string): Rule {
  const entry = text.trim().toLowerCase()
  if (ipaddr.isValidCIDR(entry)) return { host: '', port: null, network: ipaddr.parseCIDR(entry) }
  const parts =
    /^\[(.*)\](?::(\d+))?$/.exec(entry) ?? (ipaddr.IPv6.isValid(entry) ? [entry, entry] : /^(.*?)(?::(\d+))?$/.exec(entry))
  const host = parts?.[1] ?? entry
  const port = parts?.[2] === undefined ? null : Number(parts[2])
  if (!ipaddr.isValid(host)) return { host, port, network: null }
  const ip = ipaddr.process(host)
  return { host, port, network: [ip, ip.kind() === 'ipv4' ? 32 : 128] }
}
