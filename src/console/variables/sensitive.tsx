import { Button, Group, Stack, Text } from '@mantine/core'
import { IconEye, IconEyeOff, IconLock } from '@tabler/icons-react'
import { useState } from 'react'
import type { JsonValue } from '../../core/json.js'
import { may, useMe } from '../app/me.js'
import { FaultNote } from '../app/states.js'
import { RevealVariableDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { MASK } from '../lib/mask.js'
import { ownerOf, templateName } from '../lib/owner.js'
import { JsonTree } from '../ui/json-tree.js'

interface SensitiveProps {
  readonly id: string
  readonly name: string
  readonly asOf: number | null
}

type Shown = { readonly value: JsonValue } | 'asked' | null

/** An encrypted value: shown after one has confirmed it, to who may, until one hides it or it changes. To be mounted again with each version. */
export function Sensitive({ id, name, asOf }: SensitiveProps) {
  const me = useMe()
  const [shown, setShown] = useState<Shown>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const reveal = async () => {
    const { data, error } = await client.mutation(RevealVariableDocument, { ...ownerOf(id), name }).toPromise()
    setFault(describeError(error))
    setShown(data?.revealVariable ? { value: data.revealVariable.value } : null)
  }
  if (shown !== null && shown !== 'asked')
    return (
      <Stack gap="xs" align="flex-start">
        <Button size="compact-sm" variant="default" leftSection={<IconEyeOff size={14} />} onClick={() => setShown(null)}>
          Hide it
        </Button>
        <JsonTree value={shown.value} root={templateName(id, name)} />
      </Stack>
    )
  return (
    <Stack gap="xs" align="flex-start">
      <Text size="sm">
        <IconLock size={14} aria-hidden="true" /> This value is sensitive: it is encrypted, and shown as {MASK} everywhere, its
        history too.
      </Text>
      {!may(me, 'REVEAL') && (
        <Text size="sm" c="dimmed">
          Your key may not reveal it. Ask whoever runs the server for one that may.
        </Text>
      )}
      {asOf !== null && (
        <Text size="sm" c="dimmed">
          Only the value of now can be revealed.
        </Text>
      )}
      {may(me, 'REVEAL') && asOf === null && shown === null && (
        <Button size="compact-sm" variant="default" leftSection={<IconEye size={14} />} onClick={() => setShown('asked')}>
          Reveal
        </Button>
      )}
      {shown === 'asked' && (
        <Group gap="xs" role="alert">
          <Text size="sm">The audit keeps that you looked at it.</Text>
          <Button size="compact-sm" onClick={() => void reveal()}>
            Reveal it
          </Button>
          <Button size="compact-sm" variant="default" onClick={() => setShown(null)}>
            Leave it hidden
          </Button>
        </Group>
      )}
      {fault && <FaultNote fault={fault} title="It was not revealed" />}
    </Stack>
  )
}
