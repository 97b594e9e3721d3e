import { type HotkeyItem, useHotkeys } from '@mantine/hooks'
import { createStore, useStore } from './store.js'

const KEY = 'transient-shortcuts'

/** Whether single keys do something: who speaks to the computer, or hits keys by accident, switches them off. */
export const areShortcutsOn = createStore(localStorage.getItem(KEY) !== 'off')

export function switchShortcuts(isOn: boolean): void {
  localStorage.setItem(KEY, isOn ? 'on' : 'off')
  areShortcutsOn.set(isOn)
}

/** What the keys do, for the list that `?` shows. */
export const SHORTCUTS: readonly (readonly [string, string])[] = [
  ['?', 'This list'],
  ['/', 'To the filter of the page'],
  ['1', 'Executions'],
  ['2', 'Playbooks'],
  ['3', 'Playground'],
  ['t', 'Graph or timeline of an execution'],
  [',', 'One revision back'],
  ['.', 'One revision on'],
  ['n', 'Back to now'],
]

/** Single keys, outside of inputs, unless they are switched off. */
export function useShortcuts(items: HotkeyItem[]): void {
  const isOn = useStore(areShortcutsOn)
  useHotkeys(isOn ? items : [])
}
