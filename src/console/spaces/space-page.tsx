import { useParams } from 'react-router'
import { plural } from '../lib/format.js'
import { spaceKey } from '../lib/owner.js'
import { useFeed } from '../live/use-feed.js'
import { createVariableFeed } from '../live/variable-feed.js'
import { Page } from '../ui/page.js'
import { VariablesPanel } from '../variables/variables-panel.js'
import classes from './space-page.module.css'

/** The variables of one space, live, with their history; its first variable makes it. */
export function SpacePage() {
  const { '*': name = '' } = useParams()
  return <Space key={name} name={name} />
}

function Space({ name }: { name: string }) {
  const id = spaceKey(name)
  const view = useFeed(createVariableFeed, id)
  const note = view.isLoaded ? `${plural(view.rows.length, 'variable')} at revision ${view.revision}` : ' '
  return (
    <Page title={name} note={note}>
      <div className={classes['variables']}>
        <VariablesPanel id={id} view={view} asOf={null} isOver={false} />
      </div>
    </Page>
  )
}
