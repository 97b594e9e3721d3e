-- How far a step's list of tools is: which one runs, and what those before it gave.
ALTER TABLE transient.step_run ADD COLUMN tools JSONB;
