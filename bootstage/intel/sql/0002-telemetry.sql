-- Who talked to whom, by UTC day (N3): telemetry_edges_YYYY_MM_DD, without a default partition, since attaching a day
-- would have to wait for its readers and search it. Rows outside the days go to telemetry_late.
-- The open day has what inserts can afford: a time index of a few pages and the forward direction. The other direction is
-- built when a day is closed.
CREATE TABLE telemetry_edges (
	ts timestamptz NOT NULL,      -- the minute, where rows are sums
	agent_id integer NOT NULL,
	src bigint NOT NULL,
	dst bigint NOT NULL,
	kind smallint NOT NULL,
	weight real NOT NULL DEFAULT 1, -- how often
	attrs jsonb
) PARTITION BY RANGE (ts);
CREATE INDEX telemetry_edges_time ON telemetry_edges USING brin (ts) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX telemetry_edges_forward ON telemetry_edges (src, kind, dst);
CREATE TABLE telemetry_late (LIKE telemetry_edges INCLUDING DEFAULTS, arrived timestamptz NOT NULL DEFAULT now());
CREATE INDEX telemetry_late_arrived ON telemetry_late (arrived);
