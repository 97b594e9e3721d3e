import { ActionIcon, Kbd, Modal, Switch, Table, Tooltip } from '@mantine/core'
import { IconKeyboard } from '@tabler/icons-react'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { areShortcutsOn, SHORTCUTS, switchShortcuts, useShortcuts } from '../lib/shortcuts.js'
import { useStore } from '../lib/store.js'

const focusFilter = () => document.querySelector<HTMLElement>('[data-filter]')?.focus()

/** The list of shortcuts, and those that work on every page. */
export function ShortcutHelp({ className }: { className: string }) {
  const [isOpen, setOpen] = useState(false)
  const isOn = useStore(areShortcutsOn)
  const navigate = useNavigate()
  const open = () => setOpen(true)
  useShortcuts([
    ['?', open],
    ['shift+?', open],
    ['/', focusFilter],
    ['1', () => void navigate('/executions')],
    ['2', () => void navigate('/playbooks')],
    ['3', () => void navigate('/playground')],
  ])
  return (
    <>
      <Tooltip label="Keyboard shortcuts">
        <ActionIcon variant="subtle" color="gray" size="lg" className={className} aria-label="Keyboard shortcuts" onClick={open}>
          <IconKeyboard size={18} />
        </ActionIcon>
      </Tooltip>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title="Keyboard shortcuts">
        <Table withRowBorders={false} verticalSpacing={4}>
          <Table.Tbody>
            {SHORTCUTS.map(([key, what]) => (
              <Table.Tr key={key}>
                <Table.Td w={70}>
                  <Kbd>{key}</Kbd>
                </Table.Td>
                <Table.Td>{what}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Switch
          mt="md"
          label="Single keys do this"
          description="Off for who dictates, or hits keys by accident"
          checked={isOn}
          onChange={(event) => switchShortcuts(event.currentTarget.checked)}
        />
      </Modal>
    </>
  )
}
