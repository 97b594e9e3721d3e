import type { ChangeRecord, VariableRecord } from '../../commit/record.js'
import type { Page } from '../../core/cursor.js'
import { type JsonValue, jsonSize, stringifyJson } from '../../core/json.js'
import { isSpaceId } from '../../core/space.js'
import type { Services } from '../../orchestrator/services.js'
import type { ComputedVariable } from '../../playbook/model.js'
import { ListedVariable } from '../../variables/read/listed.js'
import { streamOf } from '../../variables/stream.js'
import { builder } from '../builder.js'
import { PLAIN, textFrom } from '../printer.js'
import { ChangeOperationEnum, VariableTypeEnum } from './enums.js'
import { checkedVariableFilter, VariableFilterInput } from './filters.js'
import { NodeInterface, variableId } from './node.js'
import { connectionType, pageArguments, pageRequest } from './page.js'
import { mayRead, streamArguments } from './stream.js'

const PREVIEW_LENGTH = 200
const MAX_PREVIEW_LENGTH = 10_000

function previewOf(value: JsonValue, length: number | null | undefined): string {
  return stringifyJson(value).slice(0, Math.max(0, Math.min(length ?? PREVIEW_LENGTH, MAX_PREVIEW_LENGTH)))
}

/** What a list's row says already needs neither parsing nor printing. */
function listed(text: (variable: ListedVariable) => string) {
  return textFrom<VariableRecord>((variable) => (variable instanceof ListedVariable ? text(variable) : null))
}

export const VariableType = builder.objectRef<VariableRecord>('Variable')
VariableType.implement({
  description: 'A named JSON value of one execution, or of one space.',
  interfaces: [NodeInterface],
  fields: (t) => ({
    id: t.id({
      extensions: PLAIN,
      description:
        'Read with `asOf`, and revealed, it has an id of its own: what was, or is secret, is not what everybody sees now.',
      resolve: variableId,
    }),
    executionId: t.exposeID('executionId', { description: "Of a global variable its space's id, which is below zero." }),
    name: t.exposeString('name'),
    value: t.expose('value', { type: 'JSON', nullable: true, extensions: listed(({ valueText }) => valueText) }),
    isSensitive: t.boolean({
      extensions: PLAIN,
      description: 'Its value is encrypted; here and everywhere stands the mask, "********". revealVariable shows it.',
      resolve: ({ sealed }) => sealed !== null,
    }),
    preview: t.string({
      args: { length: t.arg.int({ defaultValue: PREVIEW_LENGTH }) },
      description:
        'The beginning of the value as compact JSON: at most 10,000 characters, for lists that need not carry large values.',
      resolve: ({ value }, { length }) => previewOf(value, length),
    }),
    size: t.int({
      description: 'UTF-8 length of the value as compact JSON; of a sensitive one, of its mask.',
      resolve: ({ value }) => jsonSize(value),
    }),
    valueText: t.string({
      description: 'The value as JSON text, with all digits of its numbers: for clients whose numbers have 53 bits.',
      resolve: ({ value }) => stringifyJson(value),
    }),
    type: t.expose('type', { type: VariableTypeEnum }),
    expression: t.string({
      nullable: true,
      description: 'What it is computed by; null where it is not computed.',
      resolve: async (variable, _args, { services }) => (await computedOf(variable, services))?.expression ?? null,
    }),
    dependsOn: t.stringList({
      nullable: true,
      description: 'The variables that its expression reads; null where it is not computed.',
      resolve: async (variable, _args, { services }) => (await computedOf(variable, services))?.dependsOn.slice() ?? null,
    }),
    sourceStep: t.exposeString('sourceStep', { nullable: true, description: 'The step that last changed it.' }),
    revision: t.expose('revision', {
      type: 'Revision',
      description: "The execution's revision at which this variable last changed.",
    }),
    version: t.exposeInt('version', {
      description:
        "This variable's own change counter, from 1; it goes on after delete and re-creation, so that no old version ever matches.",
    }),
    accessCount: t.exposeInt('accessCount'),
    createdAt: t.expose('createdAt', { type: 'DateTime', extensions: listed(({ createdAtText }) => `"${createdAtText}"`) }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', extensions: listed(({ updatedAtText }) => `"${updatedAtText}"`) }),
    accessedAt: t.expose('accessedAt', { type: 'DateTime', extensions: listed(({ accessedAtText }) => `"${accessedAtText}"`) }),
  }),
})

/** What the playbook of its execution says of a computed variable; anybody may write one of that type elsewhere. */
async function computedOf({ type, name, executionId }: VariableRecord, services: Services): Promise<ComputedVariable | null> {
  if (type !== 'computed' || isSpaceId(executionId)) return null
  const execution = await services.executions.find(executionId)
  const { playbookPath: path, playbookVersion: version } = execution ?? {}
  if (path == null || version == null) return null
  const { computed } = await services.catalog.model(path, version)
  return computed.find((one) => one.name === name) ?? null
}

export const VariableChangeType = builder.objectRef<ChangeRecord>('VariableChange')
VariableChangeType.implement({
  description: 'One variable set or deleted at one revision.',
  fields: (t) => ({
    revision: t.expose('revision', { type: 'Revision' }),
    name: t.exposeString('name'),
    operation: t.expose('operation', { type: ChangeOperationEnum }),
    value: t.expose('value', { type: 'JSON', nullable: true, description: 'null when deleted.' }),
    previousValue: t.expose('previousValue', { type: 'JSON', nullable: true }),
    isSensitive: t.boolean({
      extensions: PLAIN,
      description: 'The values are encrypted; here stands their mask.',
      resolve: ({ sealed }) => sealed !== null,
    }),
    preview: t.string({
      nullable: true,
      args: { length: t.arg.int({ defaultValue: PREVIEW_LENGTH }) },
      description: 'As `Variable.preview`; null when deleted.',
      resolve: ({ operation, value }, { length }) => (operation === 'delete' ? null : previewOf(value, length)),
    }),
    size: t.int({
      description: '0 when deleted.',
      resolve: ({ operation, value }) => (operation === 'delete' ? 0 : jsonSize(value)),
    }),
    version: t.exposeInt('version', { description: "The variable's version after this change." }),
    type: t.expose('type', { type: VariableTypeEnum }),
    sourceStep: t.exposeString('sourceStep', { nullable: true }),
    actor: t.exposeString('actor', { description: 'Who wrote it: step:<name>, api:<key name>, or system.' }),
    changedAt: t.expose('changedAt', { type: 'DateTime' }),
  }),
})

type VariablePage = Page<VariableRecord> & { readonly revision?: number }

export const VariableConnection = connectionType<VariableRecord, VariablePage>('Variable', VariableType)
builder.objectField(VariableConnection, 'revision', (t) =>
  t.field({
    type: 'Revision',
    nullable: true,
    description: 'The point to watch from; null across executions.',
    extensions: PLAIN,
    resolve: (page) => page.revision ?? null,
  }),
)
const VariableChangeConnection = connectionType<ChangeRecord>('VariableChange', VariableChangeType)

/** The arguments of every list of one execution's variables. */
export const variableListArguments = builder.args((t) => ({
  ...pageArguments,
  filter: t.field({ type: VariableFilterInput }),
  asOf: t.field({ type: 'Revision', description: 'Reads the past, as it was at this revision.' }),
}))

builder.queryFields((t) => ({
  variable: t.field({
    type: VariableType,
    authScopes: mayRead,
    nullable: true,
    description: 'One variable. Counts as a read: access_count and accessed_at move. Null when there is none.',
    args: { ...streamArguments, name: t.arg.string({ required: true }) },
    resolve: (_root, { name, ...key }, { services }) => streamOf(services, key).read(name),
  }),
  variables: t.field({
    type: VariableConnection,
    authScopes: mayRead,
    description: 'Never counts as a read. `revision` on the connection is the point to watch from. `asOf` reads the past.',
    args: { ...streamArguments, ...variableListArguments },
    resolve: (_root, { executionId, space, filter, ...page }, context, info) =>
      streamOf(context.services, { executionId, space }).list({
        ...pageRequest(page, context, info),
        filter: checkedVariableFilter(filter),
      }),
  }),
  searchVariables: t.field({
    type: VariableConnection,
    authScopes: { read_variables: true },
    description: 'Across executions: find the ones that hold a value. Spaces are left out.',
    args: { filter: t.arg({ type: VariableFilterInput, required: true }), ...pageArguments },
    resolve: (_root, { filter, ...page }, context, info) =>
      context.services.variables.search(checkedVariableFilter(filter), pageRequest(page, context, info)),
  }),
  variableHistory: t.field({
    type: VariableChangeConnection,
    authScopes: mayRead,
    description: 'The change log in the order of revisions, or against it.',
    args: {
      ...streamArguments,
      name: t.arg.string(),
      newestFirst: t.arg.boolean({ defaultValue: false }),
      ...pageArguments,
    },
    resolve: (_root, { executionId, space, ...request }, context, info) =>
      streamOf(context.services, { executionId, space }).history(pageRequest(request, context, info)),
  }),
}))
