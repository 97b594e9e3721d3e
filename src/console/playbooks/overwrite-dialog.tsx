import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import { FaultNote, Loading } from '../app/states.js'
import { PlaybookSourceDocument } from '../generated/graphql.js'
import { useRead } from '../lib/use-read.js'
import { DiffView } from '../ui/diff-view.js'
import classes from './editor.module.css'
import type { Registered } from './use-register.js'

interface OverwriteDialogProps {
  /** What is there, and was not when the draft began. */
  readonly there: Registered
  /** The version that the draft began with; null: a new playbook. */
  readonly base: number | null
  readonly text: string
  readonly onOverwrite: () => void
  readonly onClose: () => void
}

/** Somebody has registered a version that the draft does not know: what would differ from it, and whether to go over it. */
export function OverwriteDialog({ there: { path, version }, base, text, onOverwrite, onClose }: OverwriteDialogProps) {
  const { data, fault } = useRead(PlaybookSourceDocument, { path, version })
  return (
    <Modal opened onClose={onClose} size="xl" title={`${path} has a version ${version} that your draft does not know`}>
      <Stack>
        <Text size="sm">
          {base === null ? 'Your draft began as a new playbook. ' : `Your draft began with version ${base}. `}
          Registered now, it is the next version, without what version {version} brought. From version {version} (−) to your draft
          (+):
        </Text>
        {fault && <FaultNote fault={fault} />}
        {!data && !fault && <Loading what={`version ${version}`} />}
        {data?.playbook && (
          <div className={classes['overwritten']}>
            <DiffView
              before={data.playbook.source}
              after={text}
              language="yaml"
              label={`From version ${version} to your draft`}
            />
          </div>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" data-autofocus onClick={onClose}>
            Go on editing
          </Button>
          <Button color="red.9" onClick={onOverwrite}>
            Register over version {version}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
