import { ActionIcon, Code, Group, Tabs, Text, Title } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { FaultNote, Loading } from '../app/states.js'
import { VariableValueDocument } from '../generated/graphql.js'
import { formatSize, plural, words } from '../lib/format.js'
import { ownerOf, templateName } from '../lib/owner.js'
import { useRead } from '../lib/use-read.js'
import type { VariableRow } from '../live/variable-table.js'
import { JsonTree } from '../ui/json-tree.js'
import { Time } from '../ui/ticking.js'
import { History } from './history.js'
import { Sensitive } from './sensitive.js'
import classes from './variable-detail.module.css'
import { VariableEditor } from './variable-editor.js'

interface VariableDetailProps {
  readonly id: string
  readonly name: string
  /** As the list has it; undefined when there is none of that name now. */
  readonly row: VariableRow | undefined
  /** null: the present. */
  readonly asOf: number | null
  /** Why nothing can be written; null when it can. */
  readonly locked: string | null
  readonly onClose: () => void
}

/** One variable: its whole value, its history, and a draft of the next value, which no change from outside discards. */
export function VariableDetail({ id, name, row, asOf, locked, onClose }: VariableDetailProps) {
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
          <Tabs.Tab value="edit">Edit</Tabs.Tab>
          <Tabs.Tab value="history">History</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="value" className={classes['panel']}>
          <Value id={id} name={name} version={row?.version ?? 0} asOf={asOf} />
        </Tabs.Panel>
        <Tabs.Panel value="edit" className={classes['panel']}>
          {asOf !== null && (
            <Text size="sm" c="dimmed">
              {locked}
            </Text>
          )}
          {asOf === null && hasDraft && <VariableEditor id={id} name={name} row={row} locked={locked} />}
        </Tabs.Panel>
        <Tabs.Panel value="history" className={classes['panel']}>
          {tab === 'history' && <History id={id} name={name} version={row?.version ?? 0} asOf={asOf} locked={locked} />}
        </Tabs.Panel>
      </Tabs>
    </section>
  )
}

interface ValueProps {
  readonly id: string
  readonly name: string
  /** When it moves, the value is read again. */
  readonly version: number
  readonly asOf: number | null
}

/** Read on demand, and again when the version changes; what was there stays until the new value has come. */
function Value({ id, name, version, asOf }: ValueProps) {
  const { data, fault, isReading, again } = useRead(VariableValueDocument, { ...ownerOf(id), name, asOf })
  const [seen, setSeen] = useState(version)
  useEffect(() => {
    if (seen === version) return
    setSeen(version)
    again()
  }, [seen, version, again])
  const variable = data?.variables.nodes[0]
  if (fault) return <FaultNote fault={fault} />
  if (variable?.isSensitive) return <Sensitive key={variable.version} id={id} name={name} asOf={asOf} />
  if (variable) {
    return (
      <>
        {variable.expression !== null && <Computed expression={variable.expression} dependsOn={variable.dependsOn ?? []} />}
        <JsonTree value={variable.value} root={templateName(id, name)} />
      </>
    )
  }
  if (isReading) return <Loading what="the value" />
  return (
    <Text size="sm" c="dimmed">
      There is no variable of this name {asOf === null ? 'now' : `at revision ${asOf}`}: it is missing, which is not the same as
      null.
    </Text>
  )
}

/** Why it is what it is, and why it cannot be edited. */
function Computed({ expression, dependsOn }: { readonly expression: string; readonly dependsOn: readonly string[] }) {
  return (
    <Text size="sm" c="dimmed" mb="xs">
      Computed by <Code>{expression}</Code>
      {dependsOn.length > 0 && ` from ${dependsOn.join(', ')}`}; only its playbook writes it.
    </Text>
  )
}
