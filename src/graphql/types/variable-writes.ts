import type { VariableWrite, WriteOutcome, WriteResult } from '../../commit/record.js'
import { TransientError } from '../../core/errors.js'
import { type JsonValue, numberText } from '../../core/json.js'
import { streamOf } from '../../variables/stream.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import { VariableTypeEnum } from './enums.js'
import { rightOf, SPACE_TEXT, streamArguments } from './stream.js'
import { VariableType } from './variable.js'

const expectedVersionText =
  'Write only if the variable is at this version; 0: only if it does not exist. Otherwise CONFLICT, with what is there.'

const sensitiveText =
  'true: encrypted, and shown as "********" from now on, its history too. It stays so until it is deleted; left out, it is as sensitive as it was.'

const UpsertVariableInput = builder.inputType('UpsertVariableInput', {
  fields: (t) => ({
    executionId: t.id(),
    space: t.string({ description: SPACE_TEXT }),
    name: t.string({ required: true }),
    value: t.field({ type: 'JSON', description: 'To be given; null is a value.' }),
    type: t.field({ type: VariableTypeEnum, defaultValue: 'user_defined' }),
    sourceStep: t.string(),
    expectedVersion: t.int({ description: expectedVersionText }),
    sensitive: t.boolean({ description: sensitiveText }),
    ttl: t.int({ description: 'Seconds until it is deleted, by `system`; a later write ends that.' }),
  }),
})

export const VariableValueInput = builder.inputType('VariableValueInput', {
  fields: (t) => ({
    name: t.string({ required: true }),
    value: t.field({ type: 'JSON' }),
    expectedVersion: t.int({ description: expectedVersionText }),
    sensitive: t.boolean({ description: sensitiveText }),
  }),
})

const UpsertVariablesInput = builder.inputType('UpsertVariablesInput', {
  fields: (t) => ({
    executionId: t.id(),
    space: t.string({ description: SPACE_TEXT }),
    variables: t.field({ type: [VariableValueInput], required: true }),
    type: t.field({ type: VariableTypeEnum, defaultValue: 'user_defined' }),
    sourceStep: t.string(),
  }),
})

const IncrementVariableInput = builder.inputType('IncrementVariableInput', {
  fields: (t) => ({
    executionId: t.id(),
    space: t.string({ description: SPACE_TEXT }),
    name: t.string({ required: true }),
    by: t.float({ defaultValue: 1 }),
    sourceStep: t.string(),
  }),
})

const DeleteVariableInput = builder.inputType('DeleteVariableInput', {
  fields: (t) => ({
    executionId: t.id(),
    space: t.string({ description: SPACE_TEXT }),
    name: t.string({ required: true }),
    expectedVersion: t.int({ description: 'Delete only if the variable is at this version. Otherwise CONFLICT.' }),
  }),
})

const UpsertVariablePayload = builder.objectRef<WriteResult>('UpsertVariablePayload').implement({
  fields: (t) => ({
    variable: t.field({ type: VariableType, extensions: PLAIN, resolve: (result) => writtenVariable(onlyOutcome(result)) }),
    revision: t.expose('revision', { type: 'Revision' }),
    changed: t.boolean({
      extensions: PLAIN,
      description: 'false when value, type and source step were already so: nothing was written.',
      resolve: (result) => onlyOutcome(result).isChanged,
    }),
  }),
})

const UpsertVariablesPayload = builder.objectRef<WriteResult>('UpsertVariablesPayload').implement({
  fields: (t) => ({
    variables: t.field({ type: [VariableType], extensions: PLAIN, resolve: (result) => result.outcomes.map(writtenVariable) }),
    revision: t.expose('revision', { type: 'Revision' }),
  }),
})

const DeleteVariablePayload = builder.objectRef<WriteResult>('DeleteVariablePayload').implement({
  fields: (t) => ({
    deleted: t.boolean({ extensions: PLAIN, resolve: (result) => onlyOutcome(result).isChanged }),
    revision: t.expose('revision', { type: 'Revision' }),
  }),
})

const DeleteVariablesPayload = builder
  .objectRef<{ readonly revision: number; readonly deletedCount: number }>('DeleteVariablesPayload')
  .implement({
    fields: (t) => ({
      deletedCount: t.exposeInt('deletedCount'),
      revision: t.expose('revision', { type: 'Revision' }),
    }),
  })

function onlyOutcome(result: WriteResult): WriteOutcome {
  const [outcome] = result.outcomes
  if (outcome === undefined) throw new Error('a write of one variable returned no outcome')
  return outcome
}

function writtenVariable(outcome: WriteOutcome) {
  if (outcome.variable === null) throw new Error('a write that sets a variable returned none')
  return outcome.variable
}

interface GivenValue {
  readonly name: string
  readonly value?: JsonValue | undefined
  readonly expectedVersion?: number | null | undefined
  readonly sensitive?: boolean | null | undefined
  readonly ttl?: number | null | undefined
}

/**
 * A set write from an input.
 * @throws TransientError VALIDATION when no value is given: null is a value, a missing one is a mistake
 */
function setWrite(
  given: GivenValue,
  rest: Pick<VariableWrite & { operation: 'set' }, 'type' | 'sourceStep'>,
  field: string,
): VariableWrite {
  const value = givenValue(given.name, given.value, field)
  return {
    operation: 'set',
    name: given.name,
    value,
    isSensitive: given.sensitive ?? undefined,
    ...(given.ttl == null ? {} : { ttl: given.ttl }),
    ...rest,
    ...expected(given.expectedVersion, field),
  }
}

/** @throws TransientError VALIDATION when none is given */
export function givenValue(name: string, value: JsonValue | undefined, field: string): JsonValue {
  if (value !== undefined) return value
  throw new TransientError('VALIDATION', `${field}.value: no value is given for "${name}"; null is a value`, {
    details: { field: `${field}.value` },
  })
}

/** @throws TransientError VALIDATION when it is negative */
function expected(version: number | null | undefined, field: string): { expectedVersion?: number } {
  if (version === null || version === undefined) return {}
  if (version >= 0) return { expectedVersion: version }
  const name = `${field}.expectedVersion`
  throw new TransientError('VALIDATION', `${name}: ${version} is negative`, { details: { field: name } })
}

builder.mutationFields((t) => ({
  upsertVariable: t.field({
    type: UpsertVariablePayload,
    authScopes: (_root, { input }) => rightOf(input, 'write', 'write_globals'),
    args: { input: t.arg({ type: UpsertVariableInput, required: true }) },
    resolve: (_root, { input }, { services, actor }) =>
      streamOf(services, input, 'input.').write(
        [setWrite(input, { type: input.type ?? 'user_defined', sourceStep: input.sourceStep ?? null }, 'input')],
        actor,
      ),
  }),
  upsertVariables: t.field({
    type: UpsertVariablesPayload,
    authScopes: (_root, { input }) => rightOf(input, 'write', 'write_globals'),
    description: 'All or nothing, one revision.',
    args: { input: t.arg({ type: UpsertVariablesInput, required: true }) },
    resolve: (_root, { input }, { services, actor }) => {
      const rest = { type: input.type ?? ('user_defined' as const), sourceStep: input.sourceStep ?? null }
      if (input.variables.length === 0) throw new TransientError('BAD_REQUEST', 'input.variables: empty, nothing to write')
      const writes = input.variables.map((variable, index) => setWrite(variable, rest, `input.variables[${index}]`))
      return streamOf(services, input, 'input.').write(writes, actor)
    },
  }),
  incrementVariable: t.field({
    type: UpsertVariablePayload,
    authScopes: (_root, { input }) => rightOf(input, 'write', 'write_globals'),
    description: 'A single atomic statement; creates the variable from 0.',
    args: { input: t.arg({ type: IncrementVariableInput, required: true }) },
    resolve: (_root, { input: { name, by, sourceStep, ...key } }, { services, actor }) =>
      streamOf(services, key, 'input.').write(
        [{ operation: 'increment', name, by: numberText(by ?? 1), sourceStep: sourceStep ?? null }],
        actor,
      ),
  }),
  revealVariable: t.field({
    type: VariableType,
    authScopes: { reveal: true },
    nullable: true,
    description:
      'The variable with its sensitive value instead of the mask. The audit keeps who looked. REST: POST /api/vars/{execution_id}/{var_name}/reveal.',
    args: { ...streamArguments, name: t.arg.string({ required: true }) },
    resolve: (_root, { name, ...key }, { services }) => streamOf(services, key).reveal(name),
  }),
  deleteVariable: t.field({
    type: DeleteVariablePayload,
    authScopes: (_root, { input }) => rightOf(input, 'write', 'write_globals'),
    args: { input: t.arg({ type: DeleteVariableInput, required: true }) },
    resolve: (_root, { input: { name, expectedVersion, ...key } }, { services, actor }) =>
      streamOf(services, key, 'input.').write([{ operation: 'delete', name, ...expected(expectedVersion, 'input') }], actor),
  }),
  deleteVariables: t.field({
    type: DeleteVariablesPayload,
    authScopes: (_root, key) => rightOf(key, 'write', 'write_globals'),
    description: 'Deletes all variables of an execution or a space, as one revision.',
    args: streamArguments,
    resolve: (_root, key, { services, actor }) => streamOf(services, key).deleteAll(actor),
  }),
}))
