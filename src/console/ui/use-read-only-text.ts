import { EditorState, type Extension } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { type RefObject, useEffect, useRef } from 'react'
import { baseExtensions } from './code-editor.js'

interface ReadOnlyText {
  readonly text: string
  readonly language: 'json' | 'yaml'
  readonly label: string
  /** null, or the text that the other one is shown as a change of. */
  readonly before: string | null
  readonly compare?: (before: string) => Extension
}

/** Puts a text with line numbers and colours into an element, to read and to copy from. */
export function useReadOnlyText({ text, language, label, before, compare }: ReadOnlyText): RefObject<HTMLDivElement | null> {
  const parent = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (parent.current === null) return
    const view = new EditorView({
      parent: parent.current,
      state: EditorState.create({
        doc: text,
        extensions: [
          ...baseExtensions(language),
          EditorState.readOnly.of(true),
          EditorView.editable.of(false),
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          before !== null && compare ? compare(before) : [],
        ],
      }),
    })
    return () => view.destroy()
  }, [text, language, label, before, compare])
  return parent
}
