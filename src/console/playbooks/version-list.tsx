import { Text } from '@mantine/core'
import { Link, useSearchParams } from 'react-router'
import type { PlaybookVersionsQuery } from '../generated/graphql.js'
import { plural } from '../lib/format.js'
import { playbookUrl } from '../lib/urls.js'
import { Time } from '../ui/ticking.js'
import classes from './playbook-page.module.css'

interface VersionListProps {
  readonly path: string
  readonly versions: PlaybookVersionsQuery['playbookVersions']['nodes']
  readonly total: number
  readonly chosen: number
}

/** Newest first; what is compared with stays when one goes from version to version. */
export function VersionList({ path, versions, total, chosen }: VersionListProps) {
  const [search] = useSearchParams()
  const against = Number(search.get('against')) || undefined
  const latest = versions[0]?.version
  return (
    <nav className={`panel ${classes['versions']}`} aria-label="Versions">
      <Text size="xs" fw={650} c="dimmed" px={12} pt={10} pb={4}>
        {plural(total, 'version')}
        {total > versions.length && `, the newest ${versions.length} are listed`}
      </Text>
      <ul>
        {versions.map(({ version, registeredAt }) => (
          <li key={version}>
            <Link
              to={playbookUrl(path, { version, ...(against !== undefined && against !== version && { against }) })}
              className={classes['version']}
              aria-current={version === chosen ? 'true' : undefined}
            >
              <span>
                Version {version}
                {version === latest && <small> latest</small>}
              </span>
              <span className={classes['when']}>
                <Time iso={registeredAt} />
              </span>
            </Link>
            {version > 1 && (
              <Link
                to={playbookUrl(path, { version, against: version - 1 })}
                className={classes['changes']}
                aria-label={`Changes of version ${version}`}
              >
                changes
              </Link>
            )}
          </li>
        ))}
      </ul>
    </nav>
  )
}
