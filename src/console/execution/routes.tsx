import { Text } from '@mantine/core'
import { useQuery } from 'urql'
import { isJsonObject, type JsonValue } from '../../core/json.js'
import { RouteValuesDocument, type StepDetailQuery } from '../generated/graphql.js'
import classes from './routes.module.css'

type Event = NonNullable<StepDetailQuery['execution']>['steps']['nodes'][number]['events']['nodes'][number]

interface Route {
  readonly key: string
  readonly when: string
  readonly event: string | null
  readonly outcome: JsonValue
}

function routesOf(event: Event): Route[] {
  const routes = isJsonObject(event.data) ? event.data['routes'] : null
  if (!Array.isArray(routes)) return []
  return routes.filter(isJsonObject).map(({ at, when, event: name, outcome }) => ({
    key: `${String(at)} ${String(name)}`,
    when: typeof when === 'string' ? when : 'always',
    event: typeof name === 'string' ? name : null,
    outcome: outcome ?? null,
  }))
}

/** Why this route: each `when` that was looked at, with its outcome and what its names were worth then. */
export function Routes({ id, events }: { id: string; events: readonly Event[] }) {
  const event = events.findLast((each) => routesOf(each).length > 0)
  if (!event) return null
  const routes = routesOf(event)
  return (
    <div>
      <Text size="xs" fw={650} c="dimmed" mb={3}>
        Why this route
      </Text>
      <ul className={classes['routes']}>
        {routes.map(({ key, when, event: name, outcome }) => (
          <li key={key} data-outcome={String(outcome)}>
            <span className={classes['outcome']}>{outcome === true ? '✓ true' : outcome === false ? '✕ false' : '! error'}</span>
            <code>{when}</code>
            {name !== null && <small> at {name}</small>}
            {typeof outcome === 'string' && <div className={classes['reason']}>{outcome}</div>}
          </li>
        ))}
      </ul>
      <Values id={id} revision={event.revision} texts={routes.map(({ when }) => when)} />
    </div>
  )
}

/** The variables that the conditions name, as they were. */
function Values({ id, revision, texts }: { id: string; revision: number; texts: readonly string[] }) {
  const names = [...new Set(texts.flatMap((text) => text.match(/[A-Za-z_]\w*/g) ?? []))]
  const [{ data }] = useQuery({ query: RouteValuesDocument, variables: { id, asOf: revision, names } })
  const nodes = data?.variables.nodes ?? []
  if (nodes.length === 0) return null
  return (
    <dl className={classes['values']}>
      {nodes.map(({ name, preview }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{preview}</dd>
        </div>
      ))}
    </dl>
  )
}
