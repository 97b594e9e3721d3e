import { CloseButton, Group, Text } from '@mantine/core'
import { lazy, Suspense } from 'react'
import { FaultNote, Loading } from '../app/states.js'
import { VariableValueDocument } from '../generated/graphql.js'
import { useRead } from '../lib/use-read.js'
import { pretty } from '../ui/pretty.js'
import classes from './compare-page.module.css'
import type { Pair } from './difference.js'

const DiffView = lazy(() => import('../ui/diff-view.js').then((module) => ({ default: module.DiffView })))

interface ValueDifferenceProps {
  readonly pair: Pair
  readonly left: string
  readonly right: string
  readonly onClose: () => void
}

/** Both values whole, line by line: from the left one to the right one. */
export function ValueDifference({ pair: { name, ...pair }, left, right, onClose }: ValueDifferenceProps) {
  const one = useRead(VariableValueDocument, pair.left && { id: left, name })
  const two = useRead(VariableValueDocument, pair.right && { id: right, name })
  const fault = one.fault ?? two.fault
  const textOf = ({ data }: typeof one) => {
    const variable = data?.variables.nodes[0]
    return variable ? pretty(variable.value) : ''
  }
  const [before, after] = [textOf(one), textOf(two)]
  return (
    <section className={`panel ${classes['difference']}`} aria-label={`Difference of ${name}`}>
      <Group justify="space-between" px="sm" py={6}>
        <Text size="sm" fw={650}>
          {name}
          <Text span size="sm" c="dimmed" fw={400}>
            {before === after && !one.isReading && !two.isReading ? ' is the same on both sides' : ' from left (−) to right (+)'}
          </Text>
        </Text>
        <CloseButton aria-label="Close" onClick={onClose} />
      </Group>
      {fault && <FaultNote fault={fault} />}
      {one.isReading || two.isReading ? (
        <Loading what="both values" />
      ) : (
        <Suspense fallback={<Loading what="the difference" />}>
          <DiffView before={before} after={after} language="json" label={`Difference of ${name}`} />
        </Suspense>
      )}
    </section>
  )
}
