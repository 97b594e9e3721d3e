import { ActionIcon, Button, Tooltip, VisuallyHidden } from '@mantine/core'
import { IconPencil, IconPlayerPlayFilled } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'react-router'
import type { PlaybookRowFragment } from '../generated/graphql.js'
import { plural } from '../lib/format.js'
import { visible } from '../lib/text.js'
import { editorUrl, playbookUrl } from '../lib/urls.js'
import frame from '../ui/table.module.css'
import { Time } from '../ui/ticking.js'
import classes from './playbooks-table.module.css'

interface PlaybooksTableProps {
  readonly rows: readonly PlaybookRowFragment[]
  readonly mayRun: boolean
  readonly onStart: (path: string) => void
}

const STEP = 200

/** By path. A long list is shown in parts: who looks for one types a piece of its path. */
export function PlaybooksTable({ rows, mayRun, onStart }: PlaybooksTableProps) {
  const [limit, setLimit] = useState(STEP)
  return (
    <section className={`panel ${frame['scroller']} ${classes['scroller']}`} aria-label="Playbooks">
      <table className={`${frame['table']} ${classes['table']}`}>
        <thead>
          <tr>
            <th scope="col">Playbook</th>
            <th scope="col" data-column="about">
              About
            </th>
            <th scope="col" data-column="version">
              Version
            </th>
            <th scope="col" data-column="registered">
              Registered
            </th>
            <th scope="col" data-column="actions">
              <VisuallyHidden>Actions</VisuallyHidden>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, limit).map((row) => (
            <Row key={row.path} row={row} mayRun={mayRun} onStart={onStart} />
          ))}
        </tbody>
      </table>
      {rows.length > limit && (
        <Button variant="subtle" fullWidth onClick={() => setLimit(limit + STEP)}>
          Show {plural(Math.min(STEP, rows.length - limit), 'more playbook')}
        </Button>
      )}
    </section>
  )
}

interface RowProps extends Omit<PlaybooksTableProps, 'rows'> {
  readonly row: PlaybookRowFragment
}

function Row({ row: { path, name, description, version, registeredAt }, mayRun, onStart }: RowProps) {
  return (
    <tr className={frame['row']} data-playbook={path}>
      <td>
        <Link to={playbookUrl(path)} className={frame['link']}>
          <span className={frame['title']}>{visible(path)}</span>
          {name !== path && <span className={frame['under']}>{visible(name)}</span>}
        </Link>
      </td>
      <td data-column="about">{visible(description ?? '')}</td>
      <td data-column="version">{version}</td>
      <td data-column="registered">
        <Time iso={registeredAt} />
      </td>
      <td data-column="actions">
        <Tooltip label="Edit">
          <ActionIcon component={Link} to={editorUrl({ path })} variant="subtle" color="gray" aria-label={`Edit ${path}`}>
            <IconPencil size={16} />
          </ActionIcon>
        </Tooltip>
        {mayRun && (
          <Tooltip label="Start an execution">
            <ActionIcon variant="subtle" aria-label={`Start ${path}`} onClick={() => onStart(path)}>
              <IconPlayerPlayFilled size={15} />
            </ActionIcon>
          </Tooltip>
        )}
      </td>
    </tr>
  )
}
