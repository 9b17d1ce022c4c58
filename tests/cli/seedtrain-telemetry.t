#!/bin/sh
# The model of the first day from what a machine has seen (R5): tandem-seedtrain asks the threat graph.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
train() { timeout 60 tandem-seedtrain --connect "$pg" --job core "$@"; }
line() { python3 -c 'import json, sys; print(next(json.loads(l) for l in open(sys.argv[1]) if json.loads(l)["event"] == sys.argv[2])[sys.argv[3]])' "$out" "$1" "$2"; }

pg_start
exits 0 'an empty graph' tandem-intel ensure --connect "$pg"
exits 1 'telemetry is wanted, and there is none' train --folder none --source telemetry
says '0 rows of each sort in the telemetry of 7 days, want 200'
exits 0 'whatever there is' train --folder none
check 'is made up then' [ "$(line done provenance)" = seed-synthetic ]
check 'and it says why' [ "$(line begun why_synthetic)" = '0 rows of each sort in the telemetry of 7 days, want 200' ]

# 300 hosts look around in the web, and ask one time server every half hour; 280 of them call home, to a place of their own, every
# quarter of an hour of the morning. Feeds know those places.
pg_sql "INSERT INTO nodes (node_id, kind, key, name) SELECT i, 1, 'x--' || i, 'x' || i FROM generate_series(1, 2000) i"
pg_sql "WITH today AS (SELECT date_trunc('day', now()) AS at)
	INSERT INTO telemetry_edges (ts, agent_id, src, dst, kind, weight)
	SELECT at + make_interval(mins => (7 * 60 + random() * 600)::integer), h, h, 1000 + (random() * 90)::integer, 1, 1 + (random() * 9)::integer
	FROM today, generate_series(1, 300) h, generate_series(1, 25)
	UNION ALL SELECT at + make_interval(mins => 30 * q), h, h, 1500, 1, 1 FROM today, generate_series(1, 300) h, generate_series(0, 45) q
	UNION ALL SELECT at + make_interval(mins => 60 + 15 * q), h, h, 1600 + h, 1, 2 FROM today, generate_series(1, 280) h, generate_series(0, 40) q"
pg_sql 'INSERT INTO intel_edges (src, kind, dst) SELECT 999, 1, 1600 + h FROM generate_series(1, 280) h'
pg_sql 'ANALYZE telemetry_edges'

exits 0 'a model of what was seen' train --folder seen --source telemetry --rows 4000
check 'as many rows of one sort as of the other' [ "$(line begun rows)" = 560 ]
check 'it says where it is from' [ "$(line done provenance)" = seed-telemetry ]
check 'it has learned' python3 -c 'import sys; assert float(sys.argv[1]) > 0.95' "$(line done holdout_accuracy)"
exits 0 'the same rows' train --folder again --rows 4000
check 'give the same bytes' cmp seen/core.onnx again/core.onnx
exits 0 'fewer rows are drawn' train --folder drawn --rows 420
check 'as many as were asked for' [ "$(line begun rows)" = 420 ]

# What was asked for is known: 15 minutes apart, 41 times, to a place that nobody else knows.
exits 0 'somebody who calls home' sh -c 'echo 82 41 0 600 0.7 1 | tandem-seedtrain eval seen/core.onnx'
check 'is seen' python3 -c 'import sys; assert float(open(sys.argv[1]).read()) > 0.9' "$out"
exits 0 'a time server' sh -c 'echo 46 46 0 1350 0.33 300 | tandem-seedtrain eval seen/core.onnx'
check 'is not' python3 -c 'import sys; assert float(open(sys.argv[1]).read()) < 0.1' "$out"

# --- a role that may only read, named in a URI since exec= of a job is split at blanks ---

pg_sql "CREATE ROLE training LOGIN; GRANT SELECT ON tandem_schema, telemetry_edges, intel_edges TO training"
exits 0 'a role that may read three tables' timeout 60 tandem-seedtrain --job core --folder reader --rows 4000 --source telemetry \
	--connect "postgresql:///intel?host=$pg_dir/main&user=training"
check 'trains the same model' cmp seen/core.onnx reader/core.onnx

# --- killed while telemetry goes on ---

cat >killed.py <<'PY'
import json, subprocess, sys
p = subprocess.Popen(["tandem-seedtrain", "--connect", sys.argv[1], "--job", "core", "--epochs", "300", "--rows", "4000", "--folder", "cut",
                      "--tell-every", "0"], stdout=subprocess.PIPE)
for line in p.stdout:
    if json.loads(line)["step"] >= int(sys.argv[2]):
        p.kill()
        break
sys.exit(p.wait() != -9)
PY
exits 0 'a longer training' train --folder whole --rows 4000 --epochs 300
mv whole/core.onnx want.onnx
check 'is killed before its first epoch' timeout 60 python3 killed.py "$pg" 0
check 'it has kept its rows' ls cut/seed-a.checkpoint
pg_sql "UPDATE telemetry_edges SET weight = weight + 3"
check 'is killed again' timeout 60 python3 killed.py "$pg" 35
pg_stop
exits 0 'and goes on when there is other telemetry, and no database any more' train --folder cut --rows 4000 --epochs 300
check 'with the rows that it began with' cmp want.onnx cut/core.onnx
finish
