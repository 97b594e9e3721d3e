import { AddressRefused } from './connect.js'

const UNREACHED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused: nothing listens there',
  ENOTFOUND: 'the name is unknown',
  EAI_AGAIN: 'the name cannot be resolved now',
  EAI_FAIL: 'the name cannot be resolved',
  EHOSTUNREACH: 'the host cannot be reached',
  EHOSTDOWN: 'the host is down',
  ENETUNREACH: 'the network cannot be reached',
  ENETDOWN: 'the network is down',
  EADDRNOTAVAIL: 'the address cannot be reached',
  EACCES: 'the connection is not permitted',
  EPERM: 'the connection is not permitted',
  EMFILE: 'the server has too many files and connections open',
  ENFILE: 'the machine has too many files and connections open',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
}

const CERTIFICATES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_REVOKED: 'was revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'comes from an authority that is not trusted here (self-signed)',
  UNABLE_TO_GET_ISSUER_CERT: 'comes from an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'comes from an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'comes without those of the authorities between it and one that is known here',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
  HOSTNAME_MISMATCH: 'is for another name',
}

/** TLS where the peer speaks something else. */
const NO_TLS =
  /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL|UNEXPECTED_MESSAGE|RECORD_LAYER|BAD_RECORD_TYPE|INVALID_PACKET/
const OTHER_VERSION = /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW/
const NO_CIPHER = /HANDSHAKE_FAILURE|NO_SHARED_CIPHER|NO_CIPHERS|INSUFFICIENT_SECURITY/
const CLIENT_CERTIFICATE = /CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_UNKNOWN_CA/
const BROKEN = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED'])
/** The first bytes of an alert or a handshake of TLS. */
const TLS_RECORD = /^[\x15\x16]\x03[\x00-\x04]/

/** What went wrong below HTTP, in words; null where it was something else. */
export function describeFault(error: unknown, url: URL): string | null {
  const where = `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`
  const causes = causesOf(error)
  const refusal = causes.find((cause) => cause instanceof AddressRefused)
  if (refusal) return refusal.message
  const codes = causes.flatMap((cause) => ('code' in cause && typeof cause.code === 'string' ? [cause.code] : []))
  for (const code of codes) {
    const reason = UNREACHED[code]
    if (reason) return `could not connect to ${where}: ${reason}`
  }
  if (url.protocol === 'https:') {
    const reason = tlsReason(causes, codes)
    if (reason !== null) return `could not connect to ${where}: ${reason}`
  }
  const parserError = causes.find(({ name }) => name === 'HTTPParserError')
  if (parserError) return notHttp(where, parserError, url)
  if (codes.includes('UND_ERR_HEADERS_OVERFLOW')) return `the headers of the answer of ${where} are over the limit of 16 KiB`
  if (codes.includes('UND_ERR_RES_CONTENT_LENGTH_MISMATCH'))
    return `the answer of ${where} is not as long as its content-length says`
  if (codes.includes('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'))
    return 'headers.content-length: the body is not so long; leave the header out, it is set for you'
  if (codes.some((code) => BROKEN.has(code))) return brokenOff(where, causes, url)
  return null
}

function tlsReason(causes: readonly Error[], codes: readonly string[]): string | null {
  const certificate = codes.find((code) => Object.hasOwn(CERTIFICATES, code))
  if (certificate !== undefined) {
    const names = namesOf(causes)
    return `its certificate ${CERTIFICATES[certificate]}${names === '' ? '' : ` (it names ${names})`} (${certificate}); verify_ssl: false skips the check`
  }
  if (causes.some(({ message }) => /before secure TLS connection was established/.test(message))) {
    return 'it closed the connection instead of a TLS handshake; if it does not speak TLS: http:// perhaps'
  }
  // OpenSSL's reasons stand in the code, or, after EPROTO, in the message.
  const said = causes.map((cause) => [('code' in cause && cause.code) || '', cause.message].join(' ')).join(' ')
  const reasons = said.toUpperCase().replaceAll(' ', '_')
  const code = codes.find((candidate) => /SSL|TLS|CERT|EPROTO|SELF_SIGNED|CRL/.test(candidate))
  if (code === undefined) return null
  if (CLIENT_CERTIFICATE.test(reasons)) return `it asks for a certificate of the client, which http steps do not have (${code})`
  if (OTHER_VERSION.test(reasons)) return `it speaks only versions of TLS that are not spoken here (${code})`
  if (NO_CIPHER.test(reasons))
    return `it refused the TLS handshake: it has no cipher in common with this server, or asks for a certificate of the client (${code})`
  if (/UNRECOGNIZED_NAME/.test(reasons)) return `it knows no certificate for this name (${code})`
  if (NO_TLS.test(reasons)) return `it does not speak TLS; http:// perhaps (${code})`
  if (/CERT|CRL|KEY_TOO_SMALL|MD_TOO_WEAK/.test(code))
    return `its certificate is not trusted (${code}); verify_ssl: false skips the check`
  return `the TLS handshake failed (${code})`
}

/** The names of a certificate that is for others. */
function namesOf(causes: readonly Error[]): string {
  const certificates = causes.flatMap((cause) =>
    'cert' in cause ? [cause.cert as { readonly subjectaltname?: string } | null] : [],
  )
  const names = certificates.map((certificate) => certificate?.subjectaltname ?? '').find((text) => text !== '') ?? ''
  return names.replace(/(?:DNS|IP Address):/g, '').slice(0, 200)
}

function notHttp(where: string, error: Error, url: URL): string {
  const isTls = url.protocol === 'http:' && 'data' in error && TLS_RECORD.test(String(error.data))
  if (isTls) return `${where} did not answer in HTTP: it speaks TLS; https:// perhaps`
  const what = /\((.*)\)$/.exec(error.message)?.[1]
  return `${where} did not answer in HTTP${what === undefined ? '' : ` (${what})`}`
}

function brokenOff(where: string, causes: readonly Error[], url: URL): string {
  const isReset = causes.some((cause) => 'code' in cause && cause.code === 'ECONNRESET' && /ECONNRESET/.test(cause.message))
  const sockets = causes.flatMap((cause) => ('socket' in cause ? [cause.socket as { readonly bytesRead?: number } | null] : []))
  const isSilent = sockets.length > 0 && sockets.every((socket) => (socket?.bytesRead ?? 0) === 0)
  const how = isReset ? 'was reset' : 'broke'
  if (!isSilent) return `the connection to ${where} ${how} before the whole answer came`
  const advice = url.protocol === 'http:' ? '; if it speaks TLS: https:// perhaps' : ''
  return `the connection to ${where} ${how} before the whole answer came: there was none${advice}`
}

function causesOf(error: unknown): Error[] {
  if (!(error instanceof Error)) return []
  const inner = error instanceof AggregateError ? error.errors.flatMap(causesOf) : []
  return [error, ...inner, ...causesOf(error.cause)]
}
