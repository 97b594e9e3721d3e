import { Button, CloseButton, Group, Text } from '@mantine/core'
import { useState } from 'react'
import type { Fault } from '../lib/faults.js'
import { useStore } from '../lib/store.js'
import { type Removal, removal, remove, undoRemoval } from './removals.js'
import classes from './variables-panel.module.css'

/** Deletes at once, because `UndoRemoval` offers the way back; of a sensitive value there is none, so it asks first. */
export function RemoveButton(which: Removal) {
  const [isAsking, setAsking] = useState(false)
  const [fault, setFault] = useState<Fault | null>(null)
  const submit = () => void remove(which).then(setFault)
  const { isSensitive } = which.base
  return (
    <>
      {!isAsking && (
        <Button size="xs" variant="subtle" color="red" onClick={isSensitive ? () => setAsking(true) : submit}>
          Delete
        </Button>
      )}
      {isAsking && (
        <Group gap="xs" role="alert">
          <Text size="sm">A sensitive value is kept nowhere else: this cannot be undone.</Text>
          <Button size="xs" color="red.9" onClick={submit}>
            Delete it for good
          </Button>
          <Button size="xs" variant="default" onClick={() => setAsking(false)}>
            Leave it
          </Button>
        </Group>
      )}
      {fault && (
        <Text size="xs" c="var(--failed)" role="alert">
          It was not deleted: {fault.message}
        </Text>
      )}
    </>
  )
}

/** The last deletion in an execution, with the way back. */
export function UndoRemoval({ id }: { id: string }) {
  const last = useStore(removal)
  const [fault, setFault] = useState<Fault | null>(null)
  if (last === null || last.id !== id) return null
  return (
    <Group gap="xs" px="sm" py={5} className={classes['undo']} role="status">
      <Text size="sm">
        <code>{last.name}</code> was deleted.
      </Text>
      <Button size="compact-xs" onClick={() => void undoRemoval(last).then(setFault)}>
        Undo the deletion
      </Button>
      {fault && (
        <Text size="xs" c="var(--failed)" role="alert">
          It was not put back: {fault.message}
        </Text>
      )}
      <CloseButton size="sm" ml="auto" aria-label="Leave it deleted" onClick={() => removal.set(null)} />
    </Group>
  )
}
