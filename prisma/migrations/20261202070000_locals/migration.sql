-- The values of `let`, evaluated once a visit or iteration; of a sensitive run they are part of what is sealed.
ALTER TABLE transient.step_run ADD COLUMN locals JSONB;
