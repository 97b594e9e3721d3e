import { Button, Group, Stack, Text } from '@mantine/core'
import { lazy, Suspense, useState } from 'react'
import { isSameJson } from '../../core/json.js'
import { FaultNote, Loading } from '../app/states.js'
import { SetVariableDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { MASK } from '../lib/mask.js'
import { ownerOf } from '../lib/owner.js'
import { parseDraft } from '../lib/parse-draft.js'
import type { VariableRow } from '../live/variable-table.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { pretty } from '../ui/pretty.js'
import { Overtaken } from './overtaken.js'
import { RemoveButton } from './remove.js'
import { type Base, useVariableDraft } from './use-variable-draft.js'
import classes from './variable-editor.module.css'

const CodeEditor = lazy(() => import('../ui/code-editor.js').then((module) => ({ default: module.CodeEditor })))
const DiffView = lazy(() => import('../ui/diff-view.js').then((module) => ({ default: module.DiffView })))

interface VariableEditorProps {
  readonly id: string
  readonly name: string
  readonly row: VariableRow | undefined
  /** Why nothing can be saved; null when it can. The draft stays either way. */
  readonly locked: string | null
}

/** The draft of a variable's next value: checked, compared with what it was made from, saved only over that. */
export function VariableEditor({ id, name, row, locked }: VariableEditorProps) {
  const { draft, fault, set, rebase, begin } = useVariableDraft(id, name)
  if (draft === null) return fault ? <FaultNote fault={fault} /> : <Loading what="the value" />
  return (
    <Stack gap="xs">
      {row?.isSensitive && (
        <Text size="sm" c="dimmed">
          It is sensitive: "{MASK}" stands for the value that is there and leaves it; anything else replaces it, and is encrypted
          as well.
        </Text>
      )}
      <Suspense fallback={<Loading what="the editor" />}>
        <div className={classes['editor']}>
          <CodeEditor language="json" label={`New value of ${name}, JSON`} value={draft.text} onChange={set} />
        </div>
      </Suspense>
      <Judgement id={id} name={name} row={row} locked={locked} {...draft} onRebase={rebase} onBegin={begin} />
    </Stack>
  )
}

interface JudgementProps extends VariableEditorProps {
  readonly text: string
  readonly base: Base
  readonly onRebase: () => Promise<void>
  readonly onBegin: () => Promise<void>
}

/** What would become of the draft, and what one can do with it. */
function Judgement({ id, name, row, locked, text, base, onRebase, onBegin }: JudgementProps) {
  const [isSaving, setSaving] = useState(false)
  const [fault, setFault] = useState<Fault | null>(null)
  const [note, setNote] = useState('')
  const parsed = parseDraft(text)
  const isNew = base.version === 0
  const isChanged = isNew || 'problem' in parsed || !isSameJson(parsed.value, parseOr(base.text))
  const isOvertaken = !isSaving && ((row?.version ?? 0) !== base.version || fault?.code === 'CONFLICT')

  const submit = async () => {
    if ('problem' in parsed) return
    setSaving(true)
    setNote('')
    const { version: expectedVersion, type, sourceStep } = base
    const input = { ...ownerOf(id), name, value: parsed.value, expectedVersion, type, sourceStep }
    const { data, error } = await client.mutation(SetVariableDocument, { input }).toPromise()
    setFault(describeError(error))
    if (data) {
      await onBegin()
      setNote(`Saved as revision ${data.upsertVariable.revision}.`)
    }
    setSaving(false)
  }
  const settle = async (how: () => Promise<void>) => {
    await how()
    setFault(null)
  }

  return (
    <>
      {'problem' in parsed && (
        <Text size="sm" c="var(--failed)" role="alert">
          This is not JSON: {parsed.problem}. A text needs quotes.
        </Text>
      )}
      {isOvertaken && (
        <Overtaken
          key={row?.version ?? 0}
          id={id}
          name={name}
          draft={text}
          onRebase={() => settle(onRebase)}
          onBegin={() => settle(onBegin)}
        />
      )}
      {isChanged && !isOvertaken && 'value' in parsed && (
        <div className={classes['diff']}>
          <Suspense fallback={<Loading what="the difference" />}>
            <DiffView language="json" label="What would differ" before={base.text} after={pretty(parsed.value)} />
          </Suspense>
        </div>
      )}
      {fault && fault.code !== 'CONFLICT' && <FaultNote fault={fault} title="It was not saved; the draft is kept" />}
      {locked !== null && (
        <Text size="sm" role="alert">
          {locked} {isChanged && 'The draft is kept in this tab.'}
        </Text>
      )}
      <Group gap="xs">
        <Button
          size="xs"
          loading={isSaving}
          disabled={!isChanged || 'problem' in parsed || isOvertaken || locked !== null}
          onClick={() => void submit()}
        >
          Save
        </Button>
        {isChanged && !isNew && (
          <ConfirmButton
            size="xs"
            variant="default"
            question={`Discard the draft of ${name}?`}
            consequence="What you have written here is kept nowhere else."
            action="Discard it"
            leave="Keep it"
            onConfirm={() => void settle(onBegin)}
          >
            Discard the draft
          </ConfirmButton>
        )}
        {!isNew && locked === null && <RemoveButton id={id} name={name} base={base} />}
        <Text size="xs" c="dimmed" role="status">
          {note}
        </Text>
      </Group>
    </>
  )
}

function parseOr(text: string) {
  const parsed = parseDraft(text)
  return 'value' in parsed ? parsed.value : null
}
