import { Text } from '@mantine/core'
import { stringifyJson } from '../../core/json.js'
import { RenderTemplateDocument } from '../generated/graphql.js'
import { cut, visible } from '../lib/text.js'
import { useRead } from '../lib/use-read.js'
import type { StepRow } from '../live/read-step.js'
import classes from './routes.module.css'
import { endOf, type GraphStep, type Looked, lookedAt } from './transitions.js'
import { outsideOf, pathsIn } from './worth.js'

interface RoutesProps {
  readonly id: string
  readonly run: StepRow
  readonly step: GraphStep
}

/** Why this route: each arrow with its condition, the outcome, and what the names in it were worth then. */
export function Routes({ id, run, step }: RoutesProps) {
  const end = endOf(run.events.nodes)
  if (!end || step.transitions.length === 0) return null
  const looked = lookedAt(step, end)
  const conditions = looked.filter(({ outcome }) => outcome !== null).map(({ arrow }) => arrow.when ?? '')
  const paths = [...new Set(conditions.flatMap(pathsIn))]
  return (
    <section aria-label="Why this route">
      <Text size="xs" fw={650} c="dimmed" mb={3}>
        Why this route
      </Text>
      <ul className={classes['routes']}>
        {looked.map((each) => (
          <Way key={`${each.arrow.at} ${each.arrow.to}`} {...each} />
        ))}
      </ul>
      {paths.length > 0 && (
        <dl className={classes['values']}>
          {paths.map((path) => (
            <Worth key={path} id={id} asOf={end.revision} path={path} expression={outsideOf(run.step, path)} />
          ))}
        </dl>
      )}
    </section>
  )
}

function Way({ arrow: { when, isElse, to }, isTaken, outcome, event }: Looked) {
  return (
    <li data-taken={isTaken}>
      <span className={classes['outcome']} data-outcome={String(outcome)}>
        {outcome === true ? '✓ true' : outcome === false ? '✕ false' : outcome === null ? '–' : '! error'}
      </span>
      <code>{when ?? (isElse ? 'else' : 'always')}</code>
      {event !== null && <small> at {event}</small>}
      <span className={classes['to']}>
        → {to}
        {isTaken ? ', taken' : ', not taken'}
      </span>
      {typeof outcome === 'string' && <div className={classes['reason']}>{visible(outcome)}</div>}
    </li>
  )
}

interface WorthProps {
  readonly id: string
  readonly asOf: number
  readonly path: string
  readonly expression: string | null
}

const MAX_TEXT = 120

function Worth({ id, asOf, path, expression }: WorthProps) {
  const { data } = useRead(RenderTemplateDocument, expression === null ? null : { template: `{{ ${expression} }}`, id, asOf })
  if (!data || data.renderTemplate.error?.code === 'TEMPLATE_ERROR') return null
  const text = data.renderTemplate.error ? 'undefined' : stringifyJson(data.renderTemplate.value)
  return (
    <div>
      <dt>{path}</dt>
      <dd>{visible(cut(text, MAX_TEXT))}</dd>
    </div>
  )
}
