import { Anchor, Text } from '@mantine/core'
import { useStore } from '../lib/store.js'
import { Page } from '../ui/page.js'
import classes from './explorer-page.module.css'
import { session } from './session.js'

/** How one asks the API of a server that wants a key: GraphiQL is another page, which does not have the one of this tab. */
export function ExplorerPage() {
  const { key } = useStore(session)
  const { origin } = location
  const ask = `curl ${origin}/graphql \\
  -H "Authorization: Bearer $TRANSIENT_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"query": "{ executions(first: 5) { nodes { id status } } }"}'`
  return (
    <Page title="The API" note="GraphQL and REST, with the key that you use here">
      <section className={`panel ${classes['panel']}`} aria-label="How to ask it">
        <Text size="sm">
          {key === null ? 'This server may want a key. ' : 'This server wants a key, and you have given one to this tab. '}
          <Anchor href="/graphql">GraphiQL</Anchor> does not have it: write <code>{'{ "Authorization": "Bearer …" }'}</code> under
          “Headers” there. Or put your key into the variable <code>TRANSIENT_KEY</code> of a terminal, and ask with it:
        </Text>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
        <pre className={classes['example']} tabIndex={0}>
          {ask}
        </pre>
        <Text size="sm">
          Any GraphQL client will do as well: the address is <code>{origin}/graphql</code>, the header{' '}
          <code>Authorization: Bearer …</code>; over WebSocket the same goes into the payload of <code>connection_init</code>.
          With the key it also answers introspection, so that Altair or Insomnia on your machine know the schema. REST is at{' '}
          <code>{origin}/api</code>.
        </Text>
      </section>
    </Page>
  )
}
