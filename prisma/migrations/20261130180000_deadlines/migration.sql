-- When an attempt was given to its worker, and when it must have ended, whatever its worker says. Of a task that waits for a child: when
-- that must have ended, which was in lease_until.
ALTER TABLE transient.task ADD COLUMN claimed_at TIMESTAMPTZ;
ALTER TABLE transient.task ADD COLUMN deadline TIMESTAMPTZ;
UPDATE transient.task SET deadline = lease_until, lease_until = NULL WHERE status = 'waiting';

-- Decisions about the task that failed for no reason of the step's own: after some of them the step fails.
ALTER TABLE transient.task ADD COLUMN faults INTEGER NOT NULL DEFAULT 0;

-- Retention's: keys past their days.
CREATE INDEX idx_idempotency_created ON transient.idempotency (created_at);
