-- Keys that callers show, tr_<id>_<secret>; of a whole key only its SHA-256 is kept.
CREATE TABLE transient.api_key (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  hash TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  created_by TEXT NOT NULL,
  expires_at TIMESTAMPTZ,
  revoked_at TIMESTAMPTZ,
  last_used_at TIMESTAMPTZ,
  CONSTRAINT api_key_role_check CHECK (role IN ('worker', 'viewer', 'editor', 'author', 'admin'))
);

CREATE INDEX idx_api_key_name ON transient.api_key (name) WHERE revoked_at IS NULL;

-- Who did what. Writes of one caller to one execution that lie close together are one row; the change log has each of them.
CREATE TABLE transient.audit (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  occurred_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  actor TEXT NOT NULL,
  key_id TEXT,
  action TEXT NOT NULL,
  execution_id BIGINT,
  subject TEXT,
  count INTEGER NOT NULL DEFAULT 1
);

CREATE INDEX idx_audit_execution ON transient.audit (execution_id, seq DESC) WHERE execution_id IS NOT NULL;
CREATE INDEX idx_audit_actor ON transient.audit (actor, seq DESC);
CREATE INDEX idx_audit_occurred ON transient.audit (occurred_at);
