import { Button, Text } from '@mantine/core'
import { Component, type ReactNode } from 'react'
import { useLocation } from 'react-router'
import { Page } from '../ui/page.js'
import { Empty } from './states.js'

interface Broken {
  readonly isBroken: boolean
}

interface SurvivorProps {
  readonly children: ReactNode
}

/** When a page breaks, or cannot be loaded because the server is away or was updated, the rest of the console stays. */
export function Survivor({ children }: SurvivorProps) {
  return <Boundary page={useLocation().pathname}>{children}</Boundary>
}

class Boundary extends Component<SurvivorProps & { readonly page: string }, Broken> {
  override state: Broken = { isBroken: false }

  static getDerivedStateFromError(): Broken {
    return { isBroken: true }
  }

  override componentDidUpdate({ page }: { readonly page: string }): void {
    if (this.state.isBroken && page !== this.props.page) this.setState({ isBroken: false })
  }

  override render() {
    if (!this.state.isBroken) return this.props.children
    return (
      <Page title="This page cannot be shown">
        <Empty title="A part of it could not be loaded">
          <Text size="sm" c="dimmed">
            The server may be away, or a newer one may have replaced it. What you have written is kept in this tab.
          </Text>
          <Button size="xs" mt="xs" onClick={() => location.reload()}>
            Load the page again
          </Button>
        </Empty>
      </Page>
    )
  }
}
