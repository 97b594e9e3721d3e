import type { CatalogService } from '../catalog/service.js'
import type { ExecutionId } from '../core/ids.js'
import type { Database } from '../db/database.js'
import { findExecution } from '../executions/store.js'
import type { Playbook } from '../playbook/model.js'

const MAX_KNOWN = 10_000

/** Finds the playbook that an execution runs; an execution's version never changes, so it is asked for once. */
export interface PlaybookLookup {
  of(executionId: ExecutionId): Promise<Playbook | null>
}

/** Never to be called inside a transaction: it reads through the database (PGlite has one connection). */
export function createPlaybookLookup({ db, catalog }: { db: Database; catalog: CatalogService }): PlaybookLookup {
  const known = new Map<ExecutionId, { path: string; version: number }>()
  return {
    async of(executionId) {
      let version = known.get(executionId)
      if (!version) {
        const execution = await findExecution(db, executionId)
        if (!execution || execution.playbookPath === null || execution.playbookVersion === null) return null
        version = { path: execution.playbookPath, version: execution.playbookVersion }
        if (known.size >= MAX_KNOWN) known.clear()
        known.set(executionId, version)
      }
      return catalog.model(version.path, version.version)
    },
  }
}
