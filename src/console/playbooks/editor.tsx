import { Alert, Anchor, Button, Group, SegmentedControl, Text } from '@mantine/core'
import { useHotkeys } from '@mantine/hooks'
import { useCallback, useState } from 'react'
import { Link } from 'react-router'
import { may, useMe } from '../app/me.js'
import { FaultNote } from '../app/states.js'
import type { PlaybookSourceQuery } from '../generated/graphql.js'
import type { Fault } from '../lib/faults.js'
import { playbookUrl } from '../lib/urls.js'
import { CodeEditor } from '../ui/code-editor.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { DiffView } from '../ui/diff-view.js'
import { Page } from '../ui/page.js'
import classes from './editor.module.css'
import { FindingList } from './finding-list.js'
import { OverwriteDialog } from './overwrite-dialog.js'
import { useDraft } from './use-draft.js'
import { useRegister } from './use-register.js'
import { useValidation } from './use-validation.js'

interface EditorProps {
  /** Drafts of different names do not meet. */
  readonly draftName: string
  readonly title: string
  /** What it begins with. */
  readonly source: string
  /** The version of that; null: it is not registered. */
  readonly base: number | null
  /** What is registered now; null: nothing, or it is not known. */
  readonly latest: NonNullable<PlaybookSourceQuery['playbook']> | null
  /** Why it is not known. */
  readonly trouble?: Fault
}

/** A text, what the server says about it while one types, and the way to register it. Nothing ever takes the text away. */
export function Editor({ draftName, title, source, base, latest, trouble }: EditorProps) {
  const draft = useDraft(draftName, { text: source, base })
  const { text, isChanged } = draft
  const validation = useValidation(text)
  const begun = draft.base === null ? null : { path: draftName, version: draft.base }
  const registering = useRegister(text, { base: begun, onDone: draft.drop })
  const [isComparing, setComparing] = useState(false)
  const [target, setTarget] = useState<{ line: number; column: number } | null>(null)
  const isForbidden = !may(useMe(), 'REGISTER')
  const isRefused = validation.isCurrent && validation.isValid === false
  const register = useCallback(() => void registering.register(null), [registering.register])
  useHotkeys([['mod+S', register]], [], true)
  const findings = registering.findings ?? validation.findings

  return (
    <Page
      title={title}
      note={
        isChanged
          ? draft.isKept
            ? 'A draft, kept in this tab'
            : 'A draft; this tab has no room to keep it: copy it before you leave'
          : ' '
      }
      actions={
        <Group gap="xs">
          {latest && (
            <SegmentedControl
              size="xs"
              aria-label="What to show"
              value={isComparing ? 'changes' : 'text'}
              onChange={(value) => setComparing(value === 'changes')}
              data={[
                { value: 'text', label: 'Text' },
                { value: 'changes', label: `Changes to version ${latest.version}` },
              ]}
            />
          )}
          {isChanged && (
            <ConfirmButton
              size="xs"
              variant="default"
              question="Discard the draft?"
              consequence="What you have written here is kept nowhere else."
              action="Discard it"
              leave="Keep it"
              onConfirm={draft.reset}
            >
              Discard the draft
            </ConfirmButton>
          )}
          <Button size="xs" onClick={register} loading={registering.isBusy} disabled={isRefused || isForbidden}>
            Register
          </Button>
        </Group>
      }
    >
      {trouble && <FaultNote fault={trouble} title="What is registered is not known now; your draft is here" />}
      {isForbidden && (
        <Alert color="yellow" variant="light">
          <Text size="sm">
            Your key may not register playbooks. You can write and check one here, and give its text to somebody who may.
          </Text>
        </Alert>
      )}
      {latest && draft.base !== null && draft.base < latest.version && (
        <Alert color="yellow" variant="light" title={`Version ${latest.version} is registered`}>
          <Text size="sm">
            Your draft began with version {draft.base}.{' '}
            <Anchor
              component={Link}
              size="sm"
              underline="always"
              to={playbookUrl(latest.path, { version: latest.version, against: draft.base })}
            >
              See what changed
            </Anchor>
            , or look at the changes to version {latest.version} above, before you register yours over it.
          </Text>
        </Alert>
      )}
      {registering.there && (
        <OverwriteDialog
          there={registering.there}
          base={draft.base}
          text={text}
          onOverwrite={() => void registering.register(registering.there)}
          onClose={registering.forget}
        />
      )}
      {registering.fault && <FaultNote fault={registering.fault} title="It was not registered; your draft is kept" />}
      {validation.fault && <FaultNote fault={validation.fault} title="It cannot be checked now; your draft is kept" />}
      <div className={classes['columns']}>
        <div className={classes['text']}>
          {isComparing && latest ? (
            <DiffView before={latest.source} after={text} language="yaml" label={`Changes to version ${latest.version}`} />
          ) : (
            <CodeEditor value={text} onChange={draft.set} language="yaml" label="Playbook" problems={findings} target={target} />
          )}
        </div>
        <FindingList
          {...validation}
          findings={findings}
          onGo={({ line, column }) => {
            setComparing(false)
            setTarget({ line, column })
          }}
        />
      </div>
    </Page>
  )
}
