import { ActionIcon, Group, Tabs, Text, Title } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { useQuery } from 'urql'
import { FaultNote, Loading } from '../app/states.js'
import { VariableValueDocument } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { formatSize, plural, words } from '../lib/format.js'
import type { VariableRow } from '../live/variable-table.js'
import { JsonTree } from '../ui/json-tree.js'
import { Time } from '../ui/ticking.js'
import { History } from './history.js'
import classes from './variable-detail.module.css'
import { VariableEditor } from './variable-editor.js'

interface VariableDetailProps {
  readonly id: string
  readonly name: string
  /** As the list has it; undefined when there is none of that name now. */
  readonly row: VariableRow | undefined
  /** null: the present. */
  readonly asOf: number | null
  readonly isWritable: boolean
  readonly onClose: () => void
}

/** One variable: its whole value, its history, and a draft of the next value, which no change from outside discards. */
export function VariableDetail({ id, name, row, asOf, isWritable, onClose }: VariableDetailProps) {
  const [tab, setTab] = useState<string | null>('value')
  const [hasDraft, setDraft] = useState(false)
  const change = (next: string | null) => {
    setTab(next)
    if (next === 'edit') setDraft(true)
  }
  return (
    <section className={classes['detail']} aria-label={`Variable ${name}`}>
      <Group gap="sm" className={classes['title']} wrap="nowrap">
        <Title order={2} className={classes['name']}>
          {name}
        </Title>
        {row && (
          <Text size="xs" c="dimmed" truncate>
            {words(row.type)} · {formatSize(row.size)} · version {row.version} · {plural(row.accessCount, 'read')} ·{' '}
            <Time iso={row.updatedAt} />
          </Text>
        )}
        <ActionIcon variant="subtle" color="gray" ml="auto" aria-label="Close the variable" onClick={onClose}>
          <IconX size={16} />
        </ActionIcon>
      </Group>
      <Tabs value={tab} onChange={change} className={classes['tabs']} keepMounted>
        <Tabs.List>
          <Tabs.Tab value="value">Value</Tabs.Tab>
          <Tabs.Tab value="edit" disabled={!isWritable}>
            Edit
          </Tabs.Tab>
          <Tabs.Tab value="history">History</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="value" className={classes['panel']}>
          <Value id={id} name={name} version={row?.version ?? 0} asOf={asOf} />
        </Tabs.Panel>
        <Tabs.Panel value="edit" className={classes['panel']}>
          {isWritable && hasDraft && <VariableEditor key={name} id={id} name={name} row={row} />}
        </Tabs.Panel>
        <Tabs.Panel value="history" className={classes['panel']}>
          {tab === 'history' && <History id={id} name={name} version={row?.version ?? 0} isWritable={isWritable} />}
        </Tabs.Panel>
      </Tabs>
    </section>
  )
}

/** Read on demand, and again when the version changes; what was there stays until the new value has come. */
function Value({ id, name, version, asOf }: { id: string; name: string; version: number; asOf: number | null }) {
  const [{ data, error, fetching }, ask] = useQuery({ query: VariableValueDocument, variables: { id, name, asOf } })
  const [seen, setSeen] = useState(version)
  useEffect(() => {
    if (seen === version) return
    setSeen(version)
    ask()
  }, [seen, version, ask])
  const fault = describeError(error)
  const variable = data?.variables.nodes[0]
  if (fault) return <FaultNote fault={fault} />
  if (variable) return <JsonTree value={variable.value} root={`vars.${name}`} />
  if (fetching) return <Loading what="the value" />
  return (
    <Text size="sm" c="dimmed">
      There is no variable of this name {asOf === null ? 'now' : `at revision ${asOf}`}: it is missing, which is not the same as
      null.
    </Text>
  )
}
