#!/bin/sh
# tandem key: pairs made, shown and refused; stock minisign reads ours and we read its.
. "$(dirname "$0")/tap.sh"
data=$root/tests/data/minisig

exits 0 'a key without a password is made' tandem key generate -o plain --no-password
prints 'secret key, to be kept secret: plain.key'
check 'only its owner can read the secret key' test "$(stat -c %a plain.key)" = 600
id=$(sed -n 's/^key id //p' "$out")
exits 0 'the public half is shown' tandem key show plain.pub
prints "key id:     $id"
public=$(sed -n 2p plain.pub)
prints "public key: $public"
exits 0 'the secret half shows the same' tandem key show plain.key
prints "public key: $public"
exits 0 'as JSON' tandem key show --json "$data/stock.pub"
golden 'the JSON is as documented' <<'TEXT'
{
  "id": "B0E31522EB0CA58B",
  "file": "public",
  "public_key": "RWSLpQzrIhXjsMEvuaJszKCtVUFIGqgJ1TTGoGgHsCgt4X+Lw78ImM/8"
}
TEXT
exits 0 'a secret key of stock minisign is shown' tandem key show "$data/stock-unlocked.key"
prints 'key id:     B0E31522EB0CA58B'

cp plain.key before
exits 0 'a new key is told as JSON' tandem key generate -o told --no-password --json
prints '"secret_key_file": "told.key"'
exits 3 'a key that is there is not replaced' tandem key generate -o plain --no-password
says 'plain.key is there already'
says 'next: choose another name'
check 'it is as it was' cmp before plain.key
exits 0 'but with --force it is' tandem key generate -o plain --no-password --force
check 'it is another one' sh -c '! cmp -s before plain.key'

exits 0 'a key for encryption is made' tandem key generate --encryption -o device
prints 'public key, for builders: device.recipient'
check 'only its owner can read the secret half' test "$(stat -c %a device.key)" = 600
id=$(sed -n 's/^key id //p' "$out")
exits 0 'its public half is shown' tandem key show device.recipient
prints "key id:     $id"
prints 'file holds: the public encryption key'
exits 0 'its secret half shows the same' tandem key show device.key
prints "key id:     $id"
exits 0 'a list shows each key' sh -c 'tandem key generate --encryption -o second &&
	cat device.recipient second.recipient >fleet && tandem key show --json fleet'
check 'both are there' test "$(grep -c '"public_key":' "$out")" = 2
chmod 640 device.key
exits 3 'a secret half that others can read is refused' tandem key show device.key
says 'others than its owner can open (mode 0640)'
says 'next: chmod 600 device.key'
exits 3 'a key that is there is not replaced by one for encryption' tandem key generate --encryption -o plain
exits 2 'a key for encryption has no password' tandem key generate --encryption -o x --password-file f
says 'has no password'

exits 2 'no name is a mistake' tandem key generate --no-password
exits 2 'two ways to a password are a mistake' tandem key generate -o x --no-password --password-file f
exits 2 'an operand is a mistake' tandem key generate x
exits 2 'half a verb is a mistake' tandem key
says 'tandem key generate'
exits 1 'a folder that is not there' tandem key generate -o none/x --no-password
says 'none/x.pub'
exits 1 'a password file that is not there' tandem key generate -o x --password-file none
: >empty
exits 1 'a password file that is empty' tandem key generate -o x --password-file empty
says 'its first line is empty'
exits 1 'a file that is no key' tandem key show "$data/message.txt"
says 'not a secret key'
exits 1 'a file that is not there' tandem key show none
exits 1 'no terminal to ask on' setsid tandem key generate -o x
says 'there is no terminal to ask on'
says '--no-password'

# on_terminal EXIT NAME QUESTION ANSWER...: on a terminal of its own, each answer typed once its question is there
on_terminal() {
	code=$1 name=$2
	shift 2
	exits "$code" "$name" python3 "$root/tests/cli/terminal.py" "$@" -- tandem key generate -o x
	cp "$out" "$err"
}
on_terminal 1 'two different passwords are refused' 'New password: ' 'first-one\n' 'The same again: ' 'second-one\n'
says 'the two passwords are not the same'
check 'passwords are not shown' sh -c "! grep -e first-one -e second-one '$out'"
on_terminal 1 'Ctrl-C at the prompt ends it' 'New password: ' '\003'
says 'no password was given'
on_terminal 1 'an empty password is refused' 'New password: ' '\n'
says 'an empty password protects nothing'
check 'none of these left a file' absent x.key x.pub x.key.tmp x.pub.tmp

printf 'tandem\n' >password
exits 0 'a key with a password is made' tandem key generate -o locked --password-file password
check 'guessing the password costs 1 GiB a time' python3 -c 'import base64, struct
raw = base64.b64decode(open("locked.key").read().split("\n")[1])
assert raw[2:4] == b"Sc" and struct.unpack("<QQ", raw[38:54]) == (1 << 25, 1 << 30)'
if command -v minisign >/dev/null; then
	cp "$data/message.txt" .
	check 'stock minisign signs with our locked key' \
		sh -c 'minisign -S -s locked.key -m message.txt <password'
	check 'and verifies it with our public key' minisign -V -p locked.pub -m message.txt
else
	skip 'stock minisign signs with our locked key' 'minisign is not installed'
	skip 'and verifies it with our public key' 'minisign is not installed'
fi
finish
