import { GuardRefusal } from './connect.js'

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the name is unknown',
  EAI_AGAIN: 'the name cannot be resolved now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  EADDRNOTAVAIL: 'the address cannot be reached',
  EACCES: 'the connection is not permitted',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
}

const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED'])

/** What went wrong below HTTP, in words; null where it was something else. */
export function describeFault(error: unknown, url: URL): string | null {
  const where = `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`
  const causes = causesOf(error)
  const refusal = causes.find((cause) => cause instanceof GuardRefusal)
  if (refusal) return refusal.message
  const codes = causes.flatMap((cause) => ('code' in cause && typeof cause.code === 'string' ? [cause.code] : []))
  for (const code of codes) {
    const reason = REASONS[code]
    if (reason) return `could not connect to ${where}: ${reason}`
  }
  if (codes.some((code) => /CERT|SSL|TLS|SELF_SIGNED/.test(code))) {
    return `could not connect to ${where}: its certificate is not trusted (${codes[0]}); verify_ssl: false skips the check`
  }
  if (codes.some((code) => BROKEN.has(code))) return `the connection to ${where} broke before the whole answer came`
  if (codes.some((code) => code.startsWith('HPE_'))) return `${where} did not answer in HTTP`
  return null
}

function causesOf(error: unknown): Error[] {
  if (!(error instanceof Error)) return []
  const inner = error instanceof AggregateError ? error.errors.flatMap(causesOf) : []
  return [error, ...inner, ...causesOf(error.cause)]
}
