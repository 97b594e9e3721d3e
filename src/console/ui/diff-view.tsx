import { unifiedMergeView } from '@codemirror/merge'
import classes from './code-editor.module.css'
import { useReadOnlyText } from './use-read-only-text.js'

interface DiffViewProps {
  readonly before: string
  readonly after: string
  readonly language: 'json' | 'yaml'
  readonly label: string
}

const compare = (original: string) =>
  unifiedMergeView({ original, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } })

/** What would differ, or did: removed and added lines together. */
export function DiffView({ before, after, language, label }: DiffViewProps) {
  const parent = useReadOnlyText({ text: after, language, label, before, compare })
  return <div ref={parent} className={classes['editor']} />
}
