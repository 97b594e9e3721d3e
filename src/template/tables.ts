import { createFilters } from './filters/index.js'
import type { OperationTable, Tables } from './operations.js'
import { createTests } from './tests/index.js'

/** All filters and tests; some look others up by name when they run. */
const tables = (): Tables => ({ filters, tests })

export const filters: OperationTable = createFilters(tables)
export const tests: OperationTable = createTests(tables)
