import { Anchor, Button, Group, Select, Text } from '@mantine/core'
import { IconPencil, IconPlayerPlayFilled } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'
import { may, useMe } from '../app/me.js'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { StartDialog } from '../executions/start-dialog.js'
import { PlaybookSourceDocument, PlaybookVersionsDocument, type PlaybookVersionsQuery } from '../generated/graphql.js'
import { editorUrl } from '../lib/urls.js'
import { useRead } from '../lib/use-read.js'
import { useSearchState } from '../lib/use-search-state.js'
import { CodeView } from '../ui/code-view.js'
import { DiffView } from '../ui/diff-view.js'
import { Page } from '../ui/page.js'
import { Time } from '../ui/ticking.js'
import classes from './playbook-page.module.css'
import { VersionList } from './version-list.js'

const toVersion = (text: string | null): number | undefined => {
  const number = Number(text)
  return text !== null && Number.isSafeInteger(number) && number > 0 ? number : undefined
}

/** One playbook: its text as of a version, and how versions differ. */
export function PlaybookPage() {
  const [search] = useSearchParams()
  const path = search.get('path') ?? ''
  const version = toVersion(search.get('version'))
  const against = toVersion(search.get('against'))
  const [isStarting, setStarting] = useState(false)
  const { data, fault } = useRead(PlaybookSourceDocument, { path, ...(version !== undefined && { version }) })
  const { data: versions, fault: versionsFault } = useRead(PlaybookVersionsDocument, { path })
  const me = useMe()
  const playbook = data?.playbook
  const trouble = fault ?? versionsFault

  return (
    <Page
      title={path === '' ? 'Playbook' : path}
      note={
        playbook && (
          <>
            version {playbook.version}, registered <Time iso={playbook.registeredAt} />
            {playbook.description && ` · ${playbook.description}`}
          </>
        )
      }
      actions={
        playbook && <Actions path={path} version={playbook.version} mayRun={may(me, 'RUN')} onStart={() => setStarting(true)} />
      }
    >
      {trouble && <FaultNote fault={trouble} title="This playbook cannot be shown" />}
      {!data && !fault && <Loading what={`playbook ${path}`} />}
      {data && !playbook && <Missing path={path} version={version} />}
      {playbook && versions && (
        <div className={classes['columns']}>
          <VersionList
            path={path}
            versions={versions.playbookVersions.nodes}
            total={versions.playbookVersions.totalCount}
            chosen={playbook.version}
          />
          <section className={classes['text']} aria-label="Text">
            <Against versions={versions.playbookVersions.nodes} chosen={playbook.version} against={against} />
            {against === undefined ? (
              <CodeView value={playbook.source} language="yaml" label={`Text of ${path}, version ${playbook.version}`} />
            ) : (
              <Changes path={path} before={against} source={playbook.source} version={playbook.version} />
            )}
          </section>
        </div>
      )}
      <StartDialog
        isOpen={isStarting}
        onClose={() => setStarting(false)}
        given={{ path, version: playbook?.version ?? version }}
      />
    </Page>
  )
}

interface ActionsProps {
  readonly path: string
  readonly version: number
  readonly mayRun: boolean
  readonly onStart: () => void
}

function Actions({ path, version, mayRun, onStart }: ActionsProps) {
  return (
    <Group gap="xs">
      <Anchor component={Link} to={`/executions?playbook=${encodeURIComponent(path)}`} size="sm" underline="always" mr="xs">
        Its executions
      </Anchor>
      <Button
        component={Link}
        to={editorUrl({ path, version })}
        size="xs"
        variant="default"
        leftSection={<IconPencil size={14} />}
      >
        Edit
      </Button>
      {mayRun && (
        <Button size="xs" leftSection={<IconPlayerPlayFilled size={13} />} onClick={onStart}>
          Start
        </Button>
      )}
    </Group>
  )
}

function Missing({ path, version }: { path: string; version: number | undefined }) {
  return (
    <Empty title={version === undefined ? 'There is no such playbook' : `There is no version ${version}`}>
      <Text size="sm" c="dimmed">
        Nothing is registered as <code>{path}</code>
        {version !== undefined && ` in version ${version}`}.{' '}
        <Anchor component={Link} to="/playbooks" size="sm" underline="always">
          See what there is
        </Anchor>
        , or{' '}
        <Anchor component={Link} to={editorUrl()} size="sm" underline="always">
          write it
        </Anchor>
        .
      </Text>
    </Empty>
  )
}

interface AgainstProps {
  readonly versions: PlaybookVersionsQuery['playbookVersions']['nodes']
  readonly chosen: number
  readonly against: number | undefined
}

function Against({ versions, chosen, against }: AgainstProps) {
  const [, setSearch] = useSearchState()
  const others = versions.filter(({ version }) => version !== chosen)
  if (others.length === 0) return null
  return (
    <Group gap="sm">
      <Select
        size="xs"
        w={240}
        aria-label="Show the difference to"
        placeholder="Show the difference to …"
        clearable
        clearButtonProps={{ 'aria-label': 'Show the text alone' }}
        data={others.map(({ version }) => ({ value: String(version), label: `Differences to version ${version}` }))}
        value={against === undefined ? null : String(against)}
        onChange={(value) => setSearch({ against: value ?? '' })}
      />
    </Group>
  )
}

interface ChangesProps {
  readonly path: string
  readonly before: number
  readonly source: string
  readonly version: number
}

function Changes({ path, before, source, version }: ChangesProps) {
  const { data, fault } = useRead(PlaybookSourceDocument, { path, version: before })
  if (fault) return <FaultNote fault={fault} />
  if (!data) return <Loading what={`version ${before}`} />
  if (!data.playbook) return <Missing path={path} version={before} />
  return (
    <DiffView
      before={data.playbook.source}
      after={source}
      language="yaml"
      label={`What version ${version} changes in version ${before}`}
    />
  )
}
