#!/bin/sh
# tandem-intel ingest on a real server: counts, loading again, newer and revoked versions, ends that come later, records that
# the server refuses, deadlocks, two loaders at once (N2, N5, N9). A server that dies: intel-load-crash.t.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
. "$root/tests/cli/feed.sh"
pg_start
exits 0 'the schema' tandem-intel ensure --connect "$pg"

make_feed 1000 0 >feed.json
make_feed 1000 1 >newer.json

exits 0 'a feed' ingest feed.json --batch 500 --json
tells 'all of it is new' '2001 2001 0 0 0' good new newer known refused
tells 'its edges are stored, those too that came before their ends' '2000 1001' edges nodes
pg_says 'as many nodes' 1001 'SELECT count(*) FROM nodes'
pg_says 'as many edges' 2000 'SELECT count(*) FROM intel_edges'
pg_says 'nothing waits' 0 'SELECT count(*) FROM pending_edges'
pg_says 'the text of each' 2001 "SELECT count(*) FROM records WHERE doc::jsonb ->> 'id' IS NOT NULL"
pg_says 'the text of a node is found by its key' 'malware 5' "SELECT doc ->> 'name' FROM nodes n JOIN records r ON r.rec = record_of(n.key) WHERE n.name = 'malware 5'"
pg_says 'what was pending is claimed by its record' 2000 "$claims"
graph >first

exits 0 'again' ingest feed.json --batch 500 --json
tells 'nothing of it is new' '0 0 2001 0' new newer known refused
graph >again
check 'the same graph' cmp first again
for size in '--batch 7 --connections 1' '--batch 100 --connections 3' '--batch 5000'; do
	empty
	# shellcheck disable=SC2086 # two words each
	exits 0 "in other batches: $size" ingest feed.json $size
	graph >again
	check "the same graph: $size" cmp first again
done
empty
exits 0 'from standard input' sh -c 'tandem-intel ingest --connect "$1" - --feed feed <feed.json' - "$pg"
graph >again
check 'the same graph' cmp first again

# newer versions take back what the older ones said
exits 0 'every object in a newer version' ingest newer.json --batch 300 --json
tells 'all are newer' '0 2001 0' new newer known
pg_says 'the old edges are gone, the new ones there' '2000|1000' "SELECT count(*), count(*) FILTER (WHERE kind = 15) FROM intel_edges"
pg_says 'no edge is said twice' 0 'SELECT count(*) FROM intel_edges WHERE n <> 1'
pg_says 'no claim is left over' 2000 "$claims"
graph >newer
exits 0 'an older version' ingest feed.json --batch 300 --json
tells 'changes nothing' '0 0 2001' new newer known
graph >again
check 'and the graph is the newer one' cmp newer again

# versions, revoked, doubles
empty
m1=malware--00000000-0000-4000-8000-000000000001
m2=malware--00000000-0000-4000-8000-000000000002
link=',"relationship_type":"uses","source_ref":"'$m1'","target_ref":"'$m2'"'
{
	object malware 01 01 ',"name":"first","is_family":true'
	object malware 01 03 ',"name":"third","is_family":true'
	object malware 01 02 ',"name":"second","is_family":true'
	object malware 02 01 ',"name":"two","is_family":true'
	object relationship 01 01 "$link"
	object relationship 02 01 "$link"
} | bundle >small.json
exits 0 'the same object three times' ingest small.json --json
tells 'is one' '4 2' new known
pg_says 'the newest stays' third "SELECT name FROM nodes WHERE key = '$m1'"
pg_says 'two records say the same edge' 2 'SELECT n FROM intel_edges'
object relationship 01 02 "$link"',"revoked":true' | bundle >r1.json
exits 0 'one of them is revoked' ingest r1.json --feed small --json
pg_says 'the other still says it' 1 'SELECT n FROM intel_edges'
object relationship 02 02 "$link"',"revoked":true' | bundle >r2.json
exits 0 'both are revoked' ingest r2.json --feed small
pg_says 'nobody says it' 0 'SELECT count(*) FROM intel_edges'
object malware 01 04 ',"name":"third","is_family":true,"revoked":true' | bundle >r3.json
exits 0 'a node is revoked' ingest r3.json --feed small
pg_says 'it is there and marked' t "SELECT revoked FROM nodes WHERE key = '$m1'"
object relationship 01 03 "$link" | bundle >r4.json
exits 0 'it is said again' ingest r4.json --feed small
pg_says 'and is there again' 1 'SELECT n FROM intel_edges'

# what two feeds say
object malware 02 01 ',"name":"otherwise","is_family":true' | bundle >other.json
exits 0 'the same version with another text from another feed' ingest other.json --json
tells 'changes nothing' '0 0 1' new newer known
exits 0 'from its own feed' ingest other.json --feed small --json
tells 'is a correction' '0 1 0' new newer known
printf '{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"%s}' '' | bundle >sco1.json
printf '{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"%s}' ',"resolves_to_refs":["'$m1'"]' | bundle >sco2.json
exits 0 'a value, which has no versions' ingest sco1.json
exits 0 'more about it from another feed' ingest sco2.json --json
tells 'is kept beside it, with the name of the value in this graph' '1 0 0 2' new newer known edges
exits 0 'the first feed again' ingest sco1.json --json
tells 'is known' '0 0 1' new newer known
exits 0 'it does not say so any more' ingest sco1.json --feed sco2 --json
tells 'which is newer' '0 1 0' new newer known
pg_says 'its edge is gone' 0 'SELECT count(*) FROM intel_edges WHERE kind = 31'

# ends that come later, with another feed
empty
object relationship 01 01 "$link" | bundle >edge.json
{
	object malware 01 01 ',"name":"one","is_family":true'
	object malware 02 01 ',"name":"two","is_family":true'
} | bundle >ends.json
object relationship 01 02 "$link"',"revoked":true' | bundle >r5.json
exits 0 'an edge without ends' ingest edge.json --json
tells 'waits for the end of the feed, then in the store' '0 1 1 0' edges aside dangling resolved
exits 0 'its ends' ingest ends.json --json
tells 'are what it waited for' '1' resolved
pg_says 'it is there' 1 'SELECT count(*) FROM intel_edges'
exits 0 'it is revoked' ingest r5.json
pg_says 'and gone' '0|0' 'SELECT (SELECT count(*) FROM intel_edges), (SELECT count(*) FROM late_claims)'
empty
exits 0 'an edge without ends' ingest edge.json
exits 0 'it is revoked' ingest r5.json
exits 0 'its ends' ingest ends.json
pg_says 'it does not come back' '0|0' 'SELECT (SELECT count(*) FROM intel_edges), (SELECT count(*) FROM pending_edges)'

# ends that come later in the same feed; each record is a batch of its own
one_by_one='--batch 1 --connections 1 --json'
ends() {
	object malware 01 01 ',"name":"one","is_family":true'
	object malware 02 01 ',"name":"two","is_family":true'
}
other=',"relationship_type":"targets","source_ref":"'$m1'","target_ref":"'$m2'"'
late() { # late NAME 'VALUES' KEY...: of the feed of the objects in `late`
	empty
	bundle <late >late.json
	# shellcheck disable=SC2086 # words
	exits 0 "$1" ingest late.json $one_by_one
	shift
	tells 'is counted as it is stored' "$@"
	pg_says 'no claim was made in the store later' '0|0' 'SELECT (SELECT count(*) FROM pending_edges), (SELECT count(*) FROM late_claims)'
}
said() { pg_says "$1" "$2" 'SELECT kind, n FROM intel_edges'; }
{
	object relationship 01 01 "$link"
	ends
} >late
late 'an edge before its ends' '3 1 0 1' new aside dangling edges
said 'is there' '36|1'
{
	object relationship 01 01 "$link"
	ends
	object relationship 01 02 "$other"
} >late
late 'a newer version, when the ends are there' '3 0 1 1' new newer known aside
said 'is what stays' '35|1'
{
	object relationship 01 02 "$other"
	ends
	object relationship 01 01 "$link"
} >late
late 'an older version, when the ends are there' '3 1 0 1' new newer known aside
said 'is not what stays' '35|1'
{
	object relationship 01 01 "$link"
	ends
	object relationship 01 01 "$other"
} >late
late 'the same version with another text' '3 0 1 1' new newer known aside
said 'is what stays' '35|1'
{
	object relationship 01 01 "$link"
	ends
	object relationship 01 02 "$link"',"revoked":true'
} >late
late 'a version that is revoked' '3 0 1 0' new newer known edges
said 'says nothing' ''
{
	object identity 01 01 ',"name":"one","created_by_ref":"identity--00000000-0000-4000-8000-000000000002"'
	object identity 02 01 ',"name":"two","created_by_ref":"identity--00000000-0000-4000-8000-000000000001"'
} >late
late 'two that name each other' '2 1 0 2 2' new aside dangling edges nodes
said 'are joined' '41|1
41|1'
pg_says 'and have their names' 'one two' "SELECT string_agg(name, ' ' ORDER BY name) FROM nodes"
empty
{
	object relationship 01 01 "$link"
	object relationship 02 01 "$other"
	object relationship 03 01 "$link"
	ends
} | bundle >late.json
# shellcheck disable=SC2086 # words
exits 0 'more than there is room for' ingest late.json $one_by_one
tells 'waits in the store' '5 1 2 2' new aside dangling resolved
pg_says 'nothing is lost' '35|1
36|2' 'SELECT kind, n FROM intel_edges ORDER BY kind'
exits 0 'again' ingest late.json --json
tells 'nothing is new' '0 0 5 0' new newer known aside
object relationship 01 02 "$other" | bundle >later.json
exits 0 'a newer version of one that waited' ingest later.json --feed late --json
tells 'is newer' '1 0' newer aside
pg_says 'and takes back what the older one said' '35|2
36|1' 'SELECT kind, n FROM intel_edges ORDER BY kind'
empty
pg_sql "ALTER TABLE records ADD CONSTRAINT poison CHECK (doc ->> 'relationship_type' <> 'uses')"
{
	object relationship 01 01 "$link"
	object malware 01 01 ',"name":"one","is_family":true'
	object relationship 02 01 "$other"
	object malware 02 01 ',"name":"two","is_family":true'
} | bundle >late.json
exits 0 'one that the server refuses at the end' ingest late.json --batch 4 --connections 1 --json
tells 'is alone' '3 1' new refused
said 'the other is there' '35|1'
pg_sql 'ALTER TABLE records DROP CONSTRAINT poison'

# N9: a record that the server refuses is alone in quarantine; it is not tried again unless it changes
empty
pg_sql "ALTER TABLE nodes ADD CONSTRAINT poison CHECK (name <> 'malware 77'), ADD CONSTRAINT more CHECK (name <> 'malware 78')"
exits 0 'two poisoned records' ingest feed.json --batch 500 --json
tells 'are refused, all others stored' '1999 2' new refused
says 'new row for relation "nodes" violates check constraint'
pg_says 'they are in quarantine with the reason' '2|23514' 'SELECT count(*), min(sqlstate) FROM quarantine'
pg_says 'their edges wait' t 'SELECT count(*) >= 2 FROM pending_edges'
pg_sql 'ALTER TABLE nodes DROP CONSTRAINT poison, DROP CONSTRAINT more'
exits 0 'again' ingest feed.json --batch 500 --json
tells 'they are not tried' '0 2 1999' new refused known
exits 0 'in another version' ingest newer.json --feed feed --batch 500 --json
tells 'they are' '2 1999 0' new newer refused
pg_says 'nothing waits' 0 'SELECT count(*) FROM pending_edges'

empty
pg_sql "CREATE SEQUENCE tries"
pg_sql "CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF nextval(''tries'') <= 3 THEN RAISE deadlock_detected; END IF; RETURN NULL; END'"
pg_sql 'CREATE TRIGGER deadlock AFTER INSERT ON records FOR EACH STATEMENT EXECUTE FUNCTION deadlock()'
exits 0 'deadlocks' ingest feed.json --batch 500 --json
tells 'are tried again' '2001 3' new retries
pg_sql 'DROP TRIGGER deadlock ON records'
graph >again
check 'the same graph' cmp first again

# two loaders of one feed at once
empty
ingest feed.json --batch 50 >one 2>&1 &
pid=$!
exits 0 'two at once' ingest feed.json --batch 70
wait $pid
result $? 'and the other' "$(cat one)"
graph >again
check 'the same graph' cmp first again

# folders: of files, packed or not; of MISP events, by their manifest
empty
mkdir folder
gzip <feed.json >folder/b.json.gz
cp small.json folder/a.json
echo 'not a feed' >folder/readme.txt
echo '{"what": "ever"}' >folder/c.json
exits 0 'a folder' ingest folder --json
tells 'all feeds in it are read, what is none is told' '3 1 2007' files bad good
says 'c.json: '
mkdir misp
event=1f2e3d4c-0000-4000-8000-0000000000
printf '{"%s01":{"info":"a"},"%s02":{"info":"b"},"../small":{"info":"c"}}' $event $event >misp/manifest.json
printf '{"Event":{"uuid":"%s01","info":"a","timestamp":"1700000000","date":"2026-01-01","Attribute":[{"uuid":"%s11","type":"ip-dst","category":"Network activity","value":"198.51.100.7","timestamp":"1700000000","to_ids":true}]}}' $event $event >misp/${event}01.json
cp misp/${event}01.json misp/other.json
exits 0 'a MISP feed' ingest misp --json
tells 'its manifest says what is read' '1 1 1 1' files missing events attributes
says "${event}02.json: No such file"

# edges that nobody looked for any more, since none was there: four records say each of them, far from one another
empty
python3 >said.json <<'PY'
import json, uuid
head = {"spec_version": "2.1", "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z"}
def ident(kind, name): return "%s--%s" % (kind, uuid.uuid5(uuid.NAMESPACE_URL, name))
nodes = [head | {"type": "malware", "id": ident("malware", str(i)), "name": "m", "is_family": False} for i in range(90)]
edges = [head | {"type": "relationship", "id": ident("relationship", "%d %d %d" % (s, a, b)), "relationship_type": "uses",
    "source_ref": nodes[a]["id"], "target_ref": nodes[b]["id"]} for s in range(4) for a in range(50) for b in range(50, 90)]
for o in nodes + edges:
    print(json.dumps(o))
PY
exits 0 'edges that are said again' ingest said.json --batch 500 --connections 1 --json
tells 'one batch was tried again' '8090 1' new retries
pg_says 'each is said as often as it is' '2000|4|4' 'SELECT count(*), min(n), max(n) FROM intel_edges'
exits 0 'again, by somebody else' ingest said.json --feed other --batch 1000 --json
tells 'is known' '0 8090' new known

# what the server says of a record has the feed's words in it, cut in whole characters
empty
pg_sql "ALTER TABLE nodes ADD CONSTRAINT poison CHECK (name NOT LIKE '%é%')"
e=ééééééééééééééé
{
	object malware 01 01 ',"name":"'$e$e$e'","is_family":true'
	object malware 02 01 ',"name":"a'$e$e$e'","is_family":true'
	object malware 03 01 ',"name":"three","is_family":true'
} | bundle >words.json
exits 0 'refused with their words' ingest words.json --json
tells 'two are in quarantine' '1 2' new refused
pg_says 'with the reason' 2 "SELECT count(*) FROM quarantine WHERE reason LIKE '%é%(23514)'"
pg_sql 'ALTER TABLE nodes DROP CONSTRAINT poison'

# a feed that stands still: what came is stored, and nothing is held meanwhile
empty
mkfifo slow
tandem-intel ingest --connect "$pg" slow --feed slow --json --batch 2000 >slow.out 2>&1 &
pid=$!
exec 7>slow
python3 -c 'import uuid
for i in range(3000):
    print("{\"type\":\"malware\",\"spec_version\":\"2.1\",\"id\":\"malware--%s\",\"created\":\"2026-01-01T00:00:00Z\",\"modified\":\"2026-01-01T00:00:00Z\",\"name\":\"x\",\"is_family\":true}" % uuid.uuid5(uuid.NAMESPACE_URL, str(i)))' >&7
for _ in $(seq 100); do
	[ "$(pg_sql 'SELECT count(*) > 1000 FROM records')" = t ] && break
	sleep 0.1
done
pg_says 'what was read is there' t 'SELECT count(*) > 1000 FROM records'
pg_says 'no transaction is open' 0 "SELECT count(*) FROM pg_stat_activity WHERE datname = 'intel' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
pg_says 'it was not loaded as a whole yet' t "SELECT loaded IS NULL FROM feeds WHERE name = 'slow'"
exec 7>&-
wait $pid
result $? 'its end' "$(cat slow.out)"
pg_says 'now it was' t "SELECT loaded IS NOT NULL FROM feeds WHERE name = 'slow'"
xz <feed.json | head -c 40000 >broken.json.xz
exits 1 'a feed that breaks off' ingest broken.json.xz
pg_says 'what came before is there' t "SELECT count(*) > 10 FROM records r JOIN feeds f ON f.feed_id = r.feed_id WHERE f.name = 'broken'"
pg_says 'it was not loaded as a whole' t "SELECT loaded IS NULL FROM feeds WHERE name = 'broken'"

# the real one: counts by jq, of the data's README
attack=${TANDEM_DATA-}/intel/stix/enterprise-attack-18.1.json.xz
if [ -n "${TANDEM_DATA-}" ]; then
	empty
	exits 0 'ATT&CK' ingest "$attack" --feed attack --json
	tells 'all of it' '24771 24771 0 4723' good new refused nodes
	pg_says 'the relationships, by their types' '2|25 13|691 26|1445 32|140 34|477 36|17270' \
		"SELECT string_agg(kind || '|' || n, ' ' ORDER BY kind) FROM (SELECT kind, sum(n) AS n FROM intel_edges WHERE kind IN (2, 13, 26, 32, 34, 36) GROUP BY kind) k"
	pg_says 'other names' '670|680' "SELECT (SELECT count(*) FROM nodes WHERE key LIKE 'x-alias--%'), sum(n) FROM intel_edges WHERE kind = 54"
	pg_says 'revoked' 140 'SELECT count(*) FROM nodes WHERE revoked'
	pg_says 'nothing waits' 0 'SELECT count(*) FROM pending_edges'
	pg_says 'every text is one for jsonb' 24771 "SELECT count(*) FROM records WHERE doc::jsonb ? 'id'"
	exits 0 'again' ingest "$attack" --feed attack --json
	tells 'nothing is new' '0 0 24771' new newer known
else
	skip 'ATT&CK' 'TANDEM_DATA is not set'
fi

# N1: fewer connections than are wanted
pg_sql 'ALTER DATABASE intel CONNECTION LIMIT 1'
exits 0 'a database that allows one connection' ingest small.json --connections 4
says 'connections lowered from 4 to 1: the database has a connection limit of 1'
pg_sql 'ALTER DATABASE intel CONNECTION LIMIT -1'

# what is no feed
exits 1 'no feed' sh -c 'echo "{}" >none.json; tandem-intel ingest --connect "$1" none.json' - "$pg"
exits 1 'no file' ingest missing.json
says 'missing.json'
exits 1 'no server' tandem-intel ingest --connect host=/nowhere feed.json
check 'its name has nothing to do with it' sh -c '! grep -q -e --feed "$1"' - "$err"
exits 2 'no name' ingest feed.json --feed ''
says "a feed's name has 1 to 255 bytes"
exits 2 'a long name' ingest feed.json --feed "$(printf '%0256d' 0)"
exits 2 'a name that is no text' ingest feed.json --feed "$(printf 'a\377')"
says 'UTF-8'
exits 2 'no batch' ingest feed.json --batch 0
exits 2 'nothing' ingest
finish
