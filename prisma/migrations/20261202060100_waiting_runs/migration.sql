-- Open waits of an execution are found by their runs alone: a join of runs and tasks was planned badly where there are thousands.
CREATE INDEX idx_step_run_waiting ON transient.step_run (execution_id, run) WHERE status = 'waiting';
DROP INDEX transient.idx_task_wait;
