import type { PlaybookRecord } from '../../catalog/record.js'
import { isJsonObject } from '../../core/json.js'
import type { Services } from '../../orchestrator/services.js'
import type { ComputedVariable, ParseReport, Playbook, Problem } from '../../playbook/model.js'
import { standalone } from '../../schema/walk.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import { ProblemSeverityEnum } from './enums.js'
import { NodeInterface, playbookId } from './node.js'
import { connectionType, pageArguments } from './page.js'
import { PlaybookStepType } from './playbook-step.js'

const ComputedVariableType = builder.objectRef<ComputedVariable>('ComputedVariable').implement({
  description: 'A variable that follows from others, and that nobody else writes.',
  fields: (t) => ({
    name: t.exposeString('name'),
    expression: t.exposeString('expression'),
    dependsOn: t.stringList({ description: 'The variables that it reads.', resolve: ({ dependsOn }) => [...dependsOn] }),
    line: t.exposeInt('line', { description: 'Where the expression stands in the source; counts from 1.' }),
  }),
})

export const PlaybookType = builder.objectRef<PlaybookRecord>('Playbook')
PlaybookType.implement({
  description: 'One version of a YAML program.',
  interfaces: [NodeInterface],
  fields: (t) => ({
    id: t.id({ extensions: PLAIN, resolve: playbookId }),
    path: t.exposeString('path'),
    version: t.exposeInt('version'),
    name: t.exposeString('name'),
    source: t.exposeString('source'),
    registeredAt: t.expose('registeredAt', { type: 'DateTime' }),
    description: t.string({
      nullable: true,
      resolve: async (playbook, _args, { services }) => (await modelOf(playbook, services)).description,
    }),
    workload: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The defaults, templates unrendered; what is given at start is merged over them.',
      resolve: async (playbook, _args, { services }) => (await modelOf(playbook, services)).workload,
    }),
    workloadSchema: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The JSON Schema of the workload, whole in itself; null where the playbook has none.',
      resolve: async (playbook, _args, { services }) => {
        const block = (await modelOf(playbook, services)).schema?.block
        return block?.['workload'] === undefined ? null : standalone(block, block['workload'])
      },
    }),
    variableSchemas: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The JSON Schemas of variables by name, each whole in itself; null where the playbook has none.',
      resolve: async (playbook, _args, { services }) => {
        const block = (await modelOf(playbook, services)).schema?.block
        const vars = block?.['vars']
        if (block === undefined || !isJsonObject(vars)) return null
        return Object.fromEntries(Object.entries(vars).map(([name, schema]) => [name, standalone(block, schema)]))
      },
    }),
    computed: t.field({
      type: [ComputedVariableType],
      description: 'Variables that follow from others, each after those that it depends on.',
      resolve: async (playbook, _args, { services }) => [...(await modelOf(playbook, services)).computed],
    }),
    startStep: t.string({ resolve: async (playbook, _args, { services }) => (await modelOf(playbook, services)).startStep }),
    steps: t.field({
      type: [PlaybookStepType],
      description: 'The graph: every step with where it may lead.',
      resolve: async (playbook, _args, { services }) => [...(await modelOf(playbook, services)).steps],
    }),
  }),
})

function modelOf({ path, version }: PlaybookRecord, services: Services): Promise<Playbook> {
  return services.catalog.model(path, version)
}

const PlaybookConnection = connectionType<PlaybookRecord>('Playbook', PlaybookType)

const PlaybookProblem = builder.objectRef<Problem>('PlaybookProblem').implement({
  fields: (t) => ({
    severity: t.expose('severity', { type: ProblemSeverityEnum }),
    message: t.exposeString('message'),
    path: t.exposeString('path'),
    line: t.exposeInt('line'),
    column: t.exposeInt('column'),
  }),
})

const PlaybookReport = builder.objectRef<ParseReport>('PlaybookReport').implement({
  fields: (t) => ({
    valid: t.boolean({ resolve: ({ playbook }) => playbook !== null }),
    problems: t.field({ type: [PlaybookProblem], resolve: ({ problems }) => [...problems] }),
  }),
})

builder.queryFields((t) => ({
  playbook: t.field({
    type: PlaybookType,
    authScopes: { read: true },
    nullable: true,
    description: 'The latest version, or the one asked for.',
    args: { path: t.arg.string({ required: true }), version: t.arg.int() },
    resolve: (_root, { path, version }, { services }) => services.catalog.find(path, version ?? null),
  }),
  playbooks: t.field({
    type: PlaybookConnection,
    authScopes: { read: true },
    description: 'The latest version of each, by path.',
    args: pageArguments,
    resolve: (_root, page, { services, signal }) => services.catalog.list({ ...page, signal: signal() }),
  }),
  playbookVersions: t.field({
    type: PlaybookConnection,
    authScopes: { read: true },
    description: 'The versions of one path, newest first.',
    args: { path: t.arg.string({ required: true }), ...pageArguments },
    resolve: (_root, { path, ...page }, { services, signal }) => services.catalog.versions(path, { ...page, signal: signal() }),
  }),
  validatePlaybook: t.field({
    type: PlaybookReport,
    authScopes: { read: true },
    description: 'Never evaluates anything.',
    args: { source: t.arg.string({ required: true }) },
    resolve: (_root, { source }, { services }) => services.catalog.validate(source),
  }),
}))

builder.mutationField('registerPlaybook', (t) =>
  t.field({
    type: PlaybookType,
    authScopes: { register: true },
    description: "The next version of its path; the latest version's identical source returns that version.",
    args: {
      source: t.arg.string({ required: true }),
      expectedVersion: t.arg.int({
        description: 'Register only over this version; 0: only if there is none. Otherwise CONFLICT, with path and version.',
      }),
    },
    resolve: (_root, { source, expectedVersion }, { services }) => services.catalog.register(source, expectedVersion),
  }),
)
