-- Steps that wait for a condition, a time or a person. So many are open in an execution, at most: a write of one without any looks for none.
ALTER TABLE transient.execution ADD COLUMN open_waits INTEGER NOT NULL DEFAULT 0;

-- What a step waits for, and since when; kept after its end.
ALTER TABLE transient.step_run ADD COLUMN wait JSONB;
ALTER TABLE transient.step_run DROP CONSTRAINT step_run_status_check, ADD CONSTRAINT step_run_status_check
  CHECK (status IN ('pending', 'running', 'waiting', 'succeeded', 'failed', 'skipped', 'cancelled')) NOT VALID;
DROP INDEX transient.idx_step_run_live;
CREATE INDEX idx_step_run_live ON transient.step_run (execution_id)
  WHERE iteration IS NULL AND status IN ('pending', 'running', 'waiting');

-- Open waits of an execution, and those of all with a deadline, as also children may have.
CREATE INDEX idx_task_wait ON transient.task (execution_id, run) WHERE status = 'waiting' AND kind = 'wait';
CREATE INDEX idx_task_waiting_deadline ON transient.task (deadline) WHERE status = 'waiting' AND deadline IS NOT NULL;
