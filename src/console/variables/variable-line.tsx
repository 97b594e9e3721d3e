import { IconLock } from '@tabler/icons-react'
import { memo } from 'react'
import { formatCount, formatSize, words } from '../lib/format.js'
import { byteLength, visible, whole } from '../lib/text.js'
import type { VariableRow } from '../live/variable-table.js'
import classes from './variable-line.module.css'

interface VariableLineProps {
  readonly row: VariableRow
  readonly top: number
  readonly index: number
  readonly isChosen: boolean
  readonly onChoose: (name: string) => void
}

/** A change flashes for so long after the page saw it. */
const FLASH_MS = 1_600

/** One variable. A row that changes is mounted again, by its key, so that its flash begins again. */
export const VariableLine = memo(function VariableLine({ row, top, index, isChosen, onChoose }: VariableLineProps) {
  const isFresh = row.seenAt > 0 && performance.now() - row.seenAt < FLASH_MS
  return (
    <div
      role="row"
      className={classes['line']}
      aria-rowindex={index + 2}
      data-variable={row.name}
      data-chosen={isChosen || undefined}
      style={{ top }}
    >
      {isFresh && <span key={row.seenAt} className={classes['flash']} aria-hidden="true" />}
      <span role="cell" data-column="Name">
        <button
          type="button"
          className={classes['name']}
          onClick={() => onChoose(row.name)}
          aria-pressed={isChosen}
          title={row.name}
        >
          {row.name}
        </button>
      </span>
      <span role="cell" data-column="Value">
        {row.isSensitive ? <MaskedValue /> : <Preview preview={row.preview} size={row.size} />}
      </span>
      <span role="cell" data-column="Type">
        {words(row.type)}
      </span>
      <span role="cell" data-column="Size">
        {formatSize(row.size)}
      </span>
      <span role="cell" data-column="Step">
        {row.sourceStep ?? '–'}
      </span>
      <span role="cell" data-column="Ver.">
        {formatCount(row.version)}
      </span>
      <span role="cell" data-column="Reads">
        {formatCount(row.accessCount)}
      </span>
    </div>
  )
})

/** The beginning of a value; null and an empty text look like neither words nor nothing. */
export function Preview({ preview, size }: { preview: string; size: number }) {
  if (preview === 'null') return <span className={classes['special']}>null</span>
  if (preview === '""') return <span className={classes['special']}>empty text ""</span>
  const first = preview[0] ?? ''
  const isCut = byteLength(preview) < size
  const kind = first === '"' ? 'string' : /[-\d]/.test(first) ? 'number' : /[[{]/.test(first) ? 'tree' : 'word'
  return (
    <span className={classes['value']} data-kind={kind}>
      {visible(isCut ? whole(preview) : preview)}
      {isCut && '…'}
    </span>
  )
}

/** A value that is encrypted: the list has only its mask. */
export function MaskedValue() {
  return (
    <span className={classes['special']}>
      <IconLock size={11} aria-hidden="true" /> sensitive
    </span>
  )
}
