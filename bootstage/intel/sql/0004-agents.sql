-- How far each agent's telemetry is stored: written in the transaction that stores it, so that a frame that comes again is
-- known. Rows are rewritten with every batch.
CREATE TABLE telemetry_agents (
	agent_id integer PRIMARY KEY,
	seq      bigint NOT NULL,
	seen     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
