-- The minute of an execution's last change, by which retention and watches of all executions look for what there is to do; null when it was purged. An update
-- that changes no indexed value leaves every index alone: one of `updated_at` would cost each write, and this one costs the first of a minute.
ALTER TABLE transient.execution ADD COLUMN changed_minute TIMESTAMPTZ DEFAULT date_trunc('minute', now());

UPDATE transient.execution SET changed_minute = CASE
  WHEN status IN ('completed', 'failed', 'cancelled') AND oldest_revision > revision AND history_count = 0 THEN NULL
  ELSE date_trunc('minute', updated_at) END;

CREATE INDEX idx_execution_changed ON transient.execution (changed_minute);
