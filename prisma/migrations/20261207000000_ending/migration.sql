-- How an execution ended whose `finally` runs, or has run; and when it is to end whatever it does.
ALTER TABLE transient.execution ADD COLUMN ending JSONB, ADD COLUMN deadline TIMESTAMPTZ;
CREATE INDEX idx_execution_deadline ON transient.execution (deadline)
  WHERE deadline IS NOT NULL AND ending IS NULL AND status IN ('pending', 'running', 'paused');
