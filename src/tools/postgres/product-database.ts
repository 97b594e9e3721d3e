import type { PoolClient } from 'pg'
import { SqlFault } from './session.js'

/** The product's database, by whatever name a connection reached it, and whether this role could come at the tables in it. */
const QUESTION = `
  SELECT 1 FROM pg_catalog.pg_namespace AS schema JOIN pg_catalog.pg_roles AS role ON pg_catalog.pg_has_role(current_user, role.oid, 'MEMBER')
  WHERE schema.nspname IN ('transient', 'noetl') AND pg_catalog.has_schema_privilege(role.oid, schema.oid, 'USAGE')
    AND 3 = (SELECT count(*) FROM pg_catalog.pg_class AS kept JOIN pg_catalog.pg_namespace AS product ON product.oid = kept.relnamespace
             WHERE product.nspname = 'transient' AND kept.relname IN ('execution', 'step_run', 'task'))
  LIMIT 1`

const checked = new WeakSet<PoolClient>()

/**
 * Refuses a connection into the database of a Transient installation, unless its role has no way to the schemas there. Comparing
 * URLs would not do: a pooler, another name of the host or a tunnel lead to the same database. Asked once for each connection.
 * @throws SqlFault
 */
export async function assertNotProduct(client: PoolClient): Promise<void> {
  if (checked.has(client)) return
  const { rowCount } = await client.query(QUESTION)
  if (rowCount !== 0) {
    throw new SqlFault(
      "it leads to the product's own database: give postgres steps a database of their own, or a role without USAGE on the schemas transient and noetl",
      '',
    )
  }
  checked.add(client)
}
