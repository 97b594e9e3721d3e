import { checkListed, type VariableFilter } from '../../core/filter.js'
import { parseExecutionId } from '../../core/ids.js'
import type { ExecutionFilter } from '../../executions/service.js'
import { builder } from '../builder.js'
import type { InputCost } from '../input-cost.js'
import { ExecutionStatusEnum, VariableTypeEnum } from './enums.js'

export const StringFilterInput = builder.inputType('StringFilter', {
  fields: (t) => ({
    eq: t.string(),
    in: t.stringList(),
    startsWith: t.string(),
    contains: t.string(),
  }),
})

const JsonFilterInput = builder.inputType('JsonFilter', {
  description: "path is a JSON pointer ('' is the value itself).",
  fields: (t) => ({
    path: t.string({ defaultValue: '' }),
    eq: t.field({ type: 'JSON' }),
    gt: t.field({ type: 'JSON' }),
    gte: t.field({ type: 'JSON' }),
    lt: t.field({ type: 'JSON' }),
    lte: t.field({ type: 'JSON' }),
    contains: t.field({ type: 'JSON' }),
    exists: t.boolean(),
  }),
})

/** Each looks at the variables of every execution that is left: as dear as fifty fields. */
const FILTER_COST: InputCost = { cost: 50 }

export const VariableFilterInput = builder.inputType('VariableFilter', {
  description: 'All that is given must hold. A list has at most 250 items.',
  extensions: { ...FILTER_COST },
  fields: (t) => ({
    name: t.field({ type: StringFilterInput }),
    type: t.field({ type: [VariableTypeEnum] }),
    sourceStep: t.field({ type: StringFilterInput }),
    value: t.field({ type: JsonFilterInput }),
    executionId: t.id(),
  }),
})

export const ExecutionFilterInput = builder.inputType('ExecutionFilter', {
  description: 'All that is given must hold.',
  fields: (t) => ({
    status: t.field({ type: [ExecutionStatusEnum] }),
    path: t.field({ type: StringFilterInput }),
    startedAfter: t.field({ type: 'DateTime' }),
    startedBefore: t.field({ type: 'DateTime' }),
    finishedAfter: t.field({ type: 'DateTime' }),
    finishedBefore: t.field({ type: 'DateTime' }),
    variables: t.field({ type: [VariableFilterInput], description: 'Executions that have all of these variables; at most 20.' }),
    parentId: t.id(),
  }),
})

/** @throws TransientError VALIDATION when an id in it is none */
export function checkedVariableFilter<Filter extends VariableFilter | null | undefined>(
  filter: Filter,
  field = 'filter',
): Filter {
  if (filter?.executionId != null) parseExecutionId(filter.executionId, `${field}.executionId`)
  checkListed(filter?.name?.in, `${field}.name.in`)
  checkListed(filter?.sourceStep?.in, `${field}.sourceStep.in`)
  checkListed(filter?.type, `${field}.type`)
  return filter
}

/** @throws TransientError VALIDATION when an id in it is none, or a list too long */
export function checkedExecutionFilter(filter: ExecutionFilter | null | undefined): ExecutionFilter | null {
  if (filter?.parentId != null) parseExecutionId(filter.parentId, 'filter.parentId')
  filter?.variables?.forEach((variable, index) => {
    checkedVariableFilter(variable, `filter.variables[${index}]`)
  })
  return filter ?? null
}
