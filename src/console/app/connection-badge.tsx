import { Badge, Button, Group, Popover, Text, UnstyledButton } from '@mantine/core'
import { formatCount, formatTime } from '../lib/format.js'
import { useStore } from '../lib/store.js'
import { type Link, link, retryNow } from '../live/link.js'
import { type LivePlace, livePlace } from '../live/place.js'
import classes from './connection-badge.module.css'

type State = 'connected' | 'catching-up' | 'offline' | 'connecting' | 'past'

const TITLES: Readonly<Record<State, string>> = {
  connected: 'Live',
  'catching-up': 'Catching up',
  offline: 'Offline',
  connecting: 'Connecting',
  past: 'Past',
}

function stateOf({ phase }: Link, place: LivePlace | null): State | null {
  if (phase === 'idle') return null
  if (phase !== 'connected') return phase
  if (place !== null && place.asOf !== null) return 'past'
  const isBehind = place !== null && (!place.isLoaded || place.revision < place.target)
  return isBehind ? 'catching-up' : 'connected'
}

function explain(state: State, since: number, place: LivePlace | null): string {
  const at = place === null ? '' : ` Shown: revision ${formatCount(place.revision)}`
  if (state === 'offline')
    return `No connection since ${formatTime(new Date(since).toISOString())}.${at}. It goes on from there by itself, and misses nothing.`
  if (state === 'catching-up' && place !== null)
    return place.isLoaded
      ? `Revision ${formatCount(place.revision)} of ${formatCount(place.target)} is shown.`
      : `${formatCount(place.loaded)} of ${formatCount(place.total)} variables are here.`
  if (state === 'past' && place !== null)
    return `You look at revision ${formatCount(place.asOf ?? 0)}. Meanwhile the page follows on, up to revision ${formatCount(place.revision)}.`
  if (state === 'connecting') return 'Opening the connection to the server.'
  return `Every change is shown as it happens.${at === '' ? '' : `${at}.`}`
}

/** Whether what one sees is what is: connected, catching up or offline, with the revision. */
export function ConnectionBadge() {
  const now = useStore(link)
  const place = useStore(livePlace)
  const state = stateOf(now, place)
  if (state === null) return null
  return (
    <Popover width={280} withArrow shadow="md">
      <Popover.Target>
        <UnstyledButton className={classes['button']} data-state={state} title="About the connection">
          <span className={classes['dot']} aria-hidden="true" />
          <span className={classes['title']} role="status">
            {TITLES[state]}
          </span>
          {place !== null && <span className={classes['revision']}>r{formatCount(place.asOf ?? place.revision)}</span>}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <Group gap="xs" mb={6}>
          <Badge color={state === 'connected' ? 'green' : state === 'offline' ? 'red' : 'yellow'} variant="light">
            {TITLES[state]}
          </Badge>
        </Group>
        <Text size="sm">{explain(state, now.since, place)}</Text>
        {state === 'offline' && (
          <Button size="compact-sm" variant="light" mt="sm" onClick={retryNow}>
            Try now
          </Button>
        )}
      </Popover.Dropdown>
    </Popover>
  )
}
