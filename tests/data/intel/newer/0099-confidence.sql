-- A step of a version to come: it only adds.
ALTER TABLE nodes ADD COLUMN confidence smallint;
