-- Which steps with `join` a visit's branch has passed and, of such a step, which branches have arrived; null where the playbook has none.
ALTER TABLE transient.step_run ADD COLUMN branch JSONB;
