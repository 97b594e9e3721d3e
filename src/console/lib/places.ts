/** The address of what is given; empty values are left out. */
function place(path: string, values: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== '') search.set(name, String(value))
  return search.size === 0 ? path : `${path}?${search}`
}

/** A version of a playbook, or the latest; `against` shows how it differs from that one. */
export function playbookPlace(path: string, show: { version?: number; against?: number } = {}): string {
  return place('/playbooks/view', { path, ...show })
}

/** The editor: of a playbook, of an example, or of a new text. */
export function editorPlace(of: { path?: string; version?: number; example?: string } = {}): string {
  return place('/playbooks/edit', of)
}

export function playgroundPlace(execution: string): string {
  return place('/playground', { execution })
}

export function comparePlace(left: string, right: string): string {
  return place('/compare', { left, right })
}

/** The executions that this one started. */
export function childrenPlace(parent: string): string {
  return place('/executions', { parent })
}
