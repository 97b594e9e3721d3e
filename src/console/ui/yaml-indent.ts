import { indentService, syntaxTree } from '@codemirror/language'
import type { EditorState } from '@codemirror/state'

/** Up to where a line's own content begins: its indentation, and the dashes of the items that begin on it. */
const LEAD = /^\s*(?:-(?:\s+|$))*/
/** What has its content on the next lines: a key, an open collection, a block of text. */
const OPENS = /(?:^|[\s'"\w})\]]):$|[[{]$|(?:^|[:\s-])[|>][-+\d]{0,2}$/
const COMMENT = /(?:^|\s)#.*$/
/** Of code in a block of text, which here is Python. */
const CODE_UNIT = 4

/** A new line goes on where the one before it has its content, and deeper where that one opens something. */
export const yamlIndent = indentService.of((context, position) => {
  // In YAML the indentation says what belongs where: what stands there already is the author's.
  if (context.simulatedBreak !== position) return null
  const { text } = context.lineAt(position, -1)
  if (text.trim() === '') return context.countColumn(text)
  if (isInBlock(context.state, position, text)) {
    const column = context.countColumn(text, text.search(/\S/))
    return /:\s*(?:#.*)?$/.test(text) ? column + CODE_UNIT : column
  }
  const lead = LEAD.exec(text)?.[0] ?? ''
  // Behind a dash without a blank there will be one.
  const column = context.countColumn(lead) + (/-$/.test(lead) ? 1 : 0)
  const content = text.slice(lead.length).replace(COMMENT, '').trimEnd()
  return OPENS.test(content) ? column + context.unit : column
})

/** Whether a position is in a block of text, below the line that opens it. */
function isInBlock(state: EditorState, position: number, text: string): boolean {
  for (let node = syntaxTree(state).resolveInner(position, -1); node.parent !== null; node = node.parent) {
    if (node.name !== 'BlockLiteral') continue
    const opened = state.doc.lineAt(node.from)
    return opened.number < state.doc.lineAt(position).number && text.length > 0
  }
  return false
}
