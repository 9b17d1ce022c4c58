-- Nodes by name and by the words of it. Only those that people call by a name: values (addresses, hashes, URLs...) are
-- found by their key, which is made of them.
CREATE INDEX nodes_name ON nodes (lower(name) text_pattern_ops)
	WHERE kind NOT IN (22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 36, 38, 39, 40, 43, 44);
CREATE INDEX nodes_words ON nodes USING gin (to_tsvector('simple', name))
	WHERE kind NOT IN (22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 36, 38, 39, 40, 43, 44);
