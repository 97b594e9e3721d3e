import classes from './code-editor.module.css'
import { useReadOnlyText } from './use-read-only-text.js'

interface CodeViewProps {
  readonly value: string
  readonly language: 'json' | 'yaml'
  readonly label: string
}

/** A text to read and to copy from. */
export function CodeView({ value, language, label }: CodeViewProps) {
  const parent = useReadOnlyText({ text: value, language, label, before: null })
  return <div ref={parent} className={classes['editor']} />
}
