import { Alert, Center, Group, Loader, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconCloudOff, IconLock } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { isReachable } from '../lib/client.js'
import type { Fault } from '../lib/faults.js'
import { useStore } from '../lib/store.js'
import { visible } from '../lib/text.js'

/** Something is on its way. */
export function Loading({ what }: { what: string }) {
  return (
    <Center p="xl" role="status">
      <Group gap="sm">
        <Loader size="sm" />
        <Text c="dimmed">Loading {what} …</Text>
      </Group>
    </Center>
  )
}

const ICONS: Readonly<Record<string, typeof IconLock>> = {
  UNREACHABLE: IconCloudOff,
  UNAUTHENTICATED: IconLock,
  FORBIDDEN: IconLock,
}

interface FaultNoteProps {
  readonly fault: Fault
  readonly title?: string
  readonly children?: ReactNode
}

/** What went wrong, in place: the server's words, and what to do. That the server does not answer is said until it does. */
export function FaultNote({ fault, title, children }: FaultNoteProps) {
  const isOver = useStore(isReachable) && fault.code === 'UNREACHABLE'
  if (isOver) return null
  const Icon = ICONS[fault.code] ?? IconAlertTriangle
  return (
    <Alert color="red" variant="light" icon={<Icon size={18} />} title={title ?? visible(fault.message)} role="alert">
      {title !== undefined && <Text size="sm">{visible(fault.message)}</Text>}
      <Text size="sm" c="dimmed">
        {fault.hint}
      </Text>
      {children}
    </Alert>
  )
}

/** There is nothing here, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Center p="xl">
      <Stack align="center" gap="xs" maw={520} ta="center">
        <Text fw={600}>{title}</Text>
        {children}
      </Stack>
    </Center>
  )
}
