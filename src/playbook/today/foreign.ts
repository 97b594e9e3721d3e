import type { Node } from 'yaml'
import { didYouMean } from '../suggest.js'
import { type MappingAt, reportAt, wordOf } from './nodes.js'

interface ForeignKey {
  readonly node: Node
  readonly known: readonly string[]
  /** `a rule` */
  readonly of: string
}

/** A key that is not known: what was probably meant where it is close to one, else that it means nothing here. */
export function reportForeign(at: MappingAt, { node, known, of }: ForeignKey): void {
  const name = (wordOf(node) ?? '').slice(0, 60)
  const meant = didYouMean(name, known)
  if (meant) reportAt(at, `unknown key "${name}" in ${of}${meant}`, node)
  else reportAt(at, `"${name}" of ${of} means nothing here, and is left out`, node, 'info')
}
