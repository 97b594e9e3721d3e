/** Ways of plain code to reach a name without writing it. */
const REACHES_ALL = /\b(context|globals|locals|vars|eval|exec|inspect|sys|__\w+__)\b/

/**
 * Whether Python code can see the template context. Where it surely cannot, the context is left out of the task:
 * it may hold the results of every step. In doubt it can.
 */
export function seesContext(code: string, argNames: ReadonlySet<string>): boolean {
  const names = namesSeen(code, argNames)
  return names === 'all' || names.length > 0
}

/** The names of the context that Python code can see; `all` in doubt. */
export function namesSeen(code: string, argNames: ReadonlySet<string>): readonly string[] | 'all' {
  if (REACHES_ALL.test(code)) return 'all'
  const definitions = [...code.matchAll(/^(?:async[ \t]+)?def[ \t]+main[ \t]*\(([^()]*)\)/gm)]
  if (definitions.length === 0) return /\bmain\b/.test(code) ? 'all' : []
  return definitions.flatMap(([, list = '']) => parameterNames(list)).filter((name) => !argNames.has(name))
}

/** Names that `main` takes one by one; `*rest` and `**rest` take none of the context. */
function parameterNames(list: string): string[] {
  return list
    .replace(/#.*/g, '')
    .split(',')
    .map((item) => item.replace(/[:=][\s\S]*/, '').trim())
    .filter((name) => name !== '' && name !== '/' && !name.startsWith('*'))
}
