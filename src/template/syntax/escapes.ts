const SIMPLE: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}
const ESCAPE = /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))/g

/** The text between two quotes with Python's escapes resolved; an unknown escape keeps its backslash. Null where one is broken. */
export function resolveEscapes(source: string): string | null {
  if (!source.includes('\\')) return source
  let isBroken = false
  const text = source.replace(ESCAPE, (whole, octal?: string, hex?: string, short?: string, long?: string, other?: string) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
    const digits = hex ?? short ?? long
    if (digits === undefined) {
      if (other === 'x' || other === 'u' || other === 'U' || other === 'N') isBroken = true
      return other !== undefined && Object.hasOwn(SIMPLE, other) ? (SIMPLE[other] as string) : whole
    }
    const code = Number.parseInt(digits, 16)
    if (code > 0x10ffff) isBroken = true
    return isBroken ? '' : String.fromCodePoint(code)
  })
  return isBroken ? null : text
}
