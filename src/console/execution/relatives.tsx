import { Anchor, Menu } from '@mantine/core'
import { useEffect } from 'react'
import { Link } from 'react-router'
import { ChildrenDocument, type ExecutionHeadFragment } from '../generated/graphql.js'
import { formatCount, plural } from '../lib/format.js'
import { childrenPlace, comparePlace, playgroundPlace } from '../lib/places.js'
import { useRead } from '../lib/use-read.js'
import { StatusBadge } from '../ui/status-badge.js'

/** Links to the execution that started this one, to the one that it repeats, and to those that it started. */
export function Relatives({ head }: { head: ExecutionHeadFragment }) {
  const { data, again } = useRead(ChildrenDocument, { id: head.id })
  const children = data?.executions
  // A step that begins or ends may have started one.
  // biome-ignore lint/correctness/useExhaustiveDependencies: they tell that something has happened
  useEffect(again, [again, head.stepCount, head.status])
  return (
    <>
      <Anchor component={Link} to={playgroundPlace(head.id)} size="sm" underline="always">
        try an expression
      </Anchor>
      {head.parent && (
        <Anchor component={Link} to={`/executions/${head.parent.id}`} size="sm" underline="always">
          ↑ parent {head.parent.playbook?.path ?? head.parent.id}
        </Anchor>
      )}
      {head.rerunOf && (
        <Anchor component={Link} to={`/executions/${head.rerunOf.id}`} size="sm" underline="always">
          ↺ rerun of {head.rerunOf.id}
        </Anchor>
      )}
      {head.rerunOf && (
        <Anchor component={Link} to={comparePlace(head.rerunOf.id, head.id)} size="sm" underline="always">
          compare with it
        </Anchor>
      )}
      {children && children.totalCount > 0 && (
        <Menu>
          <Menu.Target>
            <Anchor component="button" size="sm" underline="always">
              ↓ {plural(children.totalCount, 'child execution')}
            </Anchor>
          </Menu.Target>
          <Menu.Dropdown>
            {children.nodes.map(({ id, status, playbook }) => (
              <Menu.Item key={id} component={Link} to={`/executions/${id}`} rightSection={<StatusBadge status={status} />}>
                {playbook?.path ?? id}
              </Menu.Item>
            ))}
            {children.totalCount > children.nodes.length && (
              <Menu.Item component={Link} to={childrenPlace(head.id)}>
                All {formatCount(children.totalCount)}
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
    </>
  )
}
