import iconv from 'iconv-lite'

/** Why bytes are no text, in words that follow "the answer". */
export class NoText extends Error {}

/** Encodings whose bytes are characters: Node.js reads some of them as Latin-1, or not at all. */
const SINGLE_BYTE = /^(?:windows-\d+|iso-8859-.*|koi8-[ru]|ibm866)$/

/**
 * Bytes in a named character set; a byte order mark counts for more than the name, as the WHATWG's standard has it.
 * @throws NoText for a name that nobody knows, and for bytes that the character set does not have
 */
export function decodeText(bytes: Buffer, label: string): string {
  const encoding = markOf(bytes) ?? encodingOf(label)
  if (encoding === null) throw new NoText(`is in the unknown character set "${label.slice(0, 60)}"`)
  const text = encoding.isOurs ? decodeTable(bytes, encoding.name) : decodeNatively(bytes, encoding.name)
  if (text === null) throw new NoText(`says that it is in ${encoding.name}, and has bytes that are none`)
  return text
}

/**
 * A text in a named character set.
 * @throws NoText for a name that nobody knows, and for characters that the character set does not have
 */
export function encodeText(text: string, label: string): Buffer {
  const encoding = encodingOf(label)
  if (encoding === null || !iconv.encodingExists(encoding.name))
    throw new NoText(`the character set "${label.slice(0, 60)}" is unknown`)
  if (encoding.name === 'utf-8') return Buffer.from(text)
  const bytes = iconv.encode(text, encoding.name)
  if (iconv.decode(bytes, encoding.name) === text) return bytes
  throw new NoText(`${encoding.name} does not have all of its characters`)
}

interface Encoding {
  readonly name: string
  /** Read by iconv-lite's tables. */
  readonly isOurs: boolean
}

const NATIVE = (name: string): Encoding => ({ name, isOurs: false })

function markOf(bytes: Buffer): Encoding | null {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return NATIVE('utf-8')
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return NATIVE('utf-16le')
  return bytes[0] === 0xfe && bytes[1] === 0xff ? NATIVE('utf-16be') : null
}

function encodingOf(label: string): Encoding | null {
  try {
    const name = new TextDecoder(label).encoding
    return { name, isOurs: SINGLE_BYTE.test(name) }
  } catch {
    return iconv.encodingExists(label) ? { name: label.toLowerCase(), isOurs: true } : null
  }
}

function decodeNatively(bytes: Buffer, name: string): string | null {
  try {
    return new TextDecoder(name, { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

/** The WHATWG's standard has control characters where the tables have nothing. */
function decodeTable(bytes: Buffer, name: string): string | null {
  const text = iconv.decode(bytes, name)
  if (!text.includes('\uFFFD')) return text
  if (text.length !== bytes.length) return null
  const filled = text.replace(/\uFFFD/g, (missing, at: number) => {
    const byte = bytes[at] ?? 0
    return byte < 0xa0 ? String.fromCharCode(byte) : missing
  })
  return filled.includes('\uFFFD') ? null : filled
}
