import { Button, Modal } from '@mantine/core'
import { IconRotate } from '@tabler/icons-react'
import { lazy, Suspense, useState } from 'react'
import { Loading } from '../app/states.js'
import type { ExecutionHeadFragment } from '../generated/graphql.js'
import type { StepRow } from '../live/read-step.js'

const RepairForm = lazy(() => import('./repair-form.js').then((module) => ({ default: module.RepairForm })))

interface RepairProps {
  readonly head: ExecutionHeadFragment
  readonly steps: readonly StepRow[]
}

/** Repairs an execution that has ended: a new one goes on from a step, with other values. */
export function Repair({ head, steps }: RepairProps) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button
        size="xs"
        variant={head.status === 'FAILED' ? 'filled' : 'default'}
        leftSection={<IconRotate size={14} />}
        onClick={() => setOpen(true)}
      >
        Rerun
      </Button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title="Rerun as a new execution" size="xl">
        <Suspense fallback={<Loading what="the form" />}>
          <RepairForm head={head} steps={steps} />
        </Suspense>
      </Modal>
    </>
  )
}
