import { Anchor, Text } from '@mantine/core'
import { Link, useLocation } from 'react-router'
import { Page } from '../ui/page.js'
import { Empty } from './states.js'

/** An address that the console does not know. */
export function NotFound() {
  const { pathname } = useLocation()
  return (
    <Page title="Nothing is here">
      <Empty title="There is no such page">
        <Text c="dimmed" size="sm">
          <code>{pathname}</code> is not an address of the console.{' '}
          <Anchor component={Link} to="/executions" size="sm" underline="always">
            Go to the executions
          </Anchor>
        </Text>
      </Empty>
    </Page>
  )
}
