import type { Setting } from '../config.js'

/** What `--help` says about settings from the environment. */
export function settingsHelp(settings: readonly Setting[]): string {
  const width = Math.max(...settings.map(({ name }) => name.length))
  const lines = settings.map(({ name, fallback, description }) => {
    const shown = fallback === '' ? '' : ` (${fallback})`
    return `  ${name.padEnd(width)}  ${description}${shown}`
  })
  return `\nSettings, read from the environment:\n${lines.join('\n')}`
}
