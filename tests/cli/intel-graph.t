#!/bin/sh
# N6 through the whole program: feeds are ingested, and tandem-intel related walks from a file over its hash and the malware to
# the group, across STIX and MISP; the answers of other people's walks over real bundles (TANDEM_DATA) and of one over a
# generated bundle are equal.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
pg_start
data=$root/tests/data/intelgraph
keys() { python3 -c 'import json, sys; print(" ".join("%s/%d" % (x["key"], x["depth"]) for x in json.load(open(sys.argv[1]))["related"]))' "$out"; }
reaches() { # reaches NAME 'KEY/DEPTH...' ARGS...
	name=$1 want_keys=$2
	shift 2
	tandem-intel related --connect "$pg" "$@" --json >"$out" 2>"$err" </dev/null
	got=$(keys 2>&1)
	if [ "$got" = "$want_keys" ]; then result 0 "$name"; else result 1 "$name" "is: $got, want: $want_keys $(cat "$err")"; fi
}
fresh() { # fresh NAME: a database of that name
	pg_use main
	pg_sql "CREATE DATABASE $1"
	pg="host=$pg_dir/main dbname=$1 user=postgres"
	tandem-intel ensure --connect "$pg" >"$out" 2>"$err"
}

malware=malware--3a1f0c7e-5a55-4d5e-9a43-0f7f3f6a9b01
group=intrusion-set--3a1f0c7e-5a55-4d5e-9a43-0f7f3f6a9b02
for order in 'stix misp' 'misp stix'; do
	fresh "n6_${order% *}"
	for f in $order; do
		exits 0 "$f of '$order'" tandem-intel ingest --connect "$pg" "$data/ok-$f.json"
	done
	reaches 'N6: MISP file -> hash -> STIX malware -> group' "$malware/3 $group/4" file:invoice.exe --depth 4 --kind hashed-as --kind pattern --kind indicates --kind uses --kind malware --kind intrusion-set
	reaches 'N6: from the hash, as anybody writes it' "$malware/2 $group/3" sha256:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08 --kind malware --kind intrusion-set --kind pattern --kind indicates --kind uses
	reaches 'N6: over the cluster of the event, which is the same group' "$group/3" ipv4-addr:198.51.100.3 --kind pattern --kind member --kind cluster --kind intrusion-set
	reaches 'N6: from the group back to the file' "file--76c4d173-b15a-58a5-a65f-5fe85b9166a0/4" "Green Heron" --depth 4 --kind hashed-as --kind pattern --kind indicates --kind uses --kind file
done

# By a name that only one of the feeds has, until it has it no longer.
exits 0 "another name in STIX and one in MISP's galaxy" sh -c 'printf "%s\n" "$2" "$3" | tandem-intel ingest --connect "$1" --feed names -' - "$pg" \
	'{"type":"intrusion-set","spec_version":"2.1","id":"'$group'","created":"2026-02-01T00:00:00Z","modified":"2026-02-01T00:00:00Z","name":"Green Heron","aliases":["Green Heron","Fancy Heron"]}' \
	'{"type":"threat-actor","values":[{"uuid":"3a1f0c7e-5a55-4d5e-9a43-0f7f3f6a9b77","value":"Emerald Bird","meta":{"synonyms":["Comment Crew"]}}]}'
exits 0 'is searched' tandem-intel search --connect "$pg" 'fancy heron'
prints "$group  Green Heron; also Fancy Heron"
exits 0 'and so is the other' tandem-intel search --connect "$pg" comment
prints 'Emerald Bird; also Comment Crew'
reaches 'it names the node' "$malware/1" 'Fancy Heron' --depth 1 --kind uses
exits 0 'a version without it' sh -c 'printf "%s\n" "$2" | tandem-intel ingest --connect "$1" --feed names -' - "$pg" \
	'{"type":"intrusion-set","spec_version":"2.1","id":"'$group'","created":"2026-02-01T00:00:00Z","modified":"2026-02-02T00:00:00Z","name":"Green Heron"}'
exits 4 'and it is nobody'"'"'s' tandem-intel search --connect "$pg" 'fancy heron'

# A graph of 300 nodes in rings and at random, with a hub, relationships twice, and ends that are nowhere; walked by a few
# lines of Python as well.
fresh generated
python3 "$root/tests/cli/graph.py" bundle.json answers.tsv
exits 0 'a generated bundle' tandem-intel ingest --connect "$pg" bundle.json
check 'its answers are equal' python3 "$root/tests/cli/related.py" "$pg" answers.tsv

if [ -z "${TANDEM_DATA-}" ]; then
	skip 'answers of ATT&CK' 'TANDEM_DATA is not set'
else
	for feed in enterprise-attack-18.1 ics-attack-18.1; do
		fresh "$(echo "$feed" | tr .- __)"
		exits 0 "$feed" tandem-intel ingest --connect "$pg" "$TANDEM_DATA/intel/stix/$feed.json.xz"
		check "$feed: all answers are equal" python3 "$root/tests/cli/related.py" "$pg" "$TANDEM_DATA/intel/stix/$feed.related.tsv"
	done
	exits 0 'a group of ATT&CK by a name of others' tandem-intel search --connect "$pg" 'voodoo bear'
	prints 'Sandworm Team; also Voodoo Bear'
	fresh cycle
	exits 0 'a ring' tandem-intel ingest --connect "$pg" "$TANDEM_DATA/intel/malformed/cycle4.json"
	start=$(pg_sql 'SELECT key FROM nodes WHERE node_id IN (SELECT src FROM intel_edges) ORDER BY key LIMIT 1')
	exits 0 'ends' tandem-intel related --connect "$pg" "$start" --depth 64 --direction out --json
	prints '"count": 3' 'with the other three'
fi
finish
