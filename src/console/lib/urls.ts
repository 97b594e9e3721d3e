/** The address of what is given; empty values are left out. */
function url(path: string, values: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== '') search.set(name, String(value))
  return search.size === 0 ? path : `${path}?${search}`
}

/** A version of a playbook, or the latest; `against` shows how it differs from that one. */
export function playbookUrl(path: string, show: { version?: number; against?: number } = {}): string {
  return url('/playbooks/view', { path, ...show })
}

/** The editor: of a playbook, of an example, or of a new text. */
export function editorUrl(of: { path?: string; version?: number; example?: string } = {}): string {
  return url('/playbooks/edit', of)
}

/** A space: its name is in parts by slashes, and has nothing that an address could not. */
export function spaceUrl(name: string): string {
  return `/globals/${name.split('/').map(encodeURIComponent).join('/')}`
}

export function playgroundUrl(execution: string): string {
  return url('/playground', { execution })
}

export function compareUrl(left: string, right: string): string {
  return url('/compare', { left, right })
}

/** The executions that this one started. */
export function childrenUrl(parent: string): string {
  return url('/executions', { parent })
}
