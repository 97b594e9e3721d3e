import { isMap, isScalar, isSeq, type Node, Pair, type YAMLMap } from 'yaml'
import { keyText } from '../reader.js'
import {
  addComments,
  commentsIn,
  entriesOf,
  itemsOf,
  type MappingAt,
  mapNode,
  mapOf,
  nodeOf,
  pairOf,
  reportAt,
  take,
  textNode,
  wordOf,
} from './nodes.js'

/** Kinds of `keychain` that only say which credential a playbook uses: the server's settings hold it under that name. */
const NAMED = /credential|secret_manager|bearer|api_key|basic|static/
const HEADER = /^(Bearer\s+)?\{\{\s*keychain\.(\w+)[\w.]*\s*\}\}$/

/** `keychain`: named credentials, which are settings of the server here. */
export function rewriteKeychain(root: MappingAt): void {
  const index = root.map.items.findIndex((pair) => keyText(pair.key) === 'keychain')
  const keychain = take(root.map, 'keychain')
  if (!keychain) return
  addComments(root.map.items[index]?.key as Node, [...commentsIn(keychain.key), ...commentsIn(keychain.value)])
  for (const entry of itemsOf(keychain.value)) {
    const name = isMap(entry) ? wordOf(nodeOf(entry, 'name')) : null
    const kind = (isMap(entry) && wordOf(nodeOf(entry, 'kind'))) || ''
    const where = 'put it into CREDENTIALS (a database: CONNECTIONS) under that name, and name it in "auth"'
    const what = `the credential "${(name ?? '').slice(0, 60)}" is a setting of the server here: ${where}`
    const isFetched = kind !== '' && !NAMED.test(kind)
    reportAt(root, isFetched ? `${what}; tokens are not fetched for it` : what, isMap(entry) ? entry : keychain.key, 'info')
  }
}

/** `auth` of a tool, and headers that are made of a credential. */
export function rewriteAuth({ tool, kind }: { readonly tool: YAMLMap; readonly kind: string }): void {
  const pair = pairOf(tool, 'auth')
  if (pair) pair.value = ownAuth(pair.value, kind)
  const headers = mapOf(tool, 'headers')
  if (kind !== 'http' || pair || !headers) return
  for (const { key, value } of entriesOf(headers)) {
    const [, bearer, name] = HEADER.exec(wordOf(value) ?? '') ?? []
    if (name === undefined || !value) continue
    const header = keyText(key) ?? ''
    const isBearer = bearer !== undefined && header.toLowerCase() === 'authorization'
    if (bearer !== undefined && !isBearer) continue
    const { range } = value
    const type: [string, Node] = ['type', textNode(isBearer ? 'bearer' : 'header', range)]
    const named: [string, Node][] = isBearer ? [] : [['name', textNode(header, range)]]
    tool.items.push(new Pair(textNode('auth', range), mapNode([type, ...named, ['credential', textNode(name, range)]], range)))
    take(headers, header)
    if (headers.items.length === 0) take(tool, 'headers')
    return
  }
}

/** A credential's name, or `{source: credential, type, key}`, as the tool names it here. */
function ownAuth(auth: Node | null, kind: string): Node | null {
  const name = isMap(auth) ? (nodeOf(auth, 'credential') ?? nodeOf(auth, 'key') ?? nodeOf(auth, 'name')) : auth
  if (kind === 'postgres') return isMap(auth) && auth.items.length > 0 ? name : auth
  if (kind !== 'http' || !name) return auth
  if (isScalar(auth) && wordOf(auth) !== '') return mapNode([['credential', auth]], auth.range)
  if (!isMap(auth) || pairOf(auth, 'credential')) return auth
  const type = nodeOf(auth, 'type')
  return mapNode([...(type ? ([['type', type]] as const) : []), ['credential', name]], auth.range, auth)
}

/** Refuses what reads credentials in templates: they never reach them. */
export function reportCredentials(at: MappingAt, node: Node | null, key = ''): void {
  if (isSeq(node)) for (const item of node.items) reportCredentials(at, item as Node, key)
  if (isMap(node)) for (const pair of entriesOf(node)) reportCredentials(at, pair.value, keyText(pair.key) ?? '')
  const text = key === 'code' ? '' : (wordOf(node) ?? '')
  const name = /\{[{%][^}]*\bkeychain\s*\.\s*(\w+)/.exec(text)?.[1]
  if (name === undefined) return
  const message = `templates cannot read the credential "${name.slice(0, 60)}": http steps name it in auth: {type: bearer, credential: ${name.slice(0, 60)}}, postgres steps in auth: ${name.slice(0, 60)}`
  reportAt(at, message, node)
}
