import { Anchor, Button, SimpleGrid, Text } from '@mantine/core'
import { IconPlayerPlayFilled } from '@tabler/icons-react'
import { Link } from 'react-router'
import { may, useMe } from '../app/me.js'
import { FaultNote } from '../app/states.js'
import { editorUrl } from '../lib/urls.js'
import classes from './example-offer.module.css'
import { type Example, MAIN_EXAMPLE, OTHER_EXAMPLES } from './examples.js'
import { useRunExample } from './use-run-example.js'

/** For the first visit: playbooks to run with one click, and to read. */
export function ExampleOffer({ kicker }: { kicker: string }) {
  const me = useMe()
  const { run, running, fault } = useRunExample()
  const isAllowed = may(me, 'REGISTER') && may(me, 'RUN')
  return (
    <section className={classes['offer']} aria-label="Examples">
      <div className={`panel ${classes['main']}`}>
        <Text size="xs" fw={650} c="dimmed">
          {kicker}
        </Text>
        <h2>See an execution move</h2>
        <Text c="dimmed" maw={620}>
          A playbook is a YAML file of steps; an execution is one run of it, with its own live variables. {MAIN_EXAMPLE.about}
        </Text>
        {isAllowed ? (
          <Button
            size="md"
            leftSection={<IconPlayerPlayFilled size={16} />}
            loading={running === MAIN_EXAMPLE.name}
            onClick={() => void run(MAIN_EXAMPLE.name)}
          >
            Run the batch example
          </Button>
        ) : (
          <Text size="sm">
            Your key may look, but neither register nor start playbooks. Ask whoever runs the server to start one: it appears here
            at once.
          </Text>
        )}
        {fault && <FaultNote fault={fault} title="The example did not start" />}
        <Text size="sm" c="dimmed">
          Or{' '}
          <Anchor component={Link} to={editorUrl({ example: MAIN_EXAMPLE.name })} size="sm" underline="always">
            read it first
          </Anchor>
          ,{' '}
          <Anchor component={Link} to={editorUrl()} size="sm" underline="always">
            write a playbook of your own
          </Anchor>
          .
        </Text>
      </div>
      <h3>More examples</h3>
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="sm">
        {OTHER_EXAMPLES.map((example) => (
          <Card key={example.name} example={example} isAllowed={isAllowed} isRunning={running === example.name} onRun={run} />
        ))}
      </SimpleGrid>
    </section>
  )
}

interface CardProps {
  readonly example: Example
  readonly isAllowed: boolean
  readonly isRunning: boolean
  readonly onRun: (name: string) => Promise<void>
}

function Card({ example: { name, title, about, isSelfContained }, isAllowed, isRunning, onRun }: CardProps) {
  return (
    <article className={`panel ${classes['card']}`}>
      <Text fw={600}>{title}</Text>
      <Text size="sm" c="dimmed" flex={1}>
        {about}
        {!isSelfContained && ' Wants the address of an API.'}
      </Text>
      <div className={classes['actions']}>
        {isSelfContained && isAllowed && (
          <Button
            size="compact-sm"
            variant="light"
            loading={isRunning}
            onClick={() => void onRun(name)}
            aria-label={`Run ${title}`}
          >
            Run
          </Button>
        )}
        <Button
          component={Link}
          to={editorUrl({ example: name })}
          size="compact-sm"
          variant="default"
          aria-label={`Open ${title} in the editor`}
        >
          Open
        </Button>
      </div>
    </article>
  )
}
