import { randomUUID } from 'node:crypto'
import { formatTaskId, parseTaskId, type TaskKey } from './record.js'

const TOKEN = /^tt_(\d{1,19}-\d{1,9}-\d{1,9})_[0-9a-f-]{36}$/

/** A new token for a delivery of a task: its fence, and a Bearer credential that names its task. */
export function mintTaskToken(key: TaskKey): string {
  return `tt_${formatTaskId(key)}_${randomUUID()}`
}

/** The task that a text of this form names, or null. */
export function taskOfToken(text: string): TaskKey | null {
  const id = TOKEN.exec(text)?.[1]
  if (id === undefined) return null
  try {
    return parseTaskId(id)
  } catch {
    return null
  }
}
