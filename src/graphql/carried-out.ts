import { defaultFieldResolver, type ExecutionResult, type GraphQLField, GraphQLNonNull, type GraphQLSchema } from 'graphql'

/** How far the mutations of one document have come. */
export interface Progress {
  /** A mutation whose field is not nullable was refused: those after it are not carried out. */
  isStopped: boolean
  /** The keys of mutations whose fields are not nullable. */
  readonly required: Set<string>
}

export function createProgress(): Progress {
  return { isStopped: false, required: new Set() }
}

/**
 * For a schema that is used for execution alone: a mutation that is refused leaves the results before it, so that they can be reported.
 * Changes the types of the schema given; `resultOf` makes of a result what the real types allow.
 */
export function keepCarriedOut(schema: GraphQLSchema): void {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    if (!(field.type instanceof GraphQLNonNull)) continue
    field.type = field.type.ofType
    field.resolve = required(field.resolve ?? defaultFieldResolver)
  }
}

type Resolve = NonNullable<GraphQLField<unknown, { readonly progress: Progress }>['resolve']>

function required(resolve: Resolve): Resolve {
  return async (source, args, context, info) => {
    const { progress } = context
    progress.required.add(String(info.path.key))
    if (progress.isStopped) return null
    try {
      return await resolve(source, args, context, info)
    } catch (error) {
      progress.isStopped = true
      throw error
    }
  }
}

/** The result as the schema has it: with `data: null` when a mutation whose field is not nullable was refused, and what was carried out before it beside the errors. */
export function resultOf(result: ExecutionResult, { required }: Progress): ExecutionResult {
  const { data } = result
  if (!data || ![...required].some((key) => data[key] === null)) return result
  const completed = Object.entries(data).filter(([, value]) => value !== null)
  if (completed.length === 0) return { ...result, data: null }
  return { ...result, data: null, extensions: { ...result.extensions, completed: Object.fromEntries(completed) } }
}
