-- Sensitive values. Where `sealed` is not null, the row's own columns hold the mask ******** and `sealed` holds what they hide:
-- '<key id>:<base64 of nonce, ciphertext and tag>' (AES-256-GCM), or '' where nothing is left to hide (a deletion).
ALTER TABLE noetl.transient ADD COLUMN sealed TEXT;
ALTER TABLE noetl.transient_history ADD COLUMN sealed TEXT;
ALTER TABLE transient.execution ADD COLUMN sealed TEXT;
ALTER TABLE transient.step_run ADD COLUMN sealed TEXT;
ALTER TABLE transient.task ADD COLUMN sealed TEXT;
ALTER TABLE transient.idempotency ADD COLUMN sealed TEXT;

-- What of an execution is sensitive, as a JSON list: names of variables, `workload.<key>`, and `results.<step>` that a rerun took over.
ALTER TABLE transient.execution ADD COLUMN sensitive JSONB;

-- The rotation's: which keys are in use, and the rows of a key.
CREATE INDEX idx_transient_sealed ON noetl.transient (split_part(sealed, ':', 1)) WHERE sealed <> '';
CREATE INDEX idx_transient_history_sealed ON noetl.transient_history (split_part(sealed, ':', 1)) WHERE sealed <> '';
CREATE INDEX idx_execution_sealed ON transient.execution (split_part(sealed, ':', 1)) WHERE sealed <> '';
CREATE INDEX idx_step_run_sealed ON transient.step_run (split_part(sealed, ':', 1)) WHERE sealed <> '';
CREATE INDEX idx_task_sealed ON transient.task (split_part(sealed, ':', 1)) WHERE sealed <> '';
CREATE INDEX idx_idempotency_sealed ON transient.idempotency (split_part(sealed, ':', 1)) WHERE sealed <> '';
