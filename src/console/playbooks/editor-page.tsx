import { Anchor, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { Link, useSearchParams } from 'react-router'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { readExample } from '../examples/examples.js'
import { PlaybookSourceDocument } from '../generated/graphql.js'
import { useLoaded } from '../lib/use-loaded.js'
import { useRead } from '../lib/use-read.js'
import { Page } from '../ui/page.js'
import { Editor } from './editor.js'
import { readPlaybookDraft } from './use-draft.js'

const BLANK = `apiVersion: noetl.io/v1
kind: Playbook
metadata:
  name: my_playbook
  path: my/playbook

workload:
  name: World

workflow:
- step: start
  vars:
    greeting: "Hello {{ workload.name }}"
  next: end

- step: end
`

/** Writes a playbook: a new one, the next version of one, or one that begins as an example. */
export function EditorPage() {
  const [search] = useSearchParams()
  const path = search.get('path') ?? ''
  const example = search.get('example') ?? ''
  if (path !== '') return <EditRegistered key={path} path={path} />
  if (example !== '') return <EditExample key={example} name={example} />
  return <Editor draftName="" title="New playbook" source={BLANK} base={null} latest={null} />
}

function EditRegistered({ path }: { path: string }) {
  const [search] = useSearchParams()
  const version = Number(search.get('version')) || undefined
  const latest = useRead(PlaybookSourceDocument, { path })
  const asked = useRead(PlaybookSourceDocument, version === undefined ? null : { path, version })
  const fault = latest.fault ?? asked.fault
  const begun = (version === undefined ? latest : asked).data?.playbook
  const newest = latest.data?.playbook
  // A draft needs no server to be shown.
  const draft = readPlaybookDraft(path)
  if (begun && newest)
    return <Editor draftName={path} title={`Edit ${path}`} source={begun.source} base={begun.version} latest={newest} />
  if (fault && draft)
    return <Editor draftName={path} title={`Edit ${path}`} source={draft.text} base={draft.base} latest={null} trouble={fault} />
  if (fault) return <Centred title={`Edit ${path}`} note={<FaultNote fault={fault} title="This playbook cannot be edited" />} />
  if (latest.isReading || asked.isReading) return <Loading what={`playbook ${path}`} />
  return (
    <Centred
      title={`Edit ${path}`}
      note={
        <Empty title="There is no such playbook">
          <Text size="sm" c="dimmed">
            <Anchor component={Link} to="/playbooks" size="sm" underline="always">
              See what there is
            </Anchor>
            , or{' '}
            <Anchor component={Link} to="/playbooks/edit" size="sm" underline="always">
              write a new one
            </Anchor>
            .
          </Text>
        </Empty>
      }
    />
  )
}

function EditExample({ name }: { name: string }) {
  const source = useLoaded(readExample, name)
  if (source === undefined) return <Loading what={`example ${name}`} />
  if (source === null) return <Centred title="Example" note={<Empty title={`There is no example ${name}`} />} />
  return <Editor draftName={`example ${name}`} title={`Example ${name}`} source={source} base={null} latest={null} />
}

function Centred({ title, note }: { title: string; note: ReactNode }) {
  return <Page title={title}>{note}</Page>
}
