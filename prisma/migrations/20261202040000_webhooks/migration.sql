-- Webhooks on change. Secrets are in `sealed` (as in other tables), or, where the server has no key ring, in `secrets`.
CREATE TABLE transient.webhook (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  url TEXT NOT NULL,
  -- What it selects: path_prefix, events, names, types, except_actors, when.
  filter JSONB NOT NULL,
  state TEXT NOT NULL DEFAULT 'active',
  reason TEXT,
  secrets TEXT,
  sealed TEXT,
  -- Rises with each change of what the hook selects; since `changed_at` that is so.
  version INTEGER NOT NULL DEFAULT 1,
  changed_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  -- Failures in a row, of all executions, and until when nothing is sent at all.
  failures INTEGER NOT NULL DEFAULT 0,
  not_before TIMESTAMPTZ,
  CONSTRAINT webhook_state_check CHECK (state IN ('active', 'paused', 'disabled'))
);

CREATE INDEX idx_webhook_sealed ON transient.webhook (split_part(sealed, ':', 1)) WHERE sealed <> '';

-- How far each hook has got with each execution: a place in the change log and among the events, and never a value. No foreign keys: a write must
-- not fail because a hook is deleted at the same time.
CREATE TABLE transient.webhook_delivery (
  webhook_id TEXT NOT NULL,
  execution_id BIGINT NOT NULL,
  delivered_revision BIGINT NOT NULL,
  -- Changes of the next revision that were delivered already: of one that is larger than a request.
  delivered_part INTEGER NOT NULL DEFAULT 0,
  delivered_seq BIGINT NOT NULL,
  pending_revision BIGINT NOT NULL,
  pending_seq BIGINT NOT NULL,
  pending_since TIMESTAMPTZ,
  -- Up to where the request goes that was tried: so that each try is the same.
  target_revision BIGINT,
  target_seq BIGINT,
  -- Rises when the place is set back by hand.
  round INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  first_failed_at TIMESTAMPTZ,
  next_attempt_at TIMESTAMPTZ,
  lease_until TIMESTAMPTZ,
  token TEXT,
  last_status INTEGER,
  last_error TEXT,
  delivered_at TIMESTAMPTZ,
  minute_at TIMESTAMPTZ,
  minute_count INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (webhook_id, execution_id)
);

CREATE INDEX idx_webhook_delivery_due ON transient.webhook_delivery (webhook_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX idx_webhook_delivery_leased ON transient.webhook_delivery (webhook_id, lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX idx_webhook_delivery_pending ON transient.webhook_delivery (webhook_id, pending_since) WHERE pending_since IS NOT NULL;
CREATE INDEX idx_webhook_delivery_execution ON transient.webhook_delivery (execution_id);
