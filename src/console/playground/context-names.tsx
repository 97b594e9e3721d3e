import { Text, VisuallyHidden } from '@mantine/core'
import { FaultNote } from '../app/states.js'
import { VariablesDocument } from '../generated/graphql.js'
import { plural } from '../lib/format.js'
import { visible } from '../lib/text.js'
import { useRead } from '../lib/use-read.js'
import classes from './playground-page.module.css'

interface ContextNamesProps {
  readonly id: string
  readonly asOf: string
  readonly onInsert: (text: string) => void
}

const IDENTIFIER = /^[A-Za-z_]\w*$/

const expressionOf = (name: string) => `{{ vars${IDENTIFIER.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`} }}`

/** What the template may read there; a click appends it. */
export function ContextNames({ id, asOf, onInsert }: ContextNamesProps) {
  const { data, fault } = useRead(VariablesDocument, { id, ...(asOf !== '' && { asOf: Number(asOf) }) })
  // What is wrong with the execution stands beside, as the result; a revision that is gone does not.
  if (fault && fault.code !== 'NOT_FOUND') return <FaultNote fault={fault} />
  const nodes = data?.variables.nodes ?? []
  return (
    <section className={`panel ${classes['names']}`} aria-label="Variables there">
      <Text size="xs" c="dimmed" px={10} pt={8} pb={2} role="status">
        {data ? `${plural(data.variables.totalCount, 'variable')}${asOf === '' ? '' : ` at revision ${asOf}`}` : ' '}
        {nodes.length > 0 && ': click to append'}
      </Text>
      <ul>
        {nodes.map(({ name, preview }) => (
          <li key={name}>
            <button type="button" onClick={() => onInsert(expressionOf(name))} title={`Append ${expressionOf(name)}`}>
              <VisuallyHidden>Append</VisuallyHidden>
              <code>{name}</code>
              <span>{visible(preview)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
