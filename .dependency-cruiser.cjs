// Imports go down only (ARCHITECTURE.md, "Floors"): a folder may import itself and the floors above it in this list.
const FLOORS = [
  ['core'],
  ['config'],
  ['sealing'],
  ['schema'],
  ['template'],
  ['tools'],
  ['playbook'],
  ['contract'],
  ['db', 'bus'],
  ['audit'],
  ['keys', 'rotation'],
  ['catalog'],
  ['executions'],
  ['tasks'],
  ['commit'],
  ['variables'],
  ['webhooks', 'schedules'],
  ['orchestrator'],
  ['access'],
  ['graphql', 'rest', 'sdk', 'console'],
  ['server'],
  ['cli'],
]

const STORES = ['/store\\.ts$', '-store\\.ts$', '/store-[a-z]+\\.ts$']
const folder = (names) => `^src/(${names.join('|')})(/|\\.ts$)`

function floorRules() {
  return FLOORS.flatMap((floor, index) => {
    const below = FLOORS.slice(0, index).flat()
    return floor.map((name) => ({
      name: `floor-${name}`,
      comment: `src/${name} may import ${below.length === 0 ? 'no other floor' : below.join(', ')}`,
      severity: 'error',
      from: { path: folder([name]) },
      to: { path: '^src/', pathNot: folder([name, ...below]) },
    }))
  })
}

module.exports = {
  forbidden: [
    ...floorRules(),
    {
      name: 'every-file-on-a-floor',
      comment: 'A new folder of src/ gets its place in FLOORS first',
      severity: 'error',
      from: { path: '^src/', pathNot: folder(FLOORS.flat()) },
      to: {},
    },
    { name: 'no-cycle', severity: 'error', from: { path: '^src/', pathNot: '^src/db/generated/' }, to: { circular: true } },
    {
      name: 'sdk-stands-alone',
      comment: 'The SDK runs in other processes: it knows core, contract and tools only',
      severity: 'error',
      from: { path: '^src/sdk/' },
      to: { path: '^src/', pathNot: '^src/(sdk|core|contract|tools)/' },
    },
    {
      name: 'console-stands-alone',
      comment: 'The console runs in browsers: it knows core, which is pure, and documents generated from schema.graphql',
      severity: 'error',
      from: { path: '^src/console/' },
      to: { path: '^src/', pathNot: '^src/(console|core)/' },
    },
    {
      name: 'console-is-bundled',
      comment: 'Nothing imports the console: the server sends what the build made of it',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/console/' },
      to: { path: '^src/console/' },
    },
    {
      name: 'sql-in-stores-only',
      comment: 'Only db/ and stores run SQL; services take the Database as a type, the server builds it',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(db|server)/', ...STORES] },
      to: { path: '^src/db/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'prisma-in-db-only',
      comment: "Prisma's client and its types stay behind db/ and the stores",
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/db/', ...STORES] },
      to: { path: ['^src/db/generated/', '^node_modules/(@prisma|prisma|pglite-prisma-adapter)/'] },
    },
    {
      name: 'no-development-package',
      comment: 'The server runs on the dependencies alone; the console is bundled by the build',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/console/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: '^src/' },
      // A package of types only has nothing to resolve to.
      to: { couldNotResolve: true, pathNot: '^@graphql-typed-document-node/core$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
