import { Button, type ButtonProps, Group, Modal, Stack, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'

interface ConfirmButtonProps extends ButtonProps {
  readonly question: string
  /** What would become of it. */
  readonly consequence: ReactNode
  /** On the button that does it. */
  readonly action: string
  /** On the button that leaves it as it is. */
  readonly leave: string
  readonly onConfirm: () => void
}

/** A button for what cannot be taken back: it asks first, and nothing happens unless one confirms it. */
export function ConfirmButton({ question, consequence, action, leave, onConfirm, ...button }: ConfirmButtonProps) {
  const [isAsking, setAsking] = useState(false)
  const confirm = () => {
    setAsking(false)
    onConfirm()
  }
  return (
    <>
      <Button {...button} onClick={() => setAsking(true)} />
      <Modal opened={isAsking} onClose={() => setAsking(false)} title={question}>
        <Stack>
          <Text component="div" size="sm">
            {consequence}
          </Text>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" data-autofocus onClick={() => setAsking(false)}>
              {leave}
            </Button>
            <Button color="red.9" onClick={confirm}>
              {action}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}
