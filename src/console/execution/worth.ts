const STRINGS = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g
const FILTERS_AND_TESTS = /\|\s*\w+|\bis\s+(?:not\s+)?\w+/g
const PATH = /(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\d+\])*(?![\w.]*\()/g
const WORDS = new Set(['and', 'or', 'not', 'in', 'is', 'if', 'else', 'true', 'false', 'none', 'null', 'True', 'False', 'None'])

/** What a condition reads, each once: `vars.counter`, `workload.times`, `result.items`. */
export function pathsIn(condition: string): string[] {
  const bare = condition.replace(STRINGS, ' ').replace(FILTERS_AND_TESTS, ' ')
  return [...new Set(bare.match(PATH) ?? [])].filter((path) => !WORDS.has(path))
}

/** The same for whoever stands outside of the step: its result goes by the step's name there. Null: nobody can say it later. */
export function outsideOf(step: string, path: string): string | null {
  const [, first = '', rest = ''] = /^(\w+)(.*)$/s.exec(path) ?? []
  if (first === 'result' || first === 'response') return `results[${JSON.stringify(step)}]${rest}`
  return ['this', 'event', 'error', 'loop'].includes(first) ? null : path
}
