import { Checkbox, Group, TextInput } from '@mantine/core'
import { IconFilter } from '@tabler/icons-react'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useDeferredValue, useMemo, useRef } from 'react'
import { Empty } from '../app/states.js'
import type { ComparedVariableFragment } from '../generated/graphql.js'
import { useSearchState } from '../lib/use-search-state.js'
import { useTyped } from '../lib/use-typed.js'
import frame from '../ui/table.module.css'
import { MaskedValue, Preview } from '../variables/variable-line.js'
import classes from './compare-page.module.css'
import type { Pair, Verdict } from './difference.js'
import { ValueDifference } from './value-difference.js'

const WORDS: Readonly<Record<Verdict, string>> = {
  same: '= same',
  alike: '≈ begins alike',
  hidden: '? both hidden',
  differs: '≠ differs',
  left: '← left only',
  right: '→ right only',
}

interface VariableTableProps {
  readonly pairs: readonly Pair[]
  readonly left: string
  readonly right: string
}

/** The variables of both by name; one that is chosen is compared line by line. */
export function VariableTable({ pairs, left, right }: VariableTableProps) {
  const [search, setSearch] = useSearchState()
  const [text, setText] = useTyped(search.get('q') ?? '', (q) => setSearch({ q }))
  const isAll = search.get('all') === 'yes'
  const deferred = useDeferredValue(text.trim().toLowerCase())
  const shown = useMemo(
    () => pairs.filter(({ name, verdict }) => (isAll || verdict !== 'same') && name.toLowerCase().includes(deferred)),
    [pairs, isAll, deferred],
  )
  const chosen = pairs.find(({ name }) => name === search.get('var')) ?? null
  return (
    <>
      <Group gap="md">
        <TextInput
          size="xs"
          w={240}
          aria-label="Filter variables"
          placeholder="Filter by name"
          leftSection={<IconFilter size={14} />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Checkbox
          size="xs"
          label="Also what is the same"
          checked={isAll}
          onChange={(event) => setSearch({ all: event.currentTarget.checked ? 'yes' : '' })}
        />
      </Group>
      {chosen && (
        <ValueDifference key={chosen.name} pair={chosen} left={left} right={right} onClose={() => setSearch({ var: '' })} />
      )}
      {shown.length === 0 ? (
        <Empty title={deferred === '' ? 'No variable differs' : 'No variable matches'} />
      ) : (
        <Rows shown={shown} chosen={chosen?.name ?? null} onChoose={(name) => setSearch({ var: name })} />
      )}
    </>
  )
}

interface RowsProps {
  readonly shown: readonly Pair[]
  readonly chosen: string | null
  readonly onChoose: (name: string) => void
}

function Rows({ shown, chosen, onChoose }: RowsProps) {
  const scroller = useRef<HTMLElement>(null)
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 36,
    overscan: 10,
  })
  const items = virtual.getVirtualItems()
  const [first, last] = [items[0], items.at(-1)]
  return (
    <section className={`panel ${frame['scroller']} ${classes['rows']}`} ref={scroller} aria-label="Variables of both">
      <table className={`${frame['table']} ${classes['table']}`} aria-rowcount={shown.length + 1}>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Left</th>
            <th scope="col">Right</th>
            <th scope="col" data-column="verdict">
              Verdict
            </th>
          </tr>
        </thead>
        <tbody>
          {first && first.start > 0 && <tr style={{ height: first.start }} />}
          {items.map(({ index }) => {
            const pair = shown[index]
            if (!pair) return null
            return (
              <tr key={pair.name} data-compared={pair.name} data-verdict={pair.verdict} aria-rowindex={index + 2}>
                <th scope="row">
                  <button type="button" onClick={() => onChoose(pair.name)} aria-pressed={pair.name === chosen}>
                    {pair.name}
                  </button>
                </th>
                <td>
                  <Value variable={pair.left} />
                </td>
                <td>
                  <Value variable={pair.right} />
                </td>
                <td data-column="verdict">{WORDS[pair.verdict]}</td>
              </tr>
            )
          })}
          {last && last.end < virtual.getTotalSize() && <tr style={{ height: virtual.getTotalSize() - last.end }} />}
        </tbody>
      </table>
    </section>
  )
}

function Value({ variable }: { variable: ComparedVariableFragment | null }) {
  if (variable === null) return <span className={classes['none']}>missing</span>
  if (variable.isSensitive) return <MaskedValue />
  return <Preview preview={variable.preview.slice(0, 200)} size={variable.size} />
}
