-- The seeds' table, kept as it is where a NoETL database already has it.
CREATE SCHEMA IF NOT EXISTS noetl;
CREATE SCHEMA IF NOT EXISTS transient;

CREATE TABLE IF NOT EXISTS noetl.transient (
  execution_id BIGINT NOT NULL,
  var_name TEXT NOT NULL,
  var_type TEXT NOT NULL DEFAULT 'user_defined',
  var_value JSONB NOT NULL,
  source_step TEXT,
  access_count INTEGER NOT NULL DEFAULT 0,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  accessed_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  PRIMARY KEY (execution_id, var_name)
);

CREATE INDEX IF NOT EXISTS idx_transient_execution ON noetl.transient (execution_id);
CREATE INDEX IF NOT EXISTS idx_transient_source ON noetl.transient (source_step);
CREATE INDEX IF NOT EXISTS idx_transient_type ON noetl.transient (var_type);

ALTER TABLE noetl.transient DROP CONSTRAINT IF EXISTS transient_type_check;
ALTER TABLE noetl.transient
  ADD CONSTRAINT transient_type_check
  CHECK (var_type IN ('user_defined', 'step_result', 'computed', 'iterator_state'));

-- What revisions need, with defaults, so that rows of an existing NoETL database stay valid.
ALTER TABLE noetl.transient
  ADD COLUMN revision BIGINT NOT NULL DEFAULT 1,
  ADD COLUMN version INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW();

-- The change log: one row per variable per revision. value and previous_value are SQL NULL where there is none.
CREATE TABLE noetl.transient_history (
  execution_id BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  seq INTEGER NOT NULL,
  var_name TEXT NOT NULL,
  operation TEXT NOT NULL,
  value JSONB,
  previous_value JSONB,
  var_type TEXT NOT NULL,
  source_step TEXT,
  actor TEXT NOT NULL,
  version INTEGER NOT NULL,
  access_count INTEGER NOT NULL DEFAULT 0,
  created_at TIMESTAMPTZ NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (execution_id, revision, seq),
  CONSTRAINT transient_history_operation_check CHECK (operation IN ('set', 'delete')),
  CONSTRAINT transient_history_type_check
    CHECK (var_type IN ('user_defined', 'step_result', 'computed', 'iterator_state'))
);

CREATE INDEX idx_transient_history_name ON noetl.transient_history (execution_id, var_name, revision DESC);

-- The version that a deleted variable's successor goes on from.
CREATE TABLE transient.tombstone (
  execution_id BIGINT NOT NULL,
  var_name TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (execution_id, var_name)
);

CREATE TABLE transient.playbook (
  path TEXT NOT NULL,
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  source TEXT NOT NULL,
  registered_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  PRIMARY KEY (path, version)
);

CREATE TABLE transient.execution (
  id BIGINT NOT NULL PRIMARY KEY,
  status TEXT NOT NULL,
  playbook_path TEXT,
  playbook_version INTEGER,
  workload JSONB,
  payload JSONB,
  revision BIGINT NOT NULL DEFAULT 0,
  event_seq BIGINT NOT NULL DEFAULT 0,
  oldest_revision BIGINT NOT NULL DEFAULT 0,
  run_seq INTEGER NOT NULL DEFAULT 0,
  step_count INTEGER NOT NULL DEFAULT 0,
  variable_count INTEGER NOT NULL DEFAULT 0,
  variable_bytes BIGINT NOT NULL DEFAULT 0,
  history_count BIGINT NOT NULL DEFAULT 0,
  error JSONB,
  parent_id BIGINT,
  parent_task_id TEXT,
  depth INTEGER NOT NULL DEFAULT 0,
  rerun_of BIGINT,
  inherited JSONB,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  finished_at TIMESTAMPTZ,
  CONSTRAINT execution_status_check
    CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
  CONSTRAINT execution_playbook_fk FOREIGN KEY (playbook_path, playbook_version)
    REFERENCES transient.playbook (path, version)
);

CREATE INDEX idx_execution_created ON transient.execution (created_at DESC, id DESC);
CREATE INDEX idx_execution_parent ON transient.execution (parent_id) WHERE parent_id IS NOT NULL;

-- One idempotency key starts one execution.
CREATE TABLE transient.idempotency (
  key TEXT NOT NULL PRIMARY KEY,
  execution_id BIGINT NOT NULL,
  path TEXT NOT NULL,
  version INTEGER,
  workload JSONB,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

-- One visit of a step, or one iteration of a visit (parent_run is then the visit's run). opened_seq and finished_seq
-- are the execution's event_seq after the transactions that opened and finished it.
CREATE TABLE transient.step_run (
  execution_id BIGINT NOT NULL,
  run INTEGER NOT NULL,
  step TEXT NOT NULL,
  visit INTEGER NOT NULL,
  iteration INTEGER,
  parent_run INTEGER,
  status TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  is_prepared BOOLEAN NOT NULL DEFAULT FALSE,
  args JSONB,
  item JSONB,
  loop JSONB,
  result JSONB,
  envelope JSONB,
  error JSONB,
  log TEXT,
  opened_seq BIGINT NOT NULL DEFAULT 0,
  finished_seq BIGINT,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  started_at TIMESTAMPTZ,
  finished_at TIMESTAMPTZ,
  PRIMARY KEY (execution_id, run),
  CONSTRAINT step_run_status_check
    CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'skipped', 'cancelled'))
);

CREATE INDEX idx_step_run_step ON transient.step_run (execution_id, step, visit DESC) WHERE iteration IS NULL;
CREATE INDEX idx_step_run_iteration ON transient.step_run (execution_id, parent_run, iteration)
  WHERE iteration IS NOT NULL;
CREATE INDEX idx_step_run_live ON transient.step_run (execution_id)
  WHERE iteration IS NULL AND status IN ('pending', 'running');

-- One unit of work offered to workers: one attempt at one run. waiting: it waits for a child execution.
CREATE TABLE transient.task (
  execution_id BIGINT NOT NULL,
  run INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  pool TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'open',
  not_before TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  ensured_at TIMESTAMPTZ,
  lease_until TIMESTAMPTZ,
  token TEXT,
  worker_id TEXT,
  deliveries INTEGER NOT NULL DEFAULT 0,
  child_id BIGINT,
  input JSONB,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  finished_at TIMESTAMPTZ,
  PRIMARY KEY (execution_id, run, attempt),
  CONSTRAINT task_status_check CHECK (status IN ('open', 'waiting', 'done', 'withdrawn'))
);

-- The relay's: open tasks that are due.
CREATE INDEX idx_task_open ON transient.task (not_before) WHERE status = 'open';
CREATE INDEX idx_task_waiting ON transient.task (child_id) WHERE status = 'waiting';

-- Immutable facts of an execution, in order. revision is the one current after the event's transaction.
CREATE TABLE transient.event (
  execution_id BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  name TEXT NOT NULL,
  step TEXT,
  run INTEGER,
  attempt INTEGER,
  data JSONB,
  occurred_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  PRIMARY KEY (execution_id, seq)
);

-- Snowflake machine numbers, leased so that two processes never mint the same id.
CREATE TABLE transient.machine (
  machine INTEGER NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  leased_until TIMESTAMPTZ NOT NULL
);

-- Take over the variables of an existing NoETL database: each execution gets a row, and revision 1 with one change
-- per variable.
INSERT INTO transient.execution
  (id, status, revision, event_seq, variable_count, variable_bytes, history_count, created_at, updated_at)
SELECT execution_id, 'running', 1, 1, count(*), sum(octet_length(var_value::text)), count(*), min(created_at), max(accessed_at)
FROM noetl.transient
GROUP BY execution_id;

INSERT INTO noetl.transient_history
  (execution_id, revision, seq, var_name, operation, value, previous_value, var_type, source_step, actor, version,
   access_count, created_at, changed_at)
SELECT execution_id, 1, row_number() OVER (PARTITION BY execution_id ORDER BY created_at, var_name), var_name, 'set',
  var_value, NULL, var_type, source_step, 'system', 1, access_count, created_at, created_at
FROM noetl.transient;

INSERT INTO transient.event (execution_id, seq, revision, name)
SELECT id, 1, 1, 'variables.taken_over' FROM transient.execution;

UPDATE noetl.transient SET updated_at = created_at;
