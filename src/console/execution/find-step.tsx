import { ActionIcon, Select, Tooltip } from '@mantine/core'
import { IconCurrentLocation, IconSearch } from '@tabler/icons-react'
import type { StepRow } from '../live/read-step.js'
import type { GraphStep } from './transitions.js'

interface FindStepProps {
  readonly steps: readonly GraphStep[]
  readonly runs: readonly StepRow[]
  readonly onChoose: (step: string) => void
}

/** The step where it happens: that runs, or failed, or came last. */
export function currentStep(runs: readonly StepRow[]): string | null {
  const alive = runs.findLast(
    ({ status }) => status === 'RUNNING' || status === 'WAITING' || status === 'PENDING' || status === 'FAILED',
  )
  return alive?.step ?? runs.at(-1)?.step ?? null
}

/** Goes to a step by its name, or to the one where it happens. Choosing a step brings it into sight. */
export function FindStep({ steps, runs, onChoose }: FindStepProps) {
  const current = currentStep(runs)
  return (
    <>
      <Select
        size="xs"
        flex="0 1 200px"
        miw={90}
        ml="auto"
        aria-label="Find a step"
        placeholder={`Find one of ${steps.length} steps`}
        leftSection={<IconSearch size={14} />}
        searchable
        nothingFoundMessage="No step is called so"
        data={steps.map(({ name }) => name)}
        value={null}
        onChange={(name) => name !== null && onChoose(name)}
      />
      {current !== null && (
        <Tooltip label={`Go to where it happens: ${current}`}>
          <ActionIcon variant="default" size={30} aria-label="Go to the current step" onClick={() => onChoose(current)}>
            <IconCurrentLocation size={16} />
          </ActionIcon>
        </Tooltip>
      )}
    </>
  )
}
