import SchemaBuilder from '@pothos/core'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { RIGHTS_PLUGIN } from '../../src/graphql/rights-plugin.js'
import { ROOT } from '../support/paths.js'

/** What the compiler says of a file beside src/access/policy.ts. */
function faultsOf(source: string): string[] {
  const file = `${ROOT}/src/access/probe.ts`
  const { config } = ts.readConfigFile(`${ROOT}/tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT)
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists, readFile } = host
  host.fileExists = (path) => path === file || fileExists(path)
  host.readFile = (path) => (path === file ? source : readFile(path))
  host.getSourceFile = (path, language, ...rest) =>
    path === file ? ts.createSourceFile(path, source, language) : getSourceFile(path, language, ...rest)
  const program = ts.createProgram([file], { ...options, noEmit: true }, host)
  return program
    .getSemanticDiagnostics(program.getSourceFile(file))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

const IMPORTS = `import { POLICY } from './policy.js'\nimport type { Policy } from './rule.js'\n`

describe('what has no policy fails the build', () => {
  it('a method of a service without a rule does not compile', () => {
    expect(faultsOf(`${IMPORTS}export const same: Policy = { ...POLICY, keys: { ...POLICY.keys } }`)).toEqual([])
    const without = `${IMPORTS}const { revoke, ...keys } = POLICY.keys\nexport const rule = revoke\nexport const broken: Policy = { ...POLICY, keys }`
    expect(faultsOf(without).join()).toMatch(/Property 'revoke' is missing/)
    const service = `${IMPORTS}const { audit, ...rest } = POLICY\nexport const rule = audit\nexport const broken: Policy = rest`
    expect(faultsOf(service).join()).toMatch(/Property 'audit' is missing/)
  })

  it('a root field without a right stops the schema, naming it', () => {
    const schemaOf = (options: object) => {
      const builder = new SchemaBuilder<{ AuthScopes: { high: boolean } }>({
        plugins: [ScopeAuthPlugin, RIGHTS_PLUGIN],
        scopeAuth: { authScopes: () => ({ high: true }) },
      })
      builder.queryType({ fields: (t) => ({ fresh: t.string({ resolve: () => '', ...options }) }) })
      return builder.toSchema()
    }
    expect(() => schemaOf({})).toThrow('Query.fresh needs authScopes')
    expect(schemaOf({ authScopes: { high: true } }).getQueryType()?.name).toBe('Query')
  })
})
