import { Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTitle } from '../lib/use-title.js'
import classes from './page.module.css'

interface PageProps {
  readonly title: string
  /** One line below the title. */
  readonly note?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A page with its title, which is also the tab's, and what one can do there. */
export function Page({ title, note, actions, children }: PageProps) {
  useTitle(title)
  return (
    <div className={classes['page']}>
      <header className={classes['head']}>
        <div className={classes['title']}>
          <Title order={1}>{title}</Title>
          {note !== undefined && (
            <Text component="div" size="sm" c="dimmed" role="status">
              {note}
            </Text>
          )}
        </div>
        {actions}
      </header>
      {children}
    </div>
  )
}
