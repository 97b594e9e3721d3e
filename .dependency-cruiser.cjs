// Imports go down only (ARCHITECTURE.md, "Floors").
const FLOORS = [
  ['core'],
  ['config'],
  ['template'],
  ['tools'],
  ['playbook'],
  ['contract'],
  ['db', 'bus'],
  ['catalog'],
  ['executions'],
  ['variables'],
  ['tasks'],
  ['orchestrator'],
  ['graphql', 'rest', 'sdk', 'console'],
  ['server', 'cli'],
]
module.exports = { FLOORS }
