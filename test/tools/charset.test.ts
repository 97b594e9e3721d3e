import { describe, expect, it } from 'vitest'
import { decodeText, encodeText, NoText } from '../../src/tools/http/charset.js'

const UPPER = Buffer.from(Array.from({ length: 32 }, (_, index) => 0x80 + index))
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

describe('character sets', () => {
  it('reads windows-1252 as the web does, by all of its names', () => {
    const expected = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'
    for (const label of ['windows-1252', 'cp1252', 'iso-8859-1', 'latin1', 'us-ascii', 'ISO_8859-1'])
      expect(decodeText(UPPER, label)).toBe(expected)
  })

  // The bytes are those of Python's codecs.
  it.each([
    ['windows-874', '80 85 91 a1', '€…‘ก'],
    ['windows-1250', '8a e6', 'Šć'],
    ['windows-1251', '80 88 cf', 'Ђ€П'],
    ['windows-1253', 'a2 aa', null],
    ['windows-1253', 'a2 c1', 'ΆΑ'],
    ['windows-1255', '80 ca e0', '€ֺא'],
    ['windows-1256', '81 c7', 'پا'],
    ['windows-1257', 'c0', 'Ą'],
    ['iso-8859-2', 'b1 e6', 'ąć'],
    ['iso-8859-5', 'bf', 'П'],
    ['iso-8859-9', 'fd 80', 'ı€'],
    ['iso-8859-15', 'a4', '€'],
    ['iso-8859-16', 'a4 aa', '€Ș'],
    ['koi8-r', 'f0', 'П'],
    ['koi8-u', 'a4', 'є'],
    ['ibm866', '8f', 'П'],
    ['macintosh', '8e db', 'é€'],
    ['shift_jis', '93fa 967b 8740', '日本①'],
    ['sjis', '93fa', '日'],
    ['euc-jp', 'c6fc cbdc', '日本'],
    ['iso-2022-jp', '1b2442 467c 1b2842', '日'],
    ['gbk', 'd6d0 80', '中€'],
    ['gb2312', 'd6d0', '中'],
    ['gb18030', '9439fc36', '😀'],
    ['big5', 'a4a4', '中'],
    ['euc-kr', 'c7d1', '한'],
    ['utf-16le', '3d d8 00 de', '😀'],
    ['utf-16', '2600', '&'],
    ['utf-8', 'c3a9', 'é'],
    ['utf8', 'c3', null],
    ['utf-8', 'ed a0 80', null],
    ['utf-16le', '3d d8', null],
    ['shift_jis', 'ff', null],
    ['gbk', 'd6', null],
    ['cp437', '82', 'é'],
    // A byte order mark counts for more than what a header says.
    ['windows-1252', 'ef bb bf c3 a9', 'é'],
    ['utf-8', 'ff fe e9 00', 'é'],
    ['iso-8859-1', 'fe ff 00 e9', 'é'],
  ])('%s %s', (label, hex, expected) => {
    if (expected === null) expect(() => decodeText(bytes(hex), label)).toThrow(NoText)
    else expect(decodeText(bytes(hex), label)).toBe(expected)
  })

  it('knows no character set that is none', () => {
    expect(() => decodeText(bytes('61'), 'klingon')).toThrow('unknown character set "klingon"')
    expect(() => encodeText('a', 'klingon')).toThrow('"klingon" is unknown')
  })

  it('writes what it reads, or refuses', () => {
    expect(encodeText('it’s € 5', 'windows-1252').toString('hex')).toBe('697492732080 2035'.replace(' ', ''))
    expect(encodeText('日本', 'shift_jis').toString('hex')).toBe('93fa967b')
    expect(encodeText('é', 'UTF-8').toString('hex')).toBe('c3a9')
    expect(() => encodeText('日', 'iso-8859-1')).toThrow('windows-1252 does not have all of its characters')
  })
})
