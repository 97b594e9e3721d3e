import type { OperationTable, Tables } from '../operations.js'
import { codecFilters } from './codec.js'
import { dictFilters } from './dict.js'
import { htmlFilters } from './html.js'
import { listFilters } from './list.js'
import { numberFilters } from './number.js'
import { createSelectFilters } from './select.js'
import { sizeFilters } from './size.js'
import { textFilters } from './text.js'

/** Every filter by name. A group is one file; a filter is one pure function and one line in its group. */
export function createFilters(tables: () => Tables): OperationTable {
  return {
    ...textFilters,
    ...sizeFilters,
    ...htmlFilters,
    ...listFilters,
    ...createSelectFilters(tables),
    ...dictFilters,
    ...numberFilters,
    ...codecFilters,
  }
}
