import { Anchor, Menu } from '@mantine/core'
import { useCallback } from 'react'
import { Link } from 'react-router'
import { createExecutionsFeed } from '../executions/executions-feed.js'
import type { ExecutionHeadFragment } from '../generated/graphql.js'
import { formatCount, plural } from '../lib/format.js'
import { visible } from '../lib/text.js'
import { childrenUrl, compareUrl, playgroundUrl } from '../lib/urls.js'
import { useFeed } from '../live/use-feed.js'
import { StatusBadge } from '../ui/status-badge.js'
import type { PlaybookGraph } from './transitions.js'

interface RelativesProps {
  readonly head: ExecutionHeadFragment
  /** null while it is read. */
  readonly playbook: PlaybookGraph | null
}

/** Links to the execution that started this one, to the one that it repeats, and to those that it started. */
export function Relatives({ head, playbook }: RelativesProps) {
  // Nothing else starts any.
  const mayHaveChildren = playbook?.steps.some(({ kind }) => kind === 'playbook' || kind === 'workbook') ?? false
  return (
    <>
      <Anchor component={Link} to={playgroundUrl(head.id)} size="sm" underline="always">
        try an expression
      </Anchor>
      {head.parent && (
        <Anchor component={Link} to={`/executions/${head.parent.id}`} size="sm" underline="always">
          ↑ parent {visible(head.parent.playbook?.path ?? head.parent.id)}
        </Anchor>
      )}
      {head.rerunOf && (
        <Anchor component={Link} to={`/executions/${head.rerunOf.id}`} size="sm" underline="always">
          ↺ rerun of {head.rerunOf.id}
        </Anchor>
      )}
      {head.rerunOf && (
        <Anchor component={Link} to={compareUrl(head.rerunOf.id, head.id)} size="sm" underline="always">
          compare with it
        </Anchor>
      )}
      {mayHaveChildren && <Children parent={head.id} />}
    </>
  )
}

const MAX_LISTED = 50

/** Those that it started, newest first, read once and followed. */
function Children({ parent }: { parent: string }) {
  const create = useCallback((id: string) => createExecutionsFeed({ parentId: id }), [])
  const { rows, total } = useFeed(create, parent)
  if (total === 0) return null
  return (
    <Menu>
      <Menu.Target>
        <Anchor component="button" size="sm" underline="always">
          ↓ {plural(total, 'child execution')}
        </Anchor>
      </Menu.Target>
      <Menu.Dropdown mah="60dvh" style={{ overflow: 'auto' }}>
        {rows.slice(0, MAX_LISTED).map(({ id, status, playbook, iterationCounts }) => (
          <Menu.Item
            key={id}
            component={Link}
            to={`/executions/${id}`}
            rightSection={<StatusBadge status={status} counts={iterationCounts} />}
          >
            {visible(playbook?.path ?? id)}
          </Menu.Item>
        ))}
        {total > Math.min(rows.length, MAX_LISTED) && (
          <Menu.Item component={Link} to={childrenUrl(parent)}>
            All {formatCount(total)}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
