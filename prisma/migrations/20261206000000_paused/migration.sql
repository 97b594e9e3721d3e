-- Executions of which nothing new is offered.
ALTER TABLE transient.execution DROP CONSTRAINT execution_status_check, ADD CONSTRAINT execution_status_check
  CHECK (status IN ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled')) NOT VALID;

DROP INDEX transient.idx_execution_running_child;
CREATE INDEX idx_execution_running_child ON transient.execution (id) WHERE status IN ('running', 'paused') AND parent_task_id IS NOT NULL;
CREATE INDEX idx_execution_paused ON transient.execution (id) WHERE status = 'paused';
