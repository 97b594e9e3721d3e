import {
  IconApi,
  IconArrowsSplit2,
  IconBook2,
  IconBraces,
  IconBrandPython,
  IconDatabase,
  IconFlag,
  IconListNumbers,
  IconPlayerPlay,
  IconRepeat,
} from '@tabler/icons-react'
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react'
import { words } from '../../lib/format.js'
import { countsText, toneOf } from '../../lib/iterations.js'
import { visible } from '../../lib/text.js'
import type { StepState } from './route.js'
import classes from './step-node.module.css'

export interface StepData extends Record<string, unknown> {
  readonly name: string
  /** What the playbook says about it. */
  readonly about: string | null
  /** `list`: of several tools. */
  readonly kind: string | null
  readonly isIterator: boolean
  readonly isStart: boolean
  readonly isEnd: boolean
  readonly state: StepState | null
  /** Whether one knows yet how it stands. */
  readonly isKnown: boolean
  /** Iterations done and to do, where the step is an iterator. */
  readonly progress: { readonly done: number; readonly total: number } | null
  readonly isChosen: boolean
  readonly onChoose: (name: string) => void
}

export type StepNodeType = Node<StepData, 'step'>

const ICONS: Readonly<Record<string, typeof IconApi>> = {
  python: IconBrandPython,
  http: IconApi,
  postgres: IconDatabase,
  playbook: IconBook2,
  workbook: IconBook2,
  list: IconListNumbers,
}

function iconOf({ kind, isEnd, isStart }: StepData) {
  if (kind !== null) return ICONS[kind] ?? IconBraces
  if (isEnd) return IconFlag
  return isStart ? IconPlayerPlay : IconArrowsSplit2
}

function stateText({ state, isKnown, progress, kind }: StepData): string {
  if (state === null) return isKnown ? 'not reached' : 'reading …'
  const visits = state.visits > 1 ? ` · ${state.visits} visits` : ''
  const attempts = state.attempts > 1 && kind !== 'list' ? ` · attempt ${state.attempts}` : ''
  return `${standing(state, progress)}${visits}${attempts}`
}

/** Of a loop that goes on, its variables say first how far it is. What failed in it is more than that it ended. */
function standing({ status, counts }: StepState, progress: StepData['progress']): string {
  if (counts !== null && toneOf(status, counts) !== null) return countsText(counts)
  if (counts === null || (status === 'RUNNING' && counts.failed === 0))
    return `${words(status)}${progress ? ` · ${progress.done} of ${progress.total}` : ''}`
  return `${words(status)} · ${countsText(counts)}`
}

/** One step of the graph, and how it stands. */
export function StepNode({ data }: NodeProps<StepNodeType>) {
  const Icon = iconOf(data)
  const status = data.state?.status ?? 'NONE'
  return (
    <>
      <Handle type="target" position={Position.Top} className={classes['handle'] ?? ''} isConnectable={false} />
      <button
        type="button"
        className={classes['node']}
        data-status={status}
        data-tone={toneOf(status, data.state?.counts ?? null) ?? undefined}
        data-chosen={data.isChosen || undefined}
        data-step={data.name}
        aria-pressed={data.isChosen}
        title={data.about === null ? data.name : `${data.name}: ${visible(data.about)}`}
        onClick={() => data.onChoose(data.isChosen ? '' : data.name)}
      >
        <span className={classes['icon']}>
          <Icon size={17} aria-hidden="true" />
        </span>
        <span className={classes['words']}>
          <span className={classes['name']}>
            <span className={classes['text']}>{data.name}</span>
            {data.isIterator && <IconRepeat size={13} aria-label="iterator" />}
          </span>
          <span className={classes['state']}>{stateText(data)}</span>
        </span>
        {data.progress && data.progress.total > 0 && (
          <span className={classes['bar']} aria-hidden="true">
            <span style={{ width: `${(100 * data.progress.done) / data.progress.total}%` }} />
          </span>
        )}
      </button>
      <Handle type="source" position={Position.Bottom} className={classes['handle'] ?? ''} isConnectable={false} />
    </>
  )
}
