import type { Command } from 'commander'
import { loadClientConfig } from '../config.js'
import type { JsonObject, JsonValue } from '../core/json.js'
import { snakeCase } from '../core/text.js'
import { createClient, type TransientClient } from '../sdk/client.js'
import { FORMATS, type Format, formatOne, formatRows, printable } from './output.js'
import { parseWord } from './value.js'

/** What every command works with. Data goes to stdout, messages to stderr. */
export interface CommandContext {
  readonly client: TransientClient
  readonly url: string
  /** How another command is called for the same server; without the key. */
  readonly program: string
  readonly hasKey: boolean
  readonly format: Format
  readonly isColorful: boolean
  print(text: string): void
  say(text: string): void
  printRows(rows: readonly JsonObject[], columns: readonly string[]): void
  printOne(row: JsonObject): void
}

interface GlobalOptions {
  readonly url?: string
  readonly key?: string
  readonly output?: string
}

function writeLine(stream: NodeJS.WriteStream, text: string): void {
  if (text !== '') stream.write(`${printable(text)}\n`)
}

/** The context of a command, from its global options and the environment. */
export function createContext(command: Command): CommandContext {
  const options = command.optsWithGlobals<GlobalOptions>()
  const config = loadClientConfig()
  const url = options.url ?? config.url
  const format = parseWord(options.output ?? 'table', FORMATS, '--output')
  const print = (text: string): void => writeLine(process.stdout, text)
  const key = options.key ?? config.key
  return {
    client: createClient({ url, key }),
    url,
    program: options.url === undefined ? 'transient' : `transient --url ${options.url}`,
    hasKey: Boolean(key),
    format,
    isColorful: config.isColorful,
    print,
    say: (text) => writeLine(process.stderr, text),
    printRows: (rows, columns) => print(formatRows(rows, columns, format)),
    printOne: (row) => print(formatOne(row, format)),
  }
}

type PlainValue = JsonValue | undefined | readonly PlainValue[] | { readonly [key: string]: PlainValue }

/** A record of the client as the command line prints it: keys in snake_case, as in REST. */
export function snakeKeys(record: { readonly [key: string]: PlainValue }): JsonObject {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [snakeCase(key), value ?? null])) as JsonObject
}
