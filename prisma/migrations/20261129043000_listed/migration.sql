-- A page of an execution's variables, by creation, costs the same however many there are. No update touches these columns.
CREATE INDEX idx_transient_created ON noetl.transient (execution_id, created_at, var_name);
