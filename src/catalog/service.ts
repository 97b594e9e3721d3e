import type { Page } from '../core/cursor.js'
import type { ParseReport, Playbook } from '../playbook/model.js'
import type { PlaybookRecord } from './record.js'

export interface PageRequest {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/** Registered playbooks and their versions. */
export interface CatalogService {
  /**
   * Registers a source as the next version of its path; the latest version's identical source returns that version.
   * @throws TransientError PLAYBOOK_INVALID with all problems (`details.problems`)
   */
  register(source: string): Promise<PlaybookRecord>
  /** The latest version, or the one asked for. */
  find(path: string, version?: number | null): Promise<PlaybookRecord | null>
  /** @throws TransientError NOT_FOUND */
  get(path: string, version?: number | null): Promise<PlaybookRecord>
  /** The parsed model of a version; parsed once, kept in a bounded cache. */
  model(path: string, version: number): Promise<Playbook>
  /** Latest versions by path. */
  list(page: PageRequest): Promise<Page<PlaybookRecord>>
  /** Never evaluates anything. */
  validate(source: string): ParseReport
}
