import { isAsyncIterable } from 'graphql-yoga'
import { createMemoryBus } from '../../src/bus/index.js'
import { createCatalogService } from '../../src/catalog/service.js'
import type { Database } from '../../src/db/database.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { createClientErrors } from '../../src/graphql/errors.js'
import { stringifyResult } from '../../src/graphql/printer.js'
import { ALWAYS_THERE, perform } from '../../src/graphql/request.js'
import { createGraphQLServer } from '../../src/graphql/server.js'
import type { Services } from '../../src/orchestrator/services.js'
import { TOOLS } from '../../src/tools/index.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { createVariablesService } from '../../src/variables/service.js'
import { createGlobalsService } from '../../src/variables/spaces/globals.js'

/** Operations as they are answered, without a transport. Throws what a client would see as errors. */
export function openPipeline(db: Database): (query: string, variables?: Record<string, unknown>) => Promise<string> {
  const bus = createMemoryBus({ onError: () => undefined })
  const variables = createVariablesService({ db, bus })
  const services = {
    ...{ variables, globals: createGlobalsService({ db, variables }) },
    executions: createExecutionsService({ db, bus, variableFilter: variableFilterSql }),
    catalog: createCatalogService({ db, tools: TOOLS }),
  } as unknown as Services
  const rights = new Set(['read', 'read_variables', 'write', 'read_globals'])
  const context = {
    services,
    actor: 'api:test',
    signal: ALWAYS_THERE,
    session: { id: 's', services, principal: { rights } },
  }
  const yoga = createGraphQLServer(
    createClientErrors((_id, fault) => {
      throw fault
    }),
  )
  return async (query, variables = {}) => {
    const result = await perform(yoga, context as never, { query, variables })
    if (isAsyncIterable(result) || result.errors) throw new Error(JSON.stringify(result))
    return stringifyResult(result)
  }
}
