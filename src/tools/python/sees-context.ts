/** Ways of plain code to reach a name without writing it. */
const REACHES_ALL = /\b(context|globals|locals|vars|eval|exec|inspect|sys|__\w+__)\b/

/**
 * The names of the template context that Python code can see; `all` in doubt. What it surely cannot see is left out of the
 * task: the context may hold the results of every step.
 */
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
