-- The relay's: children that still run, whatever the number of those that ran before.
CREATE INDEX idx_execution_running_child ON transient.execution (id) WHERE status = 'running' AND parent_task_id IS NOT NULL;
