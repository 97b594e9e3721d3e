import type { ExecutionId } from './ids.js'

/** What a caller may be. Each but `worker` may do all that the one before it may. */
export const ROLES = ['worker', 'viewer', 'editor', 'author', 'admin'] as const
export type Role = (typeof ROLES)[number]

/**
 * What a call may need. `work`: claim and report tasks. `run`: start, cancel and rerun executions, render templates.
 * `register`: add playbooks, which is running code. `reveal`: see sensitive values. `keys`: make and revoke API keys.
 * `answer`: answer what steps ask one's role. `schedules`: make, change and see schedules. `webhooks`: make, change and see webhooks. `read_globals`, `write_globals`: variables of spaces, which belong to no execution.
 */
export const RIGHTS = [
  'read_variables',
  'read',
  'write',
  'run',
  'work',
  'register',
  'reveal',
  'keys',
  'audit',
  'webhooks',
  'read_globals',
  'write_globals',
  'answer',
  'schedules',
] as const
export type Right = (typeof RIGHTS)[number]

const VIEWER: readonly Right[] = ['read_variables', 'read', 'read_globals', 'answer']
const EDITOR: readonly Right[] = [...VIEWER, 'write', 'run', 'write_globals', 'schedules']
const AUTHOR: readonly Right[] = [...EDITOR, 'register']

/** The rights of each role. */
export const ROLE_RIGHTS: Readonly<Record<Role, readonly Right[]>> = {
  worker: ['work'],
  viewer: VIEWER,
  editor: EDITOR,
  author: AUTHOR,
  admin: RIGHTS,
}

/** What the token of a task may: variables of its execution, and to report its own task. */
export const TASK_RIGHTS: readonly Right[] = ['read_variables', 'write', 'work']

/** Who calls, and what that caller may do; made from a credential, and never from what a request says of itself. */
export interface Principal {
  /** A key's name, a token's subject, or the step whose task a token belongs to. */
  readonly name: string
  /** What change log and audit say: `api:<key name>`, `jwt:<subject>` or `step:<name>`. */
  readonly actor: string
  readonly role: Role
  readonly rights: ReadonlySet<Right>
  /** The only executions that exist for this caller; null: all of them. */
  readonly executions: readonly ExecutionId[] | null
  /** The only task that exists for this caller; null: every one. */
  readonly taskId: string | null
  /** The API key that was presented. */
  readonly keyId: string | null
  /** When the credential ends; null: it does not by itself. */
  readonly expiresAt: Date | null
}

type Named = Pick<Principal, 'name' | 'actor' | 'role'> & Partial<Omit<Principal, 'rights'>>

/** A principal with the rights of its role, bound to nothing but what is given. */
export function createPrincipal({ rights, ...given }: Named & { readonly rights?: readonly Right[] }): Principal {
  const unbound = { executions: null, taskId: null, keyId: null, expiresAt: null }
  return { ...unbound, ...given, rights: new Set(rights ?? ROLE_RIGHTS[given.role]) }
}

/** Who calls a server that has no credential: anyone on this machine. */
export const ANONYMOUS = createPrincipal({ name: 'anonymous', actor: 'api:anonymous', role: 'admin' })

/** The bearer of ADMIN_KEY. */
export const ADMIN = createPrincipal({ name: 'admin', actor: 'api:admin', role: 'admin' })

/** The bearer of WORKER_KEY: may work, and nothing else. */
export const WORKER = createPrincipal({ name: 'worker', actor: 'api:worker', role: 'worker' })
