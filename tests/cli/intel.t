#!/bin/sh
# tandem-intel: its words, and the schema of its database on a real server.
. "$(dirname "$0")/tap.sh"

exits 0 'it says its version' tandem-intel --version
prints 'tandem-intel '
exits 0 'it lists its verbs' tandem-intel --help
prints '  ensure  '
exits 2 'no verb is a mistake' tandem-intel
exits 2 'a misspelt one too' tandem-intel ensur
says "did you mean 'ensure'?"
tandem-intel --help | sed -n 's/^  \([a-z]*\( [a-z]*\)\{0,1\}\)  .*/\1/p' >verbs
check 'it has verbs' test "$(wc -l <verbs)" -ge 10
while read -r verb; do
	# shellcheck disable=SC2086 # "feeds list" is two words
	exits 0 "$verb explains itself" tandem-intel $verb --help
	prints "usage: tandem-intel $verb"
	# shellcheck disable=SC2086
	exits 2 "$verb refuses an unknown option" tandem-intel $verb --no-such-option
	says 'unknown option: --no-such-option'
done <verbs

. "$root/tests/cli/pg.sh"
exits 1 'no server' tandem-intel ensure --connect "host=$dir dbname=intel"
says 'PostgreSQL: '
pg_start
exits 0 'an empty database' tandem-intel ensure --connect "$pg"
prints 'taken now'
exits 0 'again' tandem-intel ensure --connect "$pg" --json
prints '"taken": 0' 'has nothing to do'
pg_says 'each step is noted once' t 'SELECT count(*) = count(DISTINCT number) AND count(*) > 0 FROM tandem_schema'
finish
