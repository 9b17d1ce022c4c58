#!/bin/sh
# tandem: the table of verbs, and programs beside it.
. "$(dirname "$0")/tap.sh"
mkdir libexec
TANDEM_LIBEXEC=$dir/libexec
export TANDEM_LIBEXEC

exits 0 'it says its version' tandem --version
prints 'tandem '
exits 0 'it lists its verbs' tandem --help
prints 'bundle create'
prints '0 done, 1 failed, 2 usage, 3 refused'
exits 2 'no verb is a mistake' tandem
exits 2 'a misspelt verb is a mistake' tandem bundle creat
says "did you mean 'bundle create'?"
exits 2 'half a verb is a mistake' tandem bundle
says 'tandem bundle verify'
for verb in 'key generate' 'key show' 'bundle create' 'bundle info' 'bundle verify' 'bundle extract' 'bundle prepare' 'bundle attach' \
	'trust show' 'trust init' 'trust sign' 'trust update'; do
	# shellcheck disable=SC2086 # two words
	exits 0 "$verb explains itself" tandem $verb --help
	prints "usage: tandem $verb "
	# shellcheck disable=SC2086
	exits 2 "$verb refuses an unknown option" tandem $verb --no-such-option
	says 'unknown option'
done

cat >libexec/tandem-hello <<'PROGRAM'
#!/bin/sh
echo "$(basename "$0"): $*"
exit 4
PROGRAM
exits 1 'a program beside it that cannot be started is reported' tandem hello
says 'libexec/tandem-hello: Permission denied'
chmod +x libexec/tandem-hello
exits 4 'a program beside it is a verb' tandem hello there --json
golden 'it gets the words after the verb' <<'TEXT'
tandem-hello: there --json
TEXT
exits 2 'what is nowhere is an unknown verb' tandem ../hello
says "unknown verb '../hello'"
TANDEM_LIBEXEC=$dir/none exits 2 'nor is there one in a folder that is not there' tandem hello
says "unknown verb 'hello'"
finish
