import { Button, Group, Text } from '@mantine/core'
import { useEffect, useState } from 'react'
import { FaultNote, Loading } from '../app/states.js'
import { IterationDetailDocument, IterationsDocument } from '../generated/graphql.js'
import { plural, words } from '../lib/format.js'
import { useRead } from '../lib/use-read.js'
import type { StepRow } from '../live/read-step.js'
import { Duration } from '../ui/ticking.js'
import { Outcome, Part } from './part.js'
import classes from './step-detail.module.css'
import { Tools } from './tools.js'

interface IterationsProps {
  readonly id: string
  readonly run: StepRow
}

interface ListProps extends IterationsProps {
  /** One looks at a moment before its end: iterations are known only as they are now. */
  readonly isPast: boolean
}

/** How often a page of iterations that still run is read again. */
const REFRESH_MS = 1_500

/** The iterations of a visit, a page at a time; one that is chosen shows what came of it. */
export function Iterations({ id, run, isPast }: ListProps) {
  const [pages, setPages] = useState<readonly (string | null)[]>([null])
  const page = pages.at(-1) ?? null
  const [chosen, setChosen] = useState<{ readonly number: number; readonly before: string | null } | null>(null)
  const { data, fault, again } = useRead(IterationsDocument, { id, after: run.before, page })
  const isMoving = run.status === 'RUNNING' && !isPast
  useEffect(() => {
    if (!isMoving) return
    const timer = setInterval(again, REFRESH_MS)
    return () => {
      clearInterval(timer)
      again()
    }
  }, [isMoving, again])
  if (fault) return <FaultNote fault={fault} />
  const found = data?.execution?.steps.nodes[0]?.iterations
  if (!found || found.totalCount === 0) return null
  const cursors = [page, ...found.edges.map(({ cursor }) => cursor)]
  return (
    <Part title={`${plural(found.totalCount, 'iteration')}${isPast ? ', as they are now' : ''}`}>
      <Group gap={4}>
        {found.edges.map(({ node: { id: key, iteration, status, attempts } }, index) => (
          <button
            key={key}
            type="button"
            className={classes['iteration']}
            data-status={status}
            aria-pressed={chosen?.number === iteration}
            aria-label={`Iteration ${iteration}, ${words(status)}`}
            title={`${words(status)}${attempts > 1 ? `, ${plural(attempts, 'attempt')}` : ''}`}
            onClick={() =>
              setChosen(chosen?.number === iteration ? null : { number: iteration ?? 0, before: cursors[index] ?? null })
            }
          >
            {iteration}
          </button>
        ))}
      </Group>
      <Group gap="xs" mt={6}>
        {pages.length > 1 && (
          <Button size="compact-xs" variant="default" onClick={() => setPages(pages.slice(0, -1))}>
            Earlier iterations
          </Button>
        )}
        {found.pageInfo.hasNextPage && (
          <Button size="compact-xs" variant="default" onClick={() => setPages([...pages, found.pageInfo.endCursor])}>
            Later iterations
          </Button>
        )}
      </Group>
      {chosen && <Chosen key={chosen.number} id={id} run={run} before={chosen.before} number={chosen.number} />}
    </Part>
  )
}

function Chosen({ id, run, before, number }: IterationsProps & { before: string | null; number: number }) {
  const { data, fault } = useRead(IterationDetailDocument, { id, after: run.before, page: before })
  const found = data?.execution?.steps.nodes[0]?.iterations.nodes[0]
  if (fault) return <FaultNote fault={fault} />
  if (!found) return <Loading what={`iteration ${number}`} />
  return (
    <section className={classes['chosen']} aria-label={`Iteration ${number}`}>
      <Text size="sm" fw={600}>
        Iteration {number}: {words(found.status)}{' '}
        <Text span size="sm" c="dimmed">
          <Duration from={found.startedAt} to={found.finishedAt} />
        </Text>
      </Text>
      <Tools tools={found.tools} root={`${run.step}[${number}]`} />
      <Outcome error={found.error} result={found.result} log={found.log} root={`${run.step}[${number}]`} />
    </section>
  )
}
