import { Text } from '@mantine/core'
import { Link } from 'react-router'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { formatCount, plural } from '../lib/format.js'
import { visible } from '../lib/text.js'
import { spaceUrl } from '../lib/urls.js'
import { Page } from '../ui/page.js'
import frame from '../ui/table.module.css'
import { Time } from '../ui/ticking.js'
import { useSpaces } from './use-spaces.js'

/** All spaces of global variables. */
export function SpacesPage() {
  const { rows, isLoaded, fault } = useSpaces()
  return (
    <Page title="Globals" note={isLoaded ? plural(rows.length, 'space') : ' '}>
      {fault && (
        <FaultNote fault={fault} title={fault.code === 'FORBIDDEN' ? 'Global variables are not for your key' : undefined} />
      )}
      {rows.length === 0 && !isLoaded && !fault && <Loading what="spaces" />}
      {isLoaded && rows.length === 0 && (
        <Empty title="There are no global variables yet">
          <Text size="sm" c="dimmed">
            They belong to a space, and to no execution. The first variable makes a space: a step writes it by{' '}
            <code>globals</code>, a program by <code>POST /api/globals/billing%2Fprod</code>, and you by{' '}
            <code>transient globals set billing/prod rate --value 1.19</code>.
          </Text>
        </Empty>
      )}
      {rows.length > 0 && (
        <section className={`panel ${frame['scroller']}`} aria-label="Spaces">
          <table className={frame['table']}>
            <thead>
              <tr>
                <th scope="col">Space</th>
                <th scope="col">Variables</th>
                <th scope="col">Revision</th>
                <th scope="col">Since</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ id, name, variableCount, revision, createdAt }) => (
                <tr key={id} className={frame['row']} data-space={name}>
                  <td>
                    <Link to={spaceUrl(name)} className={frame['link']}>
                      <span className={frame['title']}>{visible(name)}</span>
                    </Link>
                  </td>
                  <td>{formatCount(variableCount)}</td>
                  <td>{formatCount(revision)}</td>
                  <td>
                    <Time iso={createdAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Page>
  )
}
