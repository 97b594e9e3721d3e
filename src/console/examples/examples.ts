/** A playbook that comes with the project; its text is bundled, nothing is downloaded. */
export interface Example {
  readonly name: string
  readonly title: string
  /** What one sees. */
  readonly about: string
  /** Whether it runs by itself; the others work on an API that one has to name at start. */
  readonly isSelfContained: boolean
}

export const MAIN_EXAMPLE: Example = {
  name: 'batch_live',
  title: 'Batches',
  about:
    'Fetches 18 items page by page, works on three at a time, counts what fails. Its steps wait four seconds in all, so that there is something to see.',
  isSelfContained: true,
}

export const OTHER_EXAMPLES: readonly Example[] = [
  { name: 'iterator_vars', title: 'Iterator', about: 'Goes through a list, its progress in variables.', isSelfContained: true },
  { name: 'before_after', title: 'Before and after', about: 'Variables set before and after a tool.', isSelfContained: true },
  {
    name: 'migration_counter',
    title: 'Counter',
    about: 'One step sets a counter, another one raises it.',
    isSelfContained: true,
  },
  {
    name: 'conditional_retry',
    title: 'Retry by hand',
    about: 'Calls an API until it succeeds or a counter is used up.',
    isSelfContained: false,
  },
  { name: 'config_loading', title: 'Configuration', about: 'Loads settings over HTTP and uses them.', isSelfContained: false },
  { name: 'priority_order', title: 'Priority of names', about: 'Which value a bare name means.', isSelfContained: false },
  { name: 'template_access', title: 'Templates', about: 'All the ways to read results and variables.', isSelfContained: false },
  { name: 'batch_processor', title: 'Batches over HTTP', about: 'The batches, from a real API.', isSelfContained: false },
]

const FILES = import.meta.glob<string>('../../../examples/*.yaml', { query: '?raw', import: 'default' })

/** Its text; null when there is none of that name. */
export async function readExample(name: string): Promise<string | null> {
  const load = FILES[`../../../examples/${name}.yaml`]
  return load === undefined ? null : await load()
}
