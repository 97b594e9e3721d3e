-- When variables that were written with a `ttl` are deleted: each at the version that was written, so that whoever writes it anew keeps it.
CREATE TABLE transient.expiry (
  execution_id BIGINT NOT NULL,
  var_name TEXT NOT NULL,
  version INTEGER NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (execution_id, var_name)
);
CREATE INDEX idx_expiry_expires ON transient.expiry (expires_at);
