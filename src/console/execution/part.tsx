import { Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { JsonValue } from '../../core/json.js'
import { visible } from '../lib/text.js'
import { JsonTree } from '../ui/json-tree.js'
import { Prose } from '../ui/prose.js'
import classes from './step-detail.module.css'

/** A part of a step's detail, with its title. */
export function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Text size="xs" fw={650} c="dimmed" mb={3}>
        {title}
      </Text>
      {children}
    </section>
  )
}

interface OutcomeProps {
  readonly error: { readonly code: string; readonly message: string } | null
  readonly result: JsonValue
  readonly log: string | null
  /** What a template calls the result. */
  readonly root: string
}

/** What a visit or an iteration came to: its error, its result, what it printed. */
export function Outcome({ error, result, log, root }: OutcomeProps) {
  return (
    <>
      {error && (
        <Text size="sm" className={classes['error']}>
          <code>{error.code}</code> <Prose text={error.message} />
        </Text>
      )}
      <Part title="Result">
        <JsonTree value={result} root={root} />
      </Part>
      {log !== null && log !== '' && (
        <Part title="Log">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
          <pre className={classes['log']} tabIndex={0}>
            {visible(log)}
          </pre>
        </Part>
      )}
    </>
  )
}
