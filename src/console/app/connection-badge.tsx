import { Badge, Button, Group, Popover, Text, UnstyledButton } from '@mantine/core'
import { formatCount, formatTime } from '../lib/format.js'
import { useStore } from '../lib/store.js'
import { type Link, link, retryNow } from '../live/link.js'
import { type LivePosition, livePosition } from '../live/position.js'
import classes from './connection-badge.module.css'

type State = 'connected' | 'catching-up' | 'offline' | 'connecting' | 'past'

const TITLES: Readonly<Record<State, string>> = {
  connected: 'Live',
  'catching-up': 'Catching up',
  offline: 'Offline',
  connecting: 'Connecting',
  past: 'Past',
}

function stateOf({ phase }: Link, position: LivePosition | null): State | null {
  if (phase === 'idle') return null
  if (phase !== 'connected') return phase
  if (position !== null && position.asOf !== null) return 'past'
  const isBehind = position !== null && (!position.isLoaded || position.revision < position.target)
  return isBehind ? 'catching-up' : 'connected'
}

function explain(state: State, since: number, position: LivePosition | null): string {
  const at = position === null ? '' : ` Shown: revision ${formatCount(position.revision)}`
  if (state === 'offline')
    return `No connection since ${formatTime(new Date(since).toISOString())}.${at}. It goes on from there by itself, and misses nothing.`
  if (state === 'catching-up' && position !== null)
    return position.isLoaded
      ? `Revision ${formatCount(position.revision)} of ${formatCount(position.target)} is shown.`
      : `${formatCount(position.loaded)} of ${formatCount(position.total)} variables are here.`
  if (state === 'past' && position !== null)
    return `You look at revision ${formatCount(position.asOf ?? 0)}. Meanwhile the page follows on, up to revision ${formatCount(position.revision)}.`
  if (state === 'connecting') return 'Opening the connection to the server.'
  return `Every change is shown as it happens.${at === '' ? '' : `${at}.`}`
}

/** Whether what one sees is what is: connected, catching up or offline, with the revision. */
export function ConnectionBadge() {
  const now = useStore(link)
  const position = useStore(livePosition)
  const state = stateOf(now, position)
  if (state === null) return null
  return (
    <Popover width={280} withArrow shadow="md">
      <Popover.Target>
        <UnstyledButton className={classes['button']} data-state={state} title="About the connection">
          <span className={classes['dot']} aria-hidden="true" />
          <span className={classes['title']} role="status">
            {TITLES[state]}
          </span>
          {position !== null && <span className={classes['revision']}>r{formatCount(position.asOf ?? position.revision)}</span>}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <Group gap="xs" mb={6}>
          <Badge color={state === 'connected' ? 'green' : state === 'offline' ? 'red' : 'yellow'} variant="light">
            {TITLES[state]}
          </Badge>
        </Group>
        <Text size="sm">{explain(state, now.since, position)}</Text>
        {state === 'offline' && (
          <Button size="compact-sm" variant="light" mt="sm" onClick={retryNow}>
            Try now
          </Button>
        )}
      </Popover.Dropdown>
    </Popover>
  )
}
