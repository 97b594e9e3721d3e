export type { JsonFilter, StringFilter, VariableFilter } from '../core/filter.js'
