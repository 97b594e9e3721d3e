import { type LookupAddress, type LookupAllOptions, lookup as lookupOfMachine } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import type { AddressPolicy } from './address-policy.js'

/** Thrown inside a connection attempt, so that the error says what was refused and why. */
export class AddressRefused extends Error {}

/** All addresses of a name, as `dns.lookup` gives them. */
export type LookupAll = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

export interface AgentOptions {
  readonly policy: AddressPolicy
  readonly isCertificateChecked: boolean
  /** The machine's resolver where it is left out. */
  readonly lookup?: LookupAll
}

const CONNECT_TIMEOUT_MS = 30_000

/**
 * An undici agent whose every connection is checked at the address it goes to: a name that resolves to a public
 * address when asked first and to a private one afterwards gains nothing.
 */
export function createAgent({ policy, isCertificateChecked, lookup = lookupOfMachine }: AgentOptions): Agent {
  const connect: buildConnector.connector = (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '')
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80)
    const refusal = isIP(host) === 0 ? null : policy({ host, port, address: host })
    if (refusal !== null) {
      callback(new AddressRefused(refusal), null)
      return
    }
    const connectorOptions: buildConnector.BuildOptions & { readonly lookup: LookupFunction } = {
      rejectUnauthorized: isCertificateChecked,
      timeout: CONNECT_TIMEOUT_MS,
      lookup: checkedLookup({ policy, port, lookup }),
    }
    buildConnector(connectorOptions)(options, callback)
  }
  return new Agent({ connect, headersTimeout: 0, bodyTimeout: 0 })
}

interface CheckedLookup {
  readonly policy: AddressPolicy
  readonly port: number
  readonly lookup: LookupAll
}

function checkedLookup({ policy, port, lookup }: CheckedLookup): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      const refusals = addresses.map(({ address }) => policy({ host, port, address }))
      const open = addresses.filter((_, index) => refusals[index] === null)
      const [first] = open
      if (!first) return callback(new AddressRefused(refusals[0] ?? `${host} has no address`), [])
      if (options.all) return callback(null, open)
      callback(null, first.address, first.family)
    })
  }
}
