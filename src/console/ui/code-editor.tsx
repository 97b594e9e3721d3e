import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { json } from '@codemirror/lang-json'
import { yaml } from '@codemirror/lang-yaml'
import { bracketMatching, foldGutter, indentOnInput } from '@codemirror/language'
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint'
import { EditorState, type Extension } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view'
import { useEffect, useRef } from 'react'
import { styleNonce } from '../app/theme.js'
import classes from './code-editor.module.css'
import { highlighting } from './code-theme.js'
import { yamlIndent } from './yaml-indent.js'

/** Something wrong at a position; lines and columns count from 1. */
export interface Problem {
  readonly severity: 'error' | 'warning' | 'info'
  readonly message: string
  readonly line: number
  readonly column: number
}

interface CodeEditorProps {
  readonly value: string
  readonly onChange: (value: string) => void
  readonly language: 'json' | 'yaml' | 'text'
  readonly label: string
  readonly problems?: readonly Problem[]
  /** Goes there, each time that another one is given. */
  readonly target?: { readonly line: number; readonly column: number } | null
}

/** What reorders a line, beyond what the editor marks by itself. */
const REORDERING = /[\u202a-\u202e\u2066-\u2069]/

const NONE: readonly Problem[] = []
const LANGUAGES = { json, yaml: () => [yaml(), yamlIndent], text: (): Extension[] => [] }

/** What every editor of the console has. */
export function baseExtensions(language: CodeEditorProps['language']): Extension[] {
  return [
    EditorView.cspNonce.of(styleNonce()),
    lineNumbers(),
    foldGutter(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    highlightActiveLine(),
    highlightSpecialChars({ addSpecialChars: REORDERING }),
    EditorView.lineWrapping,
    LANGUAGES[language](),
    highlighting,
  ]
}

/** A text with line numbers, colours, and problems at their lines. Escape, then Tab, leaves it. */
export function CodeEditor({ value, onChange, language, label, problems = NONE, target = null }: CodeEditorProps) {
  const parent = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const listener = useRef(onChange)
  listener.current = onChange
  const first = useRef(value)

  useEffect(() => {
    if (parent.current === null) return
    const editor = new EditorView({
      parent: parent.current,
      state: EditorState.create({
        doc: first.current,
        extensions: [
          ...baseExtensions(language),
          lintGutter(),
          keymap.of([indentWithTab, ...defaultKeymap, ...historyKeymap]),
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorView.updateListener.of((update) => update.docChanged && listener.current(update.state.doc.toString())),
        ],
      }),
    })
    view.current = editor
    return () => editor.destroy()
  }, [language, label])

  useEffect(() => {
    const editor = view.current
    if (editor === null || editor.state.doc.toString() === value) return
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } })
  }, [value])

  useEffect(() => {
    const editor = view.current
    if (editor !== null) editor.dispatch(setDiagnostics(editor.state, diagnosticsOf(editor.state, problems)))
  }, [problems])

  useEffect(() => {
    const editor = view.current
    if (editor === null || target === null) return
    const anchor = positionOf(editor.state, target)
    editor.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) })
    editor.focus()
  }, [target])

  return <div ref={parent} className={classes['editor']} />
}

function positionOf({ doc }: EditorState, { line, column }: { line: number; column: number }): number {
  const { from, to } = doc.line(Math.min(Math.max(line, 1), doc.lines))
  return Math.min(to, from + Math.max(0, column - 1))
}

function diagnosticsOf({ doc }: EditorState, problems: readonly Problem[]): Diagnostic[] {
  return problems
    .filter(({ line }) => line >= 1 && line <= doc.lines)
    .map(({ severity, message, line, column }) => {
      const { from, to } = doc.line(line)
      return { severity, message, from: Math.min(to, from + Math.max(0, column - 1)), to }
    })
}
