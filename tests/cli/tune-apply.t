#!/bin/sh
# tandem-tune apply, check and undo as far as they go without a machine to change; tests/root/tune.t has the rest.
. "$(dirname "$0")/tap.sh"

for verb in apply check undo; do
	exits 0 "$verb explains itself" tandem-tune $verb --help
	prints "usage: tandem-tune $verb [--config FILE] [--json]"
	exits 2 "$verb takes no operand" tandem-tune $verb now
	exits 2 "$verb does not guess options" tandem-tune $verb --frobnicate
	exits 2 "$verb: --config needs a file" tandem-tune $verb --config
done
exits 0 'the program lists its verbs' tandem-tune --help
prints 'take back what apply did'

if [ "$(id -u)" = 0 ]; then
	nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
	chmod 755 "$dir"
else
	nobody=
fi
tune=$(command -v tandem-tune)
if $nobody "$tune" --version >/dev/null 2>&1; then
	for verb in apply undo; do
		# shellcheck disable=SC2086 # words
		exits 1 "$verb is for root" $nobody "$tune" $verb
		says 'needs root'
	done
else
	skip 'apply is for root' 'nobody else can start the program here'
fi
if [ -e /etc/tandem/system.conf ]; then
	skip 'without a product there is nothing to check' 'this machine has one'
else
	exits 1 'without a product there is nothing to check' tandem-tune check
	says '/etc/tandem/system.conf'
fi
finish
