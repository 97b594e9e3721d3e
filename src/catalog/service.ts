import { LRUCache } from 'lru-cache'
import { createBatcher } from '../core/batcher.js'
import type { Page } from '../core/cursor.js'
import { TransientError } from '../core/errors.js'
import type { JsonObject } from '../core/json.js'
import { createSharedCalls } from '../core/shared-calls.js'
import type { Database } from '../db/database.js'
import { checkPlaybook } from '../playbook/index.js'
import type { ParseReport, Playbook, Problem } from '../playbook/model.js'
import { type KeyRing, NO_KEYS } from '../sealing/key-ring.js'
import type { ToolDefinition } from '../tools/tool.js'
import type { PlaybookRecord, RegisteredPlaybook } from './record.js'
import { findPlaybook, findVersions, insertNextVersion, pagePlaybooks, pageVersions } from './store.js'

export interface PageRequest {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
  /** Aborted when the caller has left. */
  readonly signal?: AbortSignal | undefined
}

/** Registered playbooks and their versions. */
export interface CatalogService {
  /**
   * Registers a source as the next version of its path; the latest version's identical source returns that version.
   * With `expectedVersion` only over that one (0: only if there is none).
   * @throws TransientError PLAYBOOK_INVALID with all problems (`details.problems`), TOO_LARGE above 1 MiB, CONFLICT with the
   * path and its latest version when that is another than the expected one
   */
  register(source: string, expectedVersion?: number | null): Promise<RegisteredPlaybook>
  /** The latest version, or the one asked for. @throws TransientError VALIDATION for a negative version */
  find(path: string, version?: number | null): Promise<PlaybookRecord | null>
  /** @throws TransientError NOT_FOUND */
  get(path: string, version?: number | null): Promise<PlaybookRecord>
  /** The parsed model of a version; parsed once, kept in a bounded cache. */
  model(path: string, version: number): Promise<Playbook>
  /** Latest versions by path. */
  list(page: PageRequest): Promise<Page<PlaybookRecord>>
  /** The versions of one path, newest first; none for an unknown path. */
  versions(path: string, page: PageRequest): Promise<Page<PlaybookRecord>>
  /** Never evaluates anything. */
  validate(source: string): Promise<ParseReport>
}

interface CatalogOptions {
  readonly db: Database
  /** The tool kinds that a playbook may name. */
  readonly tools: readonly ToolDefinition[]
  /** Without keys a playbook that declares something sensitive is refused. */
  readonly keyRing?: KeyRing
}

const MAX_SOURCE_BYTES = 1024 * 1024
const MAX_PATH_BYTES = 1_000
const MODEL_CACHE_BYTES = 8 * 1024 * 1024
const MAX_VERSION = 2 ** 31 - 1

/** The catalog over the database. */
export function createCatalogService({ db, tools, keyRing = NO_KEYS }: CatalogOptions): CatalogService {
  /** Parsed playbooks, by the bytes of their sources, of which a model's are a multiple. */
  const models = new LRUCache<string, Playbook>({ maxSize: MODEL_CACHE_BYTES })
  const findVersion = createBatcher<{ readonly path: string; readonly version: number }, PlaybookRecord | null>({
    groupOf: () => '',
    load: async (versions) => (await findVersions(db, versions)).map((playbook) => () => playbook),
  })
  const sharedCalls = createSharedCalls()
  /** Executions of one playbook that are started together ask for it once. */
  const findLatest = (path: string) => sharedCalls(path, () => findPlaybook(db, path, null))

  const find = async (path: string, version?: number | null): Promise<PlaybookRecord | null> => {
    if ((version ?? 1) < 0) {
      throw new TransientError('VALIDATION', `version: ${version} is negative`, { details: { field: 'version' } })
    }
    if (path.includes('\0') || !isVersion(version ?? 1)) return null
    return version === null || version === undefined ? findLatest(path) : findVersion({ path, version })
  }

  const get = async (path: string, version?: number | null): Promise<PlaybookRecord> => {
    const playbook = await find(path, version)
    if (playbook !== null) return playbook
    const which = version === null || version === undefined ? '' : ` in version ${version}`
    throw new TransientError(
      'NOT_FOUND',
      `there is no playbook "${path}"${which}; register it first, or look for its path in the list`,
    )
  }

  const report = async (source: string, isRegistered: boolean): Promise<ParseReport> => {
    const parsed = await checkPlaybook(source, { tools, isRegistered })
    const problems = [...nulProblems(source, parsed.playbook), ...pathProblems(parsed.playbook)]
    return problems.length === 0 ? parsed : { playbook: null, problems: [...parsed.problems, ...problems] }
  }

  /** What only counts for new ones: those that are registered go on when a server loses its keys, or learns a new rule. */
  const reportNew = async (source: string): Promise<ParseReport> => {
    const parsed = await report(source, false)
    const problems = keyProblems(parsed.playbook, keyRing)
    return problems.length === 0 ? parsed : { playbook: null, problems: [...parsed.problems, ...problems] }
  }

  /** The model, or the error that names all problems of the source. */
  const modelOf = ({ playbook, problems }: ParseReport): Playbook => {
    if (playbook === null) throw invalid(problems)
    return playbook
  }

  return {
    find,
    get,
    async register(source, expectedVersion) {
      checkSize(source)
      const { path, name } = modelOf(await reportNew(source))
      return insertNextVersion(db, { path, name, source, expectedVersion })
    },
    async model(path, version) {
      const key = `${version} ${path}`
      const known = models.get(key)
      if (known !== undefined) return known
      const { source } = await get(path, version)
      const model = modelOf(await report(source, true))
      // Others may have asked for the same meanwhile.
      const made = models.get(key)
      if (made !== undefined) return made
      models.set(key, model, { size: Buffer.byteLength(source) })
      return model
    },
    list: async (page) => pagePlaybooks(db.reading(page.signal), page),
    versions: async (path, page) => pageVersions(db.reading(page.signal), path.replaceAll('\0', ''), page),
    async validate(source) {
      checkSize(source)
      return reportNew(source)
    },
  }
}

function isVersion(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= MAX_VERSION
}

/** YAML lets a NUL character through in a comment or as an escape; no database text can hold it. */
function nulProblems(source: string, playbook: Playbook | null): Problem[] {
  const at = source.indexOf('\0')
  const severity = 'error'
  if (at >= 0) {
    const before = source.slice(0, at).split('\n')
    const column = (before.at(-1)?.length ?? 0) + 1
    return [{ severity, message: 'a NUL character: remove it', path: '', line: before.length, column }]
  }
  const entries = [
    ['metadata.path', playbook?.path],
    ['metadata.name', playbook?.name],
  ] as const
  return entries
    .filter(([, text]) => text?.includes('\0'))
    .map(([path]) => ({ severity, message: `${path} holds a NUL character: remove it`, path, line: 1, column: 1 }))
}

function keyProblems(playbook: Playbook | null, { ids }: KeyRing): Problem[] {
  if (ids.length > 0 || playbook === null || playbook.sensitive.length === 0) return []
  const message = 'sensitive values need a key ring, and this server has none: set ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE'
  return [{ severity: 'error', message, path: 'sensitive', line: 1, column: 1 }]
}

/** A path is a key: its index takes no more. */
function pathProblems(playbook: Playbook | null): Problem[] {
  const size = Buffer.byteLength(playbook?.path ?? '')
  if (size <= MAX_PATH_BYTES) return []
  const message = `metadata.path has ${size} bytes; at most ${MAX_PATH_BYTES} are possible`
  return [{ severity: 'error', message, path: 'metadata.path', line: 1, column: 1 }]
}

function checkSize(source: string): void {
  const size = Buffer.byteLength(source)
  if (size <= MAX_SOURCE_BYTES) return
  throw new TransientError('TOO_LARGE', `the playbook has ${size} bytes; at most ${MAX_SOURCE_BYTES} are accepted`, {
    details: { limit: MAX_SOURCE_BYTES, size },
  })
}

function invalid(problems: readonly Problem[]): TransientError {
  const errors = problems.filter((problem) => problem.severity === 'error')
  const [first] = errors
  const location = first === undefined ? '' : `: line ${first.line}, column ${first.column}: ${first.message}`
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return new TransientError('PLAYBOOK_INVALID', `the playbook is not valid${location}${more}`, {
    details: {
      problems: problems.map(
        ({ severity, message, path, line, column }): JsonObject => ({ severity, message, path, line, column }),
      ),
    },
  })
}
