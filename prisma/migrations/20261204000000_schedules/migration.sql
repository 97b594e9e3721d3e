-- What starts executions by the clock.
CREATE TABLE transient.schedule (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  path TEXT NOT NULL,
  -- NULL: the latest.
  version INTEGER,
  cron TEXT,
  every_seconds INTEGER,
  time_zone TEXT NOT NULL DEFAULT 'UTC',
  workload JSONB,
  missed TEXT NOT NULL DEFAULT 'last',
  overlap TEXT NOT NULL DEFAULT 'allow',
  is_paused BOOLEAN NOT NULL DEFAULT FALSE,
  -- Why it was paused, where nobody did it by hand.
  reason TEXT,
  -- The grid of `every_seconds`.
  first_at TIMESTAMPTZ NOT NULL,
  -- The first instant that has not been dealt with.
  next_at TIMESTAMPTZ NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT schedule_rhythm_check CHECK ((cron IS NULL) <> (every_seconds IS NULL)),
  CONSTRAINT schedule_missed_check CHECK (missed IN ('last', 'all', 'none')),
  CONSTRAINT schedule_overlap_check CHECK (overlap IN ('allow', 'skip', 'cancel'))
);

CREATE INDEX idx_schedule_due ON transient.schedule (next_at) WHERE NOT is_paused;

-- Each instant fires once, however many processes look.
CREATE TABLE transient.schedule_firing (
  schedule_id TEXT NOT NULL REFERENCES transient.schedule (id) ON DELETE CASCADE,
  instant TIMESTAMPTZ NOT NULL,
  execution_id BIGINT NOT NULL,
  PRIMARY KEY (schedule_id, instant)
);
