# feed.sh - feeds for tests of the loader, and what the store made of them. Sourced after pg.sh.
# shellcheck shell=sh disable=SC2154,SC2034 # $pg, $out; $claims
ingest() { tandem-intel ingest --connect "$pg" "$@"; }

tells() { # tells NAME 'VALUES' KEY...: of the last `ingest --json`
	name=$1 want=$2
	shift 2
	is=$(python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(*[(d | d["read"] | d["stored"] | {"reconnected": d["stored"]["reconnects"] > 0, "some aside": d["stored"]["aside"] > 0})[k] for k in sys.argv[2:]])' "$out" "$@" 2>&1)
	if [ "$is" = "$want" ]; then result 0 "$name"; else result 1 "$name" "$*: $is, want $want: $(cat "$out" "$err")"; fi
}

# Everything that is said, without the numbers of this database.
graph() {
	pg_sql 'SELECT s.key, e.kind, d.key, e.n, e.first_seen, e.last_seen FROM intel_edges e JOIN nodes s ON s.node_id = e.src JOIN nodes d ON d.node_id = e.dst ORDER BY 1, 2, 3'
	pg_sql 'SELECT key, kind, name, modified, revoked FROM nodes ORDER BY 1'
	pg_sql 'SELECT rec, hash, revoked, doc FROM records ORDER BY 1'
}
claims='SELECT coalesce(sum(cardinality(claims)), 0) / 3 + (SELECT count(*) FROM late_claims) FROM records'
empty() { pg_sql 'TRUNCATE nodes, intel_edges, records, pending_edges, late_claims, quarantine'; }

# make_feed N VERSION: malware and relationships between them in a shuffled order
make_feed() {
	python3 - "$@" <<'PY'
import json, random, sys, uuid
n, version = int(sys.argv[1]), int(sys.argv[2])
def ident(kind, i): return "%s--%s" % (kind, uuid.uuid5(uuid.NAMESPACE_URL, "%s %d" % (kind, i)))
at = "2026-01-01T00:00:%02d.000Z" % version
head = {"spec_version": "2.1", "created": at, "modified": at}
objects = [head | {"type": "identity", "id": ident("identity", 0), "name": "author", "identity_class": "organization"}]
for i in range(n):
    objects.append(head | {"type": "malware", "id": ident("malware", i), "name": "malware %d" % i, "is_family": False,
        "created_by_ref": ident("identity", 0), "description": "x" * (i % 700)})
    objects.append(head | {"type": "relationship", "id": ident("relationship", i), "relationship_type": "drops" if version else "uses",
        "source_ref": ident("malware", i), "target_ref": ident("malware", (i * 7 + 1) % n)})
random.Random(1).shuffle(objects)
json.dump({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects}, sys.stdout, indent=1)
PY
}

object() { # object TYPE NN DAY MEMBERS: the object number NN as it was on a day in January
	printf '{"type":"%s","spec_version":"2.1","id":"%s--00000000-0000-4000-8000-0000000000%s","created":"2026-01-01T00:00:00Z","modified":"2026-01-%sT00:00:00Z"%s}\n' "$1" "$@"
}
bundle() { # objects, one a line
	printf '{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":['
	paste -sd, -
	printf ']}\n'
}
