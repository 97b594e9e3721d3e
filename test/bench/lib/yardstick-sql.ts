const COLUMNS = 'execution_id, var_name, var_value, var_type, revision, version, created_at, updated_at'

interface UpsertParameters {
  readonly execution: string
  readonly name: string
  readonly value: string
}

/**
 * What a database must do at least for one `upsertVariable`: the row, and its row in the change log, in one statement. The
 * variable's own version stands for the revision, and the number of its name for the place in it, so that nothing else is locked.
 */
export function upsertStatement({ execution, name, value }: UpsertParameters, answer = COLUMNS): string {
  return `WITH written AS (
  INSERT INTO noetl.transient AS t (execution_id, var_name, var_type, var_value, revision, version)
  VALUES (${execution}::bigint, 'v' || ${name}::int, 'user_defined', to_jsonb(${value}::bigint), 1, 1)
  ON CONFLICT (execution_id, var_name) DO UPDATE SET var_value = EXCLUDED.var_value, revision = t.revision + 1,
    version = t.version + 1, updated_at = now(), accessed_at = now()
  RETURNING *
), recorded AS (
  INSERT INTO noetl.transient_history (execution_id, revision, seq, var_name, operation, value, var_type, actor, version, created_at, changed_at)
  SELECT execution_id, version, ${name}::int, var_name, 'set', var_value, var_type, 'bench', version, created_at, updated_at FROM written
)
SELECT ${answer} FROM written`
}
