import { isMap, isScalar, isSeq, type Node } from 'yaml'
import { type Rename, renameReferences } from '../../template/index.js'
import { keyText } from '../reader.js'

const STATUSES = new Map([['ok', 'success']])
const ENVELOPE = new Set(['status', 'data', 'error', 'headers', 'status_code', 'row_count', 'columns'])
/** What NoETL calls an error that may pass: no answer, or one that asks to come again. */
const RETRYABLE = "(this.error.code == 'TIMEOUT' or (this.status_code | default(503)) in [408, 425, 429, 500, 502, 503, 504])"
const RAW_KEYS = new Set(['code'])
const CONDITIONS = new Set(['when', 'where', 'order_by'])

/** The names of today's templates as they are here, in a step whose loop calls its element so. */
export function renameFor(element: string | null): Rename {
  return ([root, first, second]) => {
    if (root === 'ctx') return { text: 'vars', used: 1 }
    if (root === 'step' && first !== undefined) return { text: 'vars', used: 1 }
    if (root === 'iter' && first !== undefined) return iteration(first, element)
    if (root !== 'output') return null
    if (first === undefined) return { text: 'result', used: 1 }
    if (first === 'status') return { text: 'this.status', used: 2, values: STATUSES }
    if (first === 'error' && second === 'retryable') return { text: RETRYABLE, used: 3 }
    if (first === 'http') return outputOfHttp(second)
    return { text: ENVELOPE.has(first) ? 'this' : 'result', used: 1 }
  }
}

function outputOfHttp(name: string | undefined): { text: string; used: number } | null {
  if (name === 'status' || name === 'status_code') return { text: '(this.status_code | default(none))', used: 3 }
  return name === undefined ? null : { text: `this.${name}`, used: 3 }
}

function iteration(name: string, element: string | null): { text: string; used: number } {
  if (name === element) return { text: name, used: 2 }
  if (name === '_index' || name === 'index') return { text: 'loop.index0', used: 2 }
  return { text: 'vars', used: 1 }
}

/** Renames in every template of a tree, code apart. */
export function renameTree(node: Node | null, rename: Rename, key = ''): void {
  if (isSeq(node)) for (const item of node.items) renameTree(item as Node, rename)
  if (isMap(node))
    for (const pair of node.items) {
      const name = keyText(pair.key) ?? ''
      if (!RAW_KEYS.has(name)) renameTree(pair.value as Node | null, rename, name)
    }
  if (!isScalar(node) || typeof node.value !== 'string') return
  const isBare = CONDITIONS.has(key) && !node.value.includes('{')
  const text = renameReferences(node.value, rename, isBare)
  if (text === node.value) return
  node.value = text
  node.source = text
}
