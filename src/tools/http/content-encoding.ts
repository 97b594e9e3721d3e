import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { ANSWER_LIMIT } from '../outcome.js'

export class AnswerTooLarge extends Error {}

/** Why a body cannot be unpacked, in words that follow "the answer". */
export class NotUnpacked extends Error {}

type Decoder = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

const inflate: Decoder = promisify(zlib.inflate)
const inflateRaw: Decoder = promisify(zlib.inflateRaw)

/** Node.js has it from 22.15 on. */
const { zstdDecompress } = zlib as { readonly zstdDecompress?: typeof zlib.gunzip }

const DECODERS = new Map<string, Decoder>([
  ['gzip', promisify(zlib.gunzip)],
  ['x-gzip', promisify(zlib.gunzip)],
  ['deflate', (bytes, options) => (hasZlibHeader(bytes) ? inflate : inflateRaw)(bytes, options)],
  ['br', promisify(zlib.brotliDecompress)],
])
if (zstdDecompress) DECODERS.set('zstd', promisify(zstdDecompress))

/**
 * A body behind its content-encodings, of which the last was applied last.
 * @throws AnswerTooLarge beyond 10 MiB; NotUnpacked for what is cut off, broken, or packed in a way that nobody here knows
 */
export async function unpack(bytes: Buffer, contentEncoding: string): Promise<Buffer> {
  const codings = contentEncoding
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
  let unpacked = bytes
  for (const coding of codings.reverse()) unpacked = await unpackOne(unpacked, coding)
  return unpacked
}

async function unpackOne(bytes: Buffer, coding: string): Promise<Buffer> {
  if (bytes.length === 0) return bytes
  const decode = DECODERS.get(coding)
  if (!decode) {
    const known = [...DECODERS.keys()].filter((name) => name !== 'x-gzip').join(', ')
    throw new NotUnpacked(`has the content-encoding "${coding.slice(0, 60)}", which cannot be decoded here (${known} can)`)
  }
  try {
    return await decode(bytes, { maxOutputLength: ANSWER_LIMIT })
  } catch (error) {
    if (error instanceof RangeError) throw new AnswerTooLarge()
    const isCut = error instanceof Error && /unexpected end/i.test(error.message)
    throw new NotUnpacked(
      isCut ? `is cut off: its ${coding} ends too early` : `is not the ${coding} that its content-encoding says`,
    )
  }
}

/** What is called deflate comes with zlib's header, as the standard has it, or without. */
function hasZlibHeader(bytes: Buffer): boolean {
  return bytes.length > 1 && (bytes[0] ?? 0) % 16 === 8 && bytes.readUInt16BE(0) % 31 === 0
}
