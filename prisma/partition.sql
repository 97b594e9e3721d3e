-- Partitions every table of an execution by hash of its id, in place. For large installations on PostgreSQL: docs/scaling.md.
-- With every server stopped and a backup made:
--   PGOPTIONS='-c transient.partitions=16' psql --single-transaction -v ON_ERROR_STOP=1 "$DATABASE_URL" -f prisma/partition.sql
-- The catalog, idempotency keys and machine leases are no part of an execution and stay as they are.
DO $$
DECLARE
  partitions INTEGER := coalesce(nullif(current_setting('transient.partitions', true), ''), '16')::INTEGER;
  owned RECORD;
  plain TEXT;
  foreign_key RECORD;
BEGIN
  FOR owned IN
    SELECT * FROM (VALUES
      ('noetl', 'transient', 'execution_id'),
      ('noetl', 'transient_history', 'execution_id'),
      ('transient', 'tombstone', 'execution_id'),
      ('transient', 'execution', 'id'),
      ('transient', 'step_run', 'execution_id'),
      ('transient', 'task', 'execution_id'),
      ('transient', 'event', 'execution_id')
    ) AS t (space, name, key)
  LOOP
    -- A second run finds partitioned tables and leaves them alone.
    CONTINUE WHEN (SELECT relkind FROM pg_class WHERE oid = format('%I.%I', owned.space, owned.name)::REGCLASS) = 'p';
    plain := owned.name || '_plain';
    EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', owned.space, owned.name, plain);
    EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL) PARTITION BY HASH (%I)',
      owned.space, owned.name, owned.space, plain, owned.key);
    FOR part IN 0 .. partitions - 1 LOOP
      EXECUTE format('CREATE TABLE %I.%I PARTITION OF %I.%I FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
        owned.space, owned.name || '_p' || part, owned.space, owned.name, partitions, part);
    END LOOP;
    FOR foreign_key IN
      SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
      WHERE conrelid = format('%I.%I', owned.space, plain)::REGCLASS AND contype = 'f'
    LOOP
      EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', owned.space, owned.name, foreign_key.conname, foreign_key.definition);
    END LOOP;
    EXECUTE format('INSERT INTO %I.%I SELECT * FROM %I.%I', owned.space, owned.name, owned.space, plain);
    EXECUTE format('DROP TABLE %I.%I', owned.space, plain);
  END LOOP;
END $$;
