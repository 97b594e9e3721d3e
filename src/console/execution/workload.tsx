import { Anchor, Popover, ScrollArea } from '@mantine/core'
import type { JsonValue } from '../../core/json.js'
import { JsonTree } from '../ui/json-tree.js'

/** What the execution was started with, defaults included. */
export function Workload({ workload }: { workload: JsonValue }) {
  return (
    <Popover withArrow shadow="md" width={360} trapFocus>
      <Popover.Target>
        <Anchor component="button" size="sm" underline="always">
          workload
        </Anchor>
      </Popover.Target>
      <Popover.Dropdown>
        <ScrollArea.Autosize mah={320}>
          <JsonTree value={workload} root="workload" />
        </ScrollArea.Autosize>
      </Popover.Dropdown>
    </Popover>
  )
}
