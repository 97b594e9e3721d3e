import { Anchor, Button, Group, Text, Title } from '@mantine/core'
import { IconPlayerPlayFilled } from '@tabler/icons-react'
import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { useSearchParams } from 'react-router'
import { type JsonValue, parseJson, stringifyJson } from '../../core/json.js'
import { may, useMe } from '../app/me.js'
import { Empty, FaultNote, Loading } from '../app/states.js'
import type { ExecutionFilter } from '../generated/graphql.js'
import { plural } from '../lib/format.js'
import { useTitle } from '../lib/use-title.js'
import { useFeedHandle } from '../live/use-feed.js'
import { BulkBar } from './bulk-bar.js'
import { createExecutionsFeed } from './executions-feed.js'
import classes from './executions-page.module.css'
import { ExecutionsTable } from './executions-table.js'
import { FilterBar } from './filter-bar.js'
import { type Filters, readFilters, toQuery, writeFilters } from './filters.js'
import { StartDialog } from './start-dialog.js'

const ExampleOffer = lazy(() => import('../examples/example-offer.js').then((module) => ({ default: module.ExampleOffer })))

/** All executions, live, filtered by what stands in the address. */
export function ExecutionsPage() {
  const [search, setSearch] = useSearchParams()
  const [isStarting, setStarting] = useState(false)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const filters = useMemo(() => readFilters(search), [search])
  const change = (next: Filters) => setSearch(writeFilters(next), { replace: true })
  const create = useCallback((key: string) => createExecutionsFeed(parseJson(key) as ExecutionFilter), [])
  const [view, feed] = useFeedHandle(create, stringifyJson(toQuery(filters) as JsonValue))
  const isFiltered = search.size > 0
  const me = useMe()
  useTitle('Executions')

  return (
    <div className={classes['page']}>
      <Group justify="space-between" wrap="nowrap" align="flex-end">
        <div>
          <Title order={1}>Executions</Title>
          <Text size="sm" c="dimmed" role="status">
            {view.isLoaded ? `${plural(view.total, 'execution')}${isFiltered ? ' match' : ''}` : ' '}
          </Text>
        </div>
        {may(me, 'RUN') && (
          <Button leftSection={<IconPlayerPlayFilled size={15} />} onClick={() => setStarting(true)}>
            Start
          </Button>
        )}
      </Group>
      <FilterBar filters={filters} onChange={change} />
      {view.fault && <FaultNote fault={view.fault} />}
      {chosen.size > 0 && <BulkBar rows={view.rows} chosen={chosen} onChoose={setChosen} />}
      {!view.isLoaded && !view.fault && <Loading what="executions" />}
      {view.isLoaded && view.rows.length === 0 && <NoRows isFiltered={isFiltered} />}
      {view.rows.length > 0 && (
        <ExecutionsTable rows={view.rows} hasMore={view.hasMore} onMore={feed.more} chosen={chosen} onChoose={setChosen} />
      )}
      <StartDialog isOpen={isStarting} onClose={() => setStarting(false)} />
    </div>
  )
}

function NoRows({ isFiltered }: { isFiltered: boolean }) {
  const [, setSearch] = useSearchParams()
  if (isFiltered)
    return (
      <Empty title="No execution matches">
        <Text size="sm" c="dimmed">
          Loosen a filter, or{' '}
          <Anchor component="button" size="sm" underline="always" onClick={() => setSearch({})}>
            remove them all
          </Anchor>
          .
        </Text>
      </Empty>
    )
  return (
    <Suspense fallback={<Loading what="the examples" />}>
      <ExampleOffer kicker="Nothing has run here yet" />
    </Suspense>
  )
}
