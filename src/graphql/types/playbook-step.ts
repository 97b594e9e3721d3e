import type { ListedTool, Step, Transition } from '../../playbook/model.js'
import { builder } from '../builder.js'

/** One arrow of the graph: an entry of `next` or `case`, once for each of its targets. */
interface Arrow {
  readonly transition: Transition
  readonly to: string
  readonly isCase: boolean
}

const TransitionType = builder.objectRef<Arrow>('PlaybookTransition').implement({
  description: 'Where a step may lead.',
  fields: (t) => ({
    to: t.exposeString('to'),
    when: t.string({ nullable: true, description: 'null fires always.', resolve: ({ transition }) => transition.when }),
    isElse: t.boolean({
      description: 'Fires when no entry with a `when` did.',
      resolve: ({ transition }) => transition.isElse,
    }),
    isCase: t.exposeBoolean('isCase', { description: 'Of `case`: the first match only.' }),
    at: t.string({
      description: "The path in the document, as in the events' routes.",
      resolve: ({ transition }) => transition.at,
    }),
  }),
})

const PlaybookToolType = builder.objectRef<ListedTool>('PlaybookTool').implement({
  description: 'One of the tools of a step that has a list of them.',
  fields: (t) => ({
    name: t.exposeString('name'),
    kind: t.string({ nullable: true, description: 'null: only its rules.', resolve: ({ tool }) => tool?.kind ?? null }),
  }),
})

export const PlaybookStepType = builder.objectRef<Step>('PlaybookStep').implement({
  description: 'A named node of a playbook.',
  fields: (t) => ({
    name: t.exposeString('name'),
    description: t.exposeString('description', { nullable: true }),
    kind: t.string({
      nullable: true,
      description: 'The tool that it runs; null: only vars and routing.',
      resolve: ({ tool }) => tool?.kind ?? null,
    }),
    when: t.exposeString('when', {
      nullable: true,
      description: 'Where it does not hold, the step is skipped. null: always run.',
    }),
    tools: t.field({
      type: [PlaybookToolType],
      description: 'Several tools that run one after another; empty where there is one or none.',
      resolve: ({ tools }) => tools ?? [],
    }),
    isIterator: t.boolean({ resolve: ({ loop }) => loop !== null }),
    maxAttempts: t.int({
      description: '1 where a template says it: `maxAttemptsTemplate`.',
      resolve: ({ retry }) => (typeof retry?.maxAttempts === 'number' ? retry.maxAttempts : 1),
    }),
    maxAttemptsTemplate: t.string({
      nullable: true,
      description: 'What `retry.max_attempts` says where it is a template.',
      resolve: ({ retry }) => (typeof retry?.maxAttempts === 'string' ? retry.maxAttempts : null),
    }),
    pool: t.exposeString('pool'),
    transitions: t.field({
      type: [TransitionType],
      resolve: ({ cases, next }) => [...arrowsOf(cases ?? [], true), ...arrowsOf(next, false)],
    }),
  }),
})

function arrowsOf(transitions: readonly Transition[], isCase: boolean): Arrow[] {
  return transitions.flatMap((transition) => transition.targets.map(({ step }) => ({ transition, to: step, isCase })))
}
