import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { errorMessage } from '../core/errors.js'

export type Environment = Readonly<Record<string, string | undefined>>

/** All that is wrong with the settings, at once. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`The settings cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/**
 * The settings of an object of zod, from the environment and from the files that `<name>_FILE` names. What is blank is not set.
 * @throws ConfigError with all faults together
 */
export function readSettings<Shape extends z.core.$ZodShape>(settings: z.ZodObject<Shape>, env: Environment) {
  const faults: string[] = []
  const given: Record<string, string> = {}
  for (const name of Object.keys(settings.shape)) {
    const value = `${name}_FILE` in settings.shape ? textOrFile(name, env, faults) : env[name]?.trim()
    if (value) given[name] = value
  }
  const result = settings.safeParse(given)
  for (const { path, message } of result.error?.issues ?? []) faults.push(`${path.join('.')}: ${message}`)
  if (result.data === undefined || faults.length > 0) throw new ConfigError(faults)
  return result.data
}

function textOrFile(name: string, env: Environment, faults: string[]): string | undefined {
  const given = env[name]?.trim()
  const file = env[`${name}_FILE`]?.trim()
  if (!file) return given
  if (given) faults.push(`${name}: set either ${name} or ${name}_FILE, not both`)
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    faults.push(`${name}_FILE: ${file} cannot be read (${errorMessage(error)})`)
    return undefined
  }
}
