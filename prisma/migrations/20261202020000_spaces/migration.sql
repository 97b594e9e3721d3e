-- A space is a stream of variables without an execution. Its id, below zero, is made of its name.
ALTER TABLE transient.execution ADD COLUMN space TEXT, ADD CONSTRAINT execution_space_check CHECK (space IS NULL OR id < 0);
CREATE INDEX idx_execution_space ON transient.execution (space) WHERE space IS NOT NULL;
