/** Whose variables are shown: an execution's id, or this and the name of a space. */
const SPACE = 'space:'

export function spaceKey(space: string): string {
  return `${SPACE}${space}`
}

/** The space's name; null: it is an execution's id. */
export function spaceIn(key: string): string | null {
  return key.startsWith(SPACE) ? key.slice(SPACE.length) : null
}

/** As queries and inputs name it. */
export function ownerOf(key: string): { readonly executionId: string } | { readonly space: string } {
  const space = spaceIn(key)
  return space === null ? { executionId: key } : { space }
}

/** What a template calls one of its variables. */
export function templateName(key: string, name: string): string {
  return `${spaceIn(key) === null ? 'vars' : 'globals'}.${name}`
}
