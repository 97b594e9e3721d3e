import { type Document, isScalar, visit } from 'yaml'
import { loadDocument } from './document.js'
import type { Problem } from './model.js'
import { checkPlaybook, type ParseOptions } from './parse.js'

export interface Conversion {
  /** null where a problem is an error. */
  readonly text: string | null
  /** Whether the playbook was in another form before. */
  readonly isChanged: boolean
  /** Of the playbook as it was. */
  readonly problems: readonly Problem[]
}

/** The same playbook in this project's own form, its comments kept: one in NoETL's present form is rewritten, any other stays as it is. */
export async function convertPlaybook(source: string, options: ParseOptions): Promise<Conversion> {
  const { playbook, problems } = await checkPlaybook(source, options)
  if (!playbook) return { text: null, isChanged: false, problems }
  const { document, isToday = false } = loadDocument(source, false)
  if (!isToday || !document) return { text: source, isChanged: false, problems }
  return { text: printed(document), isChanged: true, problems }
}

/** Numbers as they were written, with all their digits. */
function printed(document: Document.Parsed): string {
  const sources: string[] = []
  visit(document, {
    Scalar(_, node) {
      const { source, value } = node
      if (typeof value !== 'number' || source === undefined || node.type !== 'PLAIN' || String(value) === source) return
      node.value = `NUMBER_${sources.push(source) - 1}_AS_WRITTEN`
      // What the library knows of its format would be applied to the text.
      for (const name of ['format', 'minFractionDigits'] as const) if (isScalar(node)) delete node[name]
    },
  })
  const text = document.toString({ lineWidth: 0 })
  return text.replace(/NUMBER_(\d+)_AS_WRITTEN/g, (_, index: string) => sources[Number(index)] ?? '')
}
