import { Anchor, Button, Group, Text, TextInput } from '@mantine/core'
import { IconPlus, IconSearch } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { Link } from 'react-router'
import { may, useMe } from '../app/me.js'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { ExampleOffer } from '../examples/example-offer.js'
import { StartDialog } from '../executions/start-dialog.js'
import type { PlaybookRowFragment } from '../generated/graphql.js'
import { plural } from '../lib/format.js'
import { editorUrl } from '../lib/urls.js'
import { useSearchState } from '../lib/use-search-state.js'
import { useTyped } from '../lib/use-typed.js'
import { Page } from '../ui/page.js'
import { PlaybooksTable } from './playbooks-table.js'
import { usePlaybooks } from './use-playbooks.js'

function matching(rows: readonly PlaybookRowFragment[], text: string): readonly PlaybookRowFragment[] {
  const needle = text.trim().toLowerCase()
  if (needle === '') return rows
  return rows.filter(({ path, name, description }) => `${path}\n${name}\n${description ?? ''}`.toLowerCase().includes(needle))
}

/** All playbooks: look, start, write a new one. */
export function PlaybooksPage() {
  const { rows, total, isLoaded, fault } = usePlaybooks()
  const [search, setSearch] = useSearchState()
  const [starting, setStarting] = useState<string | null>(null)
  const [text, setText] = useTyped(search.get('q') ?? '', (q) => setSearch({ q }))
  const shown = useMemo(() => matching(rows, text), [rows, text])
  const me = useMe()
  const isEmpty = isLoaded && rows.length === 0
  const note = shown.length === rows.length ? plural(total, 'playbook') : `${shown.length} of ${plural(total, 'playbook')}`
  const isForbidden = !may(me, 'REGISTER')

  return (
    <Page
      title="Playbooks"
      note={isLoaded ? note : ' '}
      actions={
        <Button
          component={Link}
          to={editorUrl()}
          leftSection={<IconPlus size={15} />}
          variant={isForbidden ? 'default' : 'filled'}
        >
          {isForbidden ? 'Try a playbook' : 'New playbook'}
        </Button>
      }
    >
      {fault && <FaultNote fault={fault} title={fault.code === 'FORBIDDEN' ? 'Playbooks are not for your key' : undefined} />}
      {rows.length === 0 && !isLoaded && !fault && <Loading what="playbooks" />}
      {isEmpty && <ExampleOffer kicker="No playbook is registered yet" />}
      {rows.length > 0 && (
        <Group>
          <TextInput
            size="xs"
            w={280}
            maw="100%"
            data-filter
            aria-label="Filter playbooks"
            placeholder="Filter: path, name or description"
            leftSection={<IconSearch size={14} />}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
        </Group>
      )}
      {rows.length > 0 && shown.length === 0 && (
        <Empty title="No playbook matches">
          <Text size="sm" c="dimmed">
            Type less, or{' '}
            <Anchor component="button" size="sm" underline="always" onClick={() => setSearch({ q: '' })}>
              show all
            </Anchor>
            .
          </Text>
        </Empty>
      )}
      {shown.length > 0 && <PlaybooksTable rows={shown} mayRun={may(me, 'RUN')} onStart={setStarting} />}
      {starting !== null && <StartDialog isOpen onClose={() => setStarting(null)} given={{ path: starting }} />}
    </Page>
  )
}
