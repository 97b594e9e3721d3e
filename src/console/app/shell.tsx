import { ActionIcon, Anchor, Group, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { IconMoon, IconSun } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { Link, NavLink } from 'react-router'
import icon from '../icon.svg'
import { useStore } from '../lib/store.js'
import { ConnectionBadge } from './connection-badge.js'
import { Login } from './login.js'
import { may, useMe } from './me.js'
import { session } from './session.js'
import classes from './shell.module.css'
import { ShortcutHelp } from './shortcut-help.js'

const NAV_LINKS = [
  { to: '/executions', title: 'Executions' },
  { to: '/playbooks', title: 'Playbooks' },
  { to: '/schedules', title: 'Schedules' },
  { to: '/inbox', title: 'Inbox' },
  { to: '/globals', title: 'Globals' },
  { to: '/playground', title: 'Playground' },
]

/** What surrounds every page. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <div className={classes['shell']}>
      <a className={classes['skip']} href="#main">
        Skip to the content
      </a>
      <header className={classes['header']}>
        <Anchor component={Link} to="/executions" className={classes['brand']} underline="never" aria-label="Transient">
          <img src={icon} alt="" width={24} height={24} />
          <span>Transient</span>
        </Anchor>
        <nav aria-label="Console" className={classes['nav']}>
          {NAV_LINKS.map(({ to, title }) => (
            <NavLink key={to} to={to} className={classes['place'] ?? ''}>
              {title}
            </NavLink>
          ))}
          <ApiLink />
        </nav>
        <Group gap="xs" wrap="nowrap" className={classes['tools']}>
          <ConnectionBadge />
          <ShortcutHelp className={classes['keys'] ?? ''} />
          <SchemeSwitch />
          <Login />
        </Group>
      </header>
      <main id="main" className={classes['main']} tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

/** The API, for those who may read through it: GraphiQL where it needs no key, else how one asks with a key. */
function ApiLink() {
  const me = useMe()
  const { key } = useStore(session)
  if (!may(me, 'READ')) return null
  if (me !== null && key === null)
    return (
      <a href="/graphql" className={classes['place']} title="Ask the API with GraphiQL">
        API
      </a>
    )
  return (
    <NavLink to="/explorer" className={classes['place'] ?? ''}>
      API
    </NavLink>
  )
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const other = scheme === 'light' ? 'dark' : 'light'
  return (
    <Tooltip label={`Change to ${other}`}>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Change to ${other}`} onClick={() => setColorScheme(other)}>
        {scheme === 'light' ? <IconMoon size={18} /> : <IconSun size={18} />}
      </ActionIcon>
    </Tooltip>
  )
}
