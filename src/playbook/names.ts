const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,254}$/
const MAX_STEP_NAME = 200

/** Keys that would reach an object's prototype: refused wherever they stand. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** What templates see under these names is not a variable's to replace. */
export const RESERVED_NAMES = [
  'vars',
  'workload',
  'results',
  'globals',
  'result',
  'this',
  'execution_id',
  'job',
  'env',
  'loop',
] as const

/** Reserved when there were playbooks already: those that use it go on. */
const LATER_RESERVED = 'globals'

/** Why a name cannot be used for a step, an element or a variable; null when it can. `isRegistered`: the playbook was accepted before. */
export function nameFault(name: string, what: 'step' | 'variable' | 'element' | 'tool', isRegistered = false): string | null {
  if (isRegistered && name === LATER_RESERVED) return null
  const one = what === 'element' ? 'an element' : `a ${what}`
  const shown = name.length > 60 ? `${name.slice(0, 60)}...` : name
  if (!NAME.test(name)) {
    return `"${shown}" is not a name for ${one}: a letter or _ first, then letters, digits, _ or -, at most 255 in all`
  }
  if (FORBIDDEN_KEYS.has(name)) return `"${name}" cannot be the name of ${one}`
  if ((RESERVED_NAMES as readonly string[]).includes(name)) {
    return `"${name}" is reserved and cannot be the name of ${one} (reserved: ${RESERVED_NAMES.join(', ')})`
  }
  if (what === 'step' && name.length > MAX_STEP_NAME) {
    return `the step name "${shown}" has ${name.length} characters, the limit is ${MAX_STEP_NAME}`
  }
  return null
}
