import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { useEffect, useRef } from 'react'
import { baseExtensions } from './code-editor.js'
import classes from './code-editor.module.css'

interface CodeViewProps {
  readonly value: string
  readonly language: 'json' | 'yaml'
  readonly label: string
}

/** A text with line numbers and colours, to read and to copy from. */
export function CodeView({ value, language, label }: CodeViewProps) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (place.current === null) return
    const view = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          ...baseExtensions(language),
          EditorState.readOnly.of(true),
          EditorView.editable.of(false),
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
        ],
      }),
    })
    return () => view.destroy()
  }, [value, language, label])
  return <div ref={place} className={classes['editor']} />
}
