import { unifiedMergeView } from '@codemirror/merge'
import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { useEffect, useRef } from 'react'
import { baseExtensions } from './code-editor.js'
import classes from './code-editor.module.css'

interface DiffViewProps {
  readonly before: string
  readonly after: string
  readonly language: 'json' | 'yaml'
  readonly label: string
}

/** What would differ, or did: removed and added lines together. */
export function DiffView({ before, after, language, label }: DiffViewProps) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (place.current === null) return
    const view = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: after,
        extensions: [
          ...baseExtensions(language),
          EditorState.readOnly.of(true),
          EditorView.editable.of(false),
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } }),
        ],
      }),
    })
    return () => view.destroy()
  }, [before, after, language, label])
  return <div ref={place} className={classes['editor']} />
}
