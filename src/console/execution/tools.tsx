import { Group, Text } from '@mantine/core'
import { useState } from 'react'
import type { ToolPartsFragment } from '../generated/graphql.js'
import { plural, words } from '../lib/format.js'
import { Duration } from '../ui/ticking.js'
import { Outcome, Part } from './part.js'
import classes from './step-detail.module.css'

interface ToolsProps {
  readonly tools: readonly ToolPartsFragment[]
  /** What a template calls the step's result. */
  readonly root: string
}

/** The tools of a list, in their latest turns; one that is chosen shows what came of it. */
export function Tools({ tools, root }: ToolsProps) {
  const [chosen, setChosen] = useState<string | null>(null)
  const tool = tools.find(({ name }) => name === chosen)
  if (tools.length === 0) return null
  return (
    <Part title={plural(tools.length, 'tool')}>
      <Group gap={4}>
        {tools.map(({ name, status, turns }) => (
          <button
            key={name}
            type="button"
            className={classes['iteration']}
            data-status={status}
            aria-pressed={chosen === name}
            aria-label={`Tool ${name}, ${words(status)}`}
            onClick={() => setChosen(chosen === name ? null : name)}
          >
            {name}
            {turns > 1 && ` ×${turns}`}
          </button>
        ))}
      </Group>
      {tool && (
        <section className={classes['chosen']} aria-label={`Tool ${tool.name}`}>
          <Text size="sm" fw={600}>
            {tool.name}: {words(tool.status)}{' '}
            <Text span size="sm" c="dimmed">
              {tool.startedAt && <Duration from={tool.startedAt} to={tool.finishedAt} />}
              {tool.turns > 1 && ` · ${plural(tool.turns, 'turn')}`}
              {tool.attempts > 1 && ` · ${plural(tool.attempts, 'attempt')}`}
            </Text>
          </Text>
          {tool.finishedAt !== null && (
            <Outcome error={tool.error} result={tool.result} log={tool.log} root={`${root}.${tool.name}`} />
          )}
        </section>
      )}
    </Part>
  )
}
