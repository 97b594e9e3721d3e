import { CloseButton, Group, Text } from '@mantine/core'
import { lazy, Suspense, useEffect, useRef } from 'react'
import { isSameJson } from '../../core/json.js'
import { FaultNote, Loading } from '../app/states.js'
import { VariableValueDocument } from '../generated/graphql.js'
import { parseDraft } from '../lib/parse-draft.js'
import { useRead } from '../lib/use-read.js'
import { CodeEditor } from '../ui/code-editor.js'
import { pretty } from '../ui/pretty.js'
import classes from './changed-variable.module.css'

const DiffView = lazy(() => import('../ui/diff-view.js').then((module) => ({ default: module.DiffView })))

interface ChangedVariableProps {
  readonly id: string
  readonly name: string
  /** Before the step from which it is run again. */
  readonly asOf: number
  /** Whether it was there then. */
  readonly isThere: boolean
  /** Empty: not written yet. */
  readonly text: string
  readonly onText: (text: string) => void
  readonly onLeave: () => void
}

/** The draft of one variable of a rerun, and how it differs from what was there. */
export function ChangedVariable({ id, name, asOf, isThere, text, onText, onLeave }: ChangedVariableProps) {
  const { data, fault } = useRead(VariableValueDocument, isThere ? { id, name, asOf } : null)
  const variable = data?.variables.nodes[0]
  const before = variable ? pretty(variable.value) : ''
  // A draft begins with what was there.
  const isBegun = useRef(text !== '')
  useEffect(() => {
    if (isBegun.current || before === '') return
    isBegun.current = true
    onText(before)
  }, [before, onText])
  const parsed = parseDraft(text)
  const isSame = variable !== undefined && 'value' in parsed && isSameJson(parsed.value, variable.value)
  return (
    <section className={classes['changed']} aria-label={`Change of ${name}`}>
      <Group justify="space-between">
        <Text size="sm">
          <code>{name}</code>{' '}
          <Text span size="sm" c="dimmed">
            {isThere ? 'as it was before' : 'is new there'}
            {isSame && ', not changed yet'}
          </Text>
        </Text>
        <CloseButton size="sm" aria-label={`Leave ${name} as it was`} onClick={onLeave} />
      </Group>
      {fault && <FaultNote fault={fault} />}
      {isThere && !variable && !fault ? (
        <Loading what={name} />
      ) : (
        <div className={classes['editor']}>
          <CodeEditor language="json" label={`${name} of the rerun, JSON`} value={text} onChange={onText} />
        </div>
      )}
      {'problem' in parsed && text !== '' && (
        <Text size="sm" c="var(--failed)" role="alert">
          This is not JSON: {parsed.problem}. A text needs quotes.
        </Text>
      )}
      {'value' in parsed && !isSame && (
        <Suspense fallback={<Loading what="the difference" />}>
          <div className={classes['diff']}>
            <DiffView language="json" label={`What would differ in ${name}`} before={before} after={pretty(parsed.value)} />
          </div>
        </Suspense>
      )}
    </section>
  )
}
