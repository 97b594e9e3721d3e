-- Executions are looked for by their status, their playbook and their end, newest first.
CREATE INDEX idx_execution_status ON transient.execution (status, created_at DESC, id DESC);
CREATE INDEX idx_execution_path ON transient.execution (playbook_path, created_at DESC, id DESC);
CREATE INDEX idx_execution_finished ON transient.execution (finished_at) WHERE finished_at IS NOT NULL;
