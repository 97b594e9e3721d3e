import { lexSql, type SqlToken } from './sql-lexer.js'

/**
 * Cuts SQL into its statements, as psql does: not inside brackets, nor inside a function body written with
 * BEGIN ATOMIC. Statements without anything but space and comments are left out.
 */
export function splitStatements(sql: string): SqlToken[][] {
  const statements: SqlToken[][] = []
  let current: SqlToken[] = []
  let nesting = createNesting()
  for (const token of lexSql(sql)) {
    if (token.type === 'semicolon' && nesting.isOutside()) {
      statements.push(current)
      current = []
      nesting = createNesting()
    } else {
      current.push(token)
      nesting.see(token)
    }
  }
  statements.push(current)
  return statements.filter((tokens) => tokens.some(isSignificant))
}

export function isSignificant(token: SqlToken): boolean {
  return token.type !== 'space' && token.type !== 'comment'
}

/** The words that a statement begins with, in upper case: nothing that an author's template or literal could fill. */
export function firstWords(tokens: readonly SqlToken[], count: number): string[] {
  const significant = tokens.filter(isSignificant)
  const end = significant.findIndex((token) => token.type !== 'word')
  return significant.slice(0, end < 0 ? count : Math.min(end, count)).map((token) => token.text.toUpperCase())
}

function createNesting() {
  let brackets = 0
  let bodies = 0
  const words: string[] = []
  const isFunction = () => words[0] === 'CREATE' && words.slice(1, 4).some((word) => word === 'FUNCTION' || word === 'PROCEDURE')
  return {
    isOutside: () => brackets === 0 && bodies === 0,
    see: (token: SqlToken) => {
      if (token.text === '(') brackets += 1
      if (token.text === ')') brackets = Math.max(0, brackets - 1)
      if (token.type !== 'word') return
      const word = token.text.toUpperCase()
      if (words.length < 4) words.push(word)
      if (brackets > 0 || !isFunction()) return
      if (word === 'BEGIN' || (word === 'CASE' && bodies > 0)) bodies += 1
      if (word === 'END' && bodies > 0) bodies -= 1
    },
  }
}
