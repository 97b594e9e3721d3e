import { Button, Group, Stack, Text } from '@mantine/core'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { useClient, useMutation } from 'urql'
import { isSameJson, type JsonValue, parseJson } from '../../core/json.js'
import { FaultNote, Loading } from '../app/states.js'
import {
  RemoveVariableDocument,
  SetVariableDocument,
  VariableValueDocument,
  type VariableValueQuery,
} from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import type { VariableRow } from '../live/variable-table.js'
import { pretty } from '../ui/pretty.js'
import classes from './variable-editor.module.css'

const CodeEditor = lazy(() => import('../ui/code-editor.js').then((module) => ({ default: module.CodeEditor })))
const DiffView = lazy(() => import('../ui/diff-view.js').then((module) => ({ default: module.DiffView })))

type FullVariable = VariableValueQuery['variables']['nodes'][number]

interface VariableEditorProps {
  readonly id: string
  readonly name: string
  readonly row: VariableRow | undefined
}

type Parsed = { readonly value: JsonValue } | { readonly problem: string }

function parse(text: string): Parsed {
  try {
    return { value: parseJson(text) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : 'not JSON' }
  }
}

/** The draft of a variable's next value, on the version that it was made from. */
export function VariableEditor({ id, name, row }: VariableEditorProps) {
  const client = useClient()
  const [base, setBase] = useState<FullVariable | null>(null)
  const [text, setText] = useState<string | null>(null)

  const load = async () => {
    const { data } = await client.query(VariableValueDocument, { id, name }).toPromise()
    return data?.variables.nodes[0] ?? null
  }
  const begin = async () => {
    const found = await load()
    setBase(found)
    setText(found === null ? 'null' : pretty(found.value))
  }
  // The draft is begun once: what happens to the variable afterwards never replaces it.
  const isBegun = useRef(false)
  useEffect(() => {
    if (!isBegun.current) void begin()
    isBegun.current = true
  })

  if (text === null) return <Loading what="the value" />
  return (
    <Draft
      id={id}
      name={name}
      row={row}
      base={base}
      text={text}
      onText={setText}
      onRebase={async () => setBase(await load())}
      onBegin={begin}
    />
  )
}

interface DraftProps extends VariableEditorProps {
  readonly base: FullVariable | null
  readonly text: string
  readonly onText: (text: string) => void
  /** Takes what is there now as the base; the draft stays. */
  readonly onRebase: () => Promise<void>
  /** Throws the draft away. */
  readonly onBegin: () => Promise<void>
}

function Draft({ id, name, row, base, text, onText, onRebase, onBegin }: DraftProps) {
  const [{ error, fetching }, save] = useMutation(SetVariableDocument)
  const [note, setNote] = useState('')
  const [shownFault, setShownFault] = useState(false)
  const parsed = parse(text)
  const fault = shownFault ? describeError(error) : null
  const baseText = base === null ? '' : pretty(base.value)
  const isChanged = !('value' in parsed) || base === null || !isSameJson(parsed.value, base.value)
  const isOvertaken = base !== null && (row?.version ?? 0) !== base.version

  const submit = async () => {
    if (!('value' in parsed)) return
    setNote('')
    const { data } = await save({
      input: {
        executionId: id,
        name,
        value: parsed.value,
        expectedVersion: base?.version ?? 0,
        ...(base && { type: base.type, sourceStep: base.sourceStep }),
      },
    })
    setShownFault(data === undefined)
    if (!data) return
    setNote(`Saved as revision ${data.upsertVariable.revision}.`)
    await onBegin()
  }
  const rebase = async () => {
    await onRebase()
    setShownFault(false)
  }

  return (
    <Stack gap="xs">
      <Suspense fallback={<Loading what="the editor" />}>
        <div className={classes['editor']}>
          <CodeEditor language="json" label={`New value of ${name}, JSON`} value={text} onChange={onText} />
        </div>
        {isChanged && 'value' in parsed && base !== null && (
          <div className={classes['diff']}>
            <DiffView language="json" label="What would differ" before={baseText} after={pretty(parsed.value)} />
          </div>
        )}
      </Suspense>
      {'problem' in parsed && (
        <Text size="sm" c="red" role="alert">
          This is not JSON: {parsed.problem}. A text needs quotes.
        </Text>
      )}
      {isOvertaken && <Overtaken row={row} onRebase={rebase} onBegin={onBegin} />}
      {fault && fault.code !== 'CONFLICT' && <FaultNote fault={fault} title="It was not saved; the draft is kept" />}
      {fault?.code === 'CONFLICT' && !isOvertaken && <FaultNote fault={fault} title="It was not saved; the draft is kept" />}
      <Group gap="xs">
        <Button
          size="xs"
          loading={fetching}
          disabled={!isChanged || 'problem' in parsed || isOvertaken}
          onClick={() => void submit()}
        >
          Save
        </Button>
        {isChanged && base !== null && (
          <Button size="xs" variant="default" onClick={() => void onBegin()}>
            Discard the draft
          </Button>
        )}
        <Remove id={id} base={base} />
        <Text size="xs" c="dimmed" role="status">
          {note}
        </Text>
      </Group>
    </Stack>
  )
}

/** Somebody else was faster: both values, and what one can do. */
function Overtaken({
  row,
  onRebase,
  onBegin,
}: {
  row: VariableRow | undefined
  onRebase: () => Promise<void>
  onBegin: () => Promise<void>
}) {
  return (
    <div className={classes['overtaken']} role="alert">
      <Text size="sm" fw={600}>
        {row ? 'It changed while you were editing' : 'It was deleted while you were editing'}
      </Text>
      {row && (
        <Text size="sm">
          Now, at version {row.version}: <code>{row.preview}</code>
        </Text>
      )}
      <Group gap="xs" mt={4}>
        <Button size="compact-xs" variant="default" onClick={() => void onRebase()}>
          Keep my draft, compare with that
        </Button>
        <Button size="compact-xs" variant="default" onClick={() => void onBegin()}>
          Take that, drop my draft
        </Button>
      </Group>
    </div>
  )
}

/** Deletes, and can put back what was there. */
function Remove({ id, base }: { id: string; base: FullVariable | null }) {
  const [{ error }, remove] = useMutation(RemoveVariableDocument)
  const [, save] = useMutation(SetVariableDocument)
  const [gone, setGone] = useState<FullVariable | null>(null)
  const fault = describeError(error)
  if (gone !== null) {
    const { name, value, type, sourceStep } = gone
    const undo = async () => {
      const { data } = await save({ input: { executionId: id, name, value, type, sourceStep, expectedVersion: 0 } })
      if (data) setGone(null)
    }
    return (
      <Button size="xs" variant="light" onClick={() => void undo()}>
        Undo the deletion
      </Button>
    )
  }
  if (base === null) return null
  const submit = async () => {
    const { data } = await remove({ input: { executionId: id, name: base.name, expectedVersion: base.version } })
    if (data) setGone(base)
  }
  return (
    <>
      <Button size="xs" variant="subtle" color="red" onClick={() => void submit()}>
        Delete
      </Button>
      {fault && <Text size="xs">{fault.message}</Text>}
    </>
  )
}
