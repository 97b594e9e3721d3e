-- Inbound webhooks: requests that start executions. Secrets are in `sealed` (as in other tables), or, where the server has no key ring, in `secrets`.
CREATE TABLE transient.trigger (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  path TEXT NOT NULL,
  version INTEGER,
  preset TEXT,
  -- Templates over `body` and `headers`; NULL: the body as `body`.
  workload JSONB,
  idempotency_header TEXT,
  signature_header TEXT,
  is_paused BOOLEAN NOT NULL DEFAULT FALSE,
  secrets TEXT,
  sealed TEXT,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT trigger_preset_check CHECK (preset IN ('github', 'stripe', 'slack'))
);

CREATE INDEX idx_trigger_sealed ON transient.trigger (split_part(sealed, ':', 1)) WHERE sealed <> '';

-- The last requests, and what came of each.
CREATE TABLE transient.trigger_delivery (
  trigger_id TEXT NOT NULL REFERENCES transient.trigger (id) ON DELETE CASCADE,
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  received_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  outcome TEXT NOT NULL,
  -- By what a repetition is known: a hash. NULL: it was refused.
  key TEXT,
  execution_id BIGINT,
  reason TEXT,
  PRIMARY KEY (trigger_id, seq),
  CONSTRAINT trigger_delivery_outcome_check CHECK (outcome IN ('started', 'repeated', 'refused', 'answered'))
);

CREATE INDEX idx_trigger_delivery_key ON transient.trigger_delivery (trigger_id, key) WHERE key IS NOT NULL;
