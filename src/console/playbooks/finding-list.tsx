import { Text } from '@mantine/core'
import { plural } from '../lib/format.js'
import { visible } from '../lib/text.js'
import classes from './finding-list.module.css'
import type { Finding } from './findings.js'

interface FindingListProps {
  readonly findings: readonly Finding[]
  readonly isValid: boolean | null
  readonly isCurrent: boolean
  readonly onGo: (finding: Finding) => void
}

const SIGNS = { error: '✕', warning: '!', info: 'i' }

function summary({ findings, isValid, isCurrent }: FindingListProps): string {
  if (isValid === null) return 'Checking …'
  const count = (severity: Finding['severity']) => findings.filter((finding) => finding.severity === severity).length
  const parts = [
    [count('error'), 'error'],
    [count('warning'), 'warning'],
    [count('info'), 'note'],
  ] as const
  const said = parts.flatMap(([number, noun]) => (number === 0 ? [] : plural(number, noun))).join(', ')
  const verdict = isValid ? `Valid${said === '' ? '' : ` (${said})`}` : said
  return isCurrent ? verdict : `${verdict} · checking …`
}

/** What is to be said about the text, in the order of its lines; each leads to its position. */
export function FindingList(props: FindingListProps) {
  const { findings, isValid, onGo } = props
  return (
    <section className={`panel ${classes['panel']}`} aria-label="Problems">
      <Text size="sm" fw={650} className={classes['summary']} data-valid={isValid ?? undefined} role="status">
        {isValid === true && <span aria-hidden="true">✓ </span>}
        {summary(props)}
      </Text>
      <ul className={classes['list']}>
        {findings.map((finding) => (
          <li key={`${finding.line}:${finding.column}:${finding.message}`}>
            <button type="button" className={classes['finding']} data-severity={finding.severity} onClick={() => onGo(finding)}>
              <span className={classes['sign']} aria-hidden="true">
                {SIGNS[finding.severity]}
              </span>
              <span>
                <span className={classes['place']}>
                  {finding.severity} · line {finding.line}, column {finding.column}
                </span>
                <span className={classes['message']}>{visible(finding.message)}</span>
                {finding.path !== '' && <code className={classes['path']}>{finding.path}</code>}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
