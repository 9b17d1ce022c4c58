#!/bin/sh
# tandem-intel enrich: a list of questions over a pool of connections (N1), with connections and servers that die under it.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
pg_start max_connections=20
tandem-intel ensure --connect "$pg" >/dev/null || exit 1
enrich() { tandem-intel enrich --connect "$pg" "$@"; }
# 2,000 names, each with five indicators; one edge from the last to the first of the next.
pg_sql "INSERT INTO nodes (node_id, kind, key, name) SELECT i, 10, 'malware--' || gen_random_uuid(), 'family ' || i FROM generate_series(1, 2000) i;
	INSERT INTO nodes (node_id, kind, key, name) SELECT 10000 + i, 6, 'indicator--' || gen_random_uuid(), 'i' || i FROM generate_series(1, 10000) i;
	INSERT INTO intel_edges (src, kind, dst) SELECT 10000 + i, 23, (i - 1) / 5 + 1 FROM generate_series(1, 10000) i; ANALYZE"
seq 1 2000 | sed 's/^/malware:family /' >list

printf 'family 7\n\nnobody\r\nmalware:family 8\n' >few
exits 0 'a short list' enrich few --depth 1
says '3 asked for, 2 known'
check 'is answered in its order' python3 -c '
import json, sys
a = [json.loads(l) for l in open(sys.argv[1])]
assert [x["asked"] for x in a] == ["family 7", "nobody", "malware:family 8"], a
assert a[0]["start"]["name"] == "family 7" and len(a[0]["related"]) == 5 and a[0]["reason"] is None
assert a[1]["start"] is None and "nobody" in a[1]["reason"] and a[1]["related"] == []
assert all(r["kind"] == "indicator" and r["depth"] == 1 for r in a[2]["related"]) and len(a[2]["related"]) == 5' "$out"
exits 0 'from standard input' sh -c "echo 'family 9' | tandem-intel enrich - --connect '$pg' --limit 2"
prints '"cut": true' 'cut where it is told to'
exits 0 'an empty list' enrich /dev/null
says '0 asked for, 0 known'
exits 1 'no list' enrich none
exits 2 'a depth that cannot be' enrich few --depth 0
head -c 3000 /dev/zero | tr '\0' x >long
exits 1 'a line that is too long' enrich long
says 'longer than 1024 bytes'

whole() { # whole FILE: 2,000 answers in order, five each
	python3 -c '
import json, sys
n = 0
for n, l in enumerate(open(sys.argv[1]), 1):
    a = json.loads(l)
    assert a["asked"] == "malware:family %d" % n and len(a["related"]) == 5, (n, a)
assert n == 2000, n' "$1"
}
exits 0 'a long list' enrich list --depth 1
says '2000 asked for, 2000 known'
check 'is answered whole' whole "$out"

# Connections die under it; then there are fewer of them than it wants.
(for _ in $(seq 200); do
	pg_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tandem-intel' AND query ILIKE '%recursive%' LIMIT 1" >/dev/null 2>&1 || break
	[ ! -e over ] || break
	sleep 0.2
done) &
exits 0 'while its connections are ended one after the other' enrich list --depth 1
touch over
wait
check 'it is answered whole' whole "$out"
pg_sql "CREATE ROLE few LOGIN CONNECTION LIMIT 2; GRANT SELECT ON ALL TABLES IN SCHEMA public TO few"
pg="host=$pg_dir/main dbname=intel user=few"
exits 0 'with two connections' enrich list --depth 1
says 'connections lowered from' 'there is a warning'
says 'the role has a connection limit of 2'
check 'and all answers' whole "$out"
pg_use main
pg_stop immediate
exits 1 'without a server' enrich few
says 'PostgreSQL: '
finish
