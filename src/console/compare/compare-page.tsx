import { ActionIcon, Button, Group, SegmentedControl, Text, Tooltip } from '@mantine/core'
import { IconArrowsExchange } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { Link } from 'react-router'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { sumCounts } from '../lib/iterations.js'
import { visible } from '../lib/text.js'
import { useSearchState } from '../lib/use-search-state.js'
import { ExecutionInput } from '../playground/execution-choice.js'
import { Page } from '../ui/page.js'
import { StatusBadge } from '../ui/status-badge.js'
import { Duration } from '../ui/ticking.js'
import classes from './compare-page.module.css'
import { alignRoutes, pairVariables } from './difference.js'
import { RouteTable } from './route-table.js'
import { type Side, useSide } from './use-sides.js'
import { VariableTable } from './variable-table.js'

/** Two executions beside each other: what differs in what they know, and the ways they took. */
export function ComparePage() {
  const [search, setSearch] = useSearchState()
  const [turn, setTurn] = useState(0)
  const [leftId, rightId] = [search.get('left') ?? '', search.get('right') ?? '']
  const left = useSide(leftId, turn)
  const right = useSide(rightId, turn)
  const view = search.get('view') === 'routes' ? 'routes' : 'variables'
  const pairs = useMemo(() => pairVariables(left.variables, right.variables), [left.variables, right.variables])
  const stops = useMemo(() => alignRoutes(left.steps, right.steps), [left.steps, right.steps])
  const isReady = left.isLoaded && right.isLoaded
  const different = pairs.filter(({ verdict }) => verdict !== 'same').length

  return (
    <Page
      title="Compare"
      note={isReady ? `${different} of ${pairs.length} variables differ` : 'Two executions beside each other'}
      actions={
        isReady && (
          <Button size="xs" variant="default" onClick={() => setTurn(turn + 1)}>
            Read again
          </Button>
        )
      }
    >
      <div className={classes['sides']}>
        <SideHead label="Left" id={leftId} side={left} onChange={(id) => setSearch({ left: id })} />
        <Tooltip label="Exchange the two">
          <ActionIcon
            variant="default"
            size="md"
            mt={24}
            aria-label="Exchange the two"
            onClick={() => setSearch({ left: rightId, right: leftId })}
          >
            <IconArrowsExchange size={16} />
          </ActionIcon>
        </Tooltip>
        <SideHead label="Right" id={rightId} side={right} onChange={(id) => setSearch({ right: id })} />
      </div>
      {(leftId === '' || rightId === '') && (
        <Empty title="Choose two executions">
          <Text size="sm" c="dimmed">
            For example one that failed and one that did not, or a rerun and the execution that it repeats.
          </Text>
        </Empty>
      )}
      {leftId !== '' && rightId !== '' && !isReady && !left.fault && !right.fault && <Loading what="both executions" />}
      {isReady && (
        <>
          <SegmentedControl
            size="xs"
            className={classes['views']}
            aria-label="What to compare"
            value={view}
            onChange={(next) => setSearch({ view: next === 'variables' ? '' : next })}
            data={[
              { value: 'variables', label: `Variables (${pairs.length})` },
              { value: 'routes', label: `Steps (${left.steps.length} and ${right.steps.length})` },
            ]}
          />
          {view === 'variables' ? <VariableTable pairs={pairs} left={leftId} right={rightId} /> : <RouteTable stops={stops} />}
        </>
      )}
    </Page>
  )
}

interface SideHeadProps {
  readonly label: string
  readonly id: string
  readonly side: Side
  readonly onChange: (id: string) => void
}

function SideHead({ label, id, side: { head, steps, fault }, onChange }: SideHeadProps) {
  return (
    <div className={classes['side']}>
      <ExecutionInput label={label} id={id} onChange={onChange} />
      {head && (
        <Group gap="sm">
          <StatusBadge status={head.status} counts={sumCounts(steps)} />
          <Link to={`/executions/${head.id}`} className={classes['path']}>
            {head.playbook ? `${head.playbook.path} v${head.playbook.version}` : 'no playbook'}
          </Link>
          <Text size="sm" c="dimmed">
            <Duration from={head.createdAt} to={head.finishedAt} />
          </Text>
        </Group>
      )}
      {head?.error && (
        <Text size="sm" className={classes['error']}>
          {head.error.step ?? head.error.code}: {visible(head.error.message)}
        </Text>
      )}
      {fault && <FaultNote fault={fault} />}
    </div>
  )
}
