import type { OperationTable } from '../operations.js'
import { codecFilters } from './codec.js'
import { dictFilters } from './dict.js'
import { htmlFilters } from './html.js'
import { listFilters } from './list.js'
import { numberFilters } from './number.js'
import { selectFilters } from './select.js'
import { sizeFilters } from './size.js'
import { textFilters } from './text.js'

/** Every filter by name. A group is one file; a filter is one pure function and one line in its group. */
export const filters: OperationTable = {
  ...textFilters,
  ...sizeFilters,
  ...htmlFilters,
  ...listFilters,
  ...selectFilters,
  ...dictFilters,
  ...numberFilters,
  ...codecFilters,
}
