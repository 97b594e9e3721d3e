import { createMemoryBus } from '../../src/bus/index.js'
import { createCatalogService } from '../../src/catalog/service.js'
import type { Database } from '../../src/db/database.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { createPresence } from '../../src/graphql/context.js'
import { createPipeline } from '../../src/graphql/pipeline.js'
import { stringifyResult } from '../../src/graphql/result.js'
import type { Services } from '../../src/orchestrator/services.js'
import { TOOLS } from '../../src/tools/index.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { createVariablesService } from '../../src/variables/service.js'

/** Operations as they are answered, without a transport. Throws what a client would see as errors. */
export function openPipeline(db: Database): (query: string, variables?: Record<string, unknown>) => Promise<string> {
  const bus = createMemoryBus({ onError: () => undefined })
  const services = {
    variables: createVariablesService({ db, bus }),
    executions: createExecutionsService({ db, bus, variableFilter: variableFilterSql }),
    catalog: createCatalogService({ db, tools: TOOLS }),
  } as unknown as Services
  const rights = new Set(['read', 'read_variables', 'write'])
  const context = {
    services,
    actor: 'api:test',
    signal: createPresence().signal,
    session: { id: 's', services, principal: { rights } },
  }
  const pipeline = createPipeline((_id, fault) => {
    throw fault
  })
  return async (query, variables = {}) => {
    const prepared = pipeline.prepare({ query, variables }, context as never)
    if ('errors' in prepared) throw new Error(JSON.stringify(prepared.errors))
    const outcome = await prepared.perform()
    if (outcome.kind !== 'result' || outcome.result.errors) throw new Error(JSON.stringify(outcome))
    return stringifyResult(outcome.result)
  }
}
