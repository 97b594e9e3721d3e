/** What the cost tests watch: the operations that callers repeat most. */
export const OPERATIONS = {
  write: `mutation ($id: ID!, $value: JSON) { upsertVariable(input: { executionId: $id, name: "counter", value: $value }) {
    variable { id name value type revision version createdAt updatedAt } } }`,
  read: 'query ($id: ID!) { variable(executionId: $id, name: "v1") { id name value type revision version createdAt updatedAt } }',
  list: `query ($id: ID!) { variables(executionId: $id, first: 100) {
    nodes { id name value type revision version createdAt updatedAt } pageInfo { hasNextPage endCursor } } }`,
} as const

export type Operation = keyof typeof OPERATIONS
