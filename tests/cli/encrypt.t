#!/bin/sh
# Encrypted bundles: made for recipients, shown without a key, opened by the right one only; another program reads them, too.
. "$(dirname "$0")/tap.sh"

cat >zeros-and-text.py <<'PY'
import random
random.seed(1)
text = b"".join(b"%d hello " % random.randrange(1000) for _ in range(30000))
open("root.img", "wb").write((bytes(200000) + text + random.randbytes(100000) + text).ljust(700 * 1024, b"\0"))
open("linux.efi", "wb").write(random.randbytes(30000) + b"abc" * 5000)
PY
python3 zeros-and-text.py
cat >bundle.conf <<'CONF'
[bundle]
compatible=vm-x86
version=1.2.3
chunk-size=16K
[payload.root]
kind=image
file=root.img
[payload.boot]
kind=file
file=linux.efi
name=linux.efi
CONF
tandem key generate -o sign --no-password >/dev/null
mkdir fleet trust && cp sign.pub trust/
for name in one two other; do
	tandem key generate --encryption -o $name >/dev/null
done
cp one.recipient two.recipient fleet/
create() { tandem bundle create --config bundle.conf --key sign.key "$@"; }
id_of() { tandem key show "$1" | sed -n 's/^key id: *//p'; }

exits 0 'a bundle in clear' create -o clear.reup
exits 0 'a bundle for two recipients' create -o x.reup --encrypt-to one.recipient --encrypt-to two.recipient
exits 0 'recipients of a folder' create -o folder.reup --encrypt-to fleet
cat one.recipient two.recipient one.recipient >list
exits 0 'recipients of a list, one of them twice' create -o list.reup --encrypt-to list
exits 0 'it is shown without a key' tandem bundle info list.reup --key sign.pub
prints 'encrypted:   for 2 recipients:'
prints "$(id_of one.key)" 'with the id of the first'
prints "$(id_of two.key)" 'and of the second'
prints 'version:     1.2.3'
exits 0 'as JSON' tandem bundle info x.reup --json
prints '"unlocked": false'
prints '"raw_hash": null'
exits 0 'with a key' tandem bundle info x.reup --json --decrypt-with two.key
prints '"unlocked": true'
prints "\"raw_hash\": \"$(b2sum -l 256 root.img | cut -d' ' -f1)\""
exits 0 'a bundle in clear is shown as one' tandem bundle info clear.reup --json
prints '"encryption": null'
check 'none of its text is in clear' sh -c '! grep -q "hello 1" x.reup'
check 'not even the hash of the image' sh -c \
	'for f in x clear; do tandem bundle extract $f.reup --manifest $f.m 2>/dev/null; grep ^raw-hash $f.m >$f.hash; done
	! grep -qFf clear.hash x.hash'
extra=$(($(stat -c %s x.reup) - $(stat -c %s clear.reup)))
check "it is little longer ($extra bytes)" test "$extra" -lt 8192

for key in one two; do
	exits 0 "$key opens it" tandem bundle verify x.reup --key sign.pub --decrypt-with $key.key
	for payload in root:root.img boot:linux.efi; do
		exits 0 "$key takes out ${payload#*:}" \
			tandem bundle extract x.reup --payload ${payload%:*} -o out --decrypt-with $key.key
		check 'whole' cmp out "${payload#*:}"
	done
done
exits 0 'one of several keys is enough' \
	tandem bundle verify list.reup --key sign.pub --decrypt-with other.key --decrypt-with one.key
exits 0 'a key is no hindrance to a bundle in clear' \
	tandem bundle verify clear.reup --key sign.pub --decrypt-with other.key
exits 3 'without a key it cannot be verified' tandem bundle verify x.reup --key sign.pub
says 'encrypted, and there is no key that decrypts'
says 'next: give the secret key of one of its recipients: --decrypt-with FILE'
exits 3 'nor taken apart' tandem bundle extract x.reup --payload root -o none.img
check 'nothing is left' absent none.img none.img.tmp
exits 3 'a key that is not among the recipients' tandem bundle verify x.reup --key sign.pub --decrypt-with other.key
says "encrypted for 2 recipients, and not for the key $(id_of other.key)"
exits 2 'a public key to decrypt with' tandem bundle verify x.reup --key sign.pub --decrypt-with one.recipient
says 'the secret half is wanted here'
exits 2 'a key for signatures to decrypt with' tandem bundle verify x.reup --key sign.pub --decrypt-with sign.key
says 'a key for signatures, not for encryption'
chmod 604 two.key
exits 3 'a secret key that others can read' tandem bundle verify x.reup --key sign.pub --decrypt-with two.key
says 'others than its owner can open'
chmod 600 two.key
exits 2 'a key for signatures as recipient' create -o none.reup --encrypt-to sign.pub
says 'a key for signatures, not for encryption'
says "next: 'tandem key generate --encryption' makes one"
exits 2 'a secret key as recipient' create -o none.reup --encrypt-to one.key
says 'its public half (*.recipient) is wanted here'
exits 1 'a key for encryption to sign with' tandem bundle create --config bundle.conf --key one.key -o none.reup
says 'a key for encryption, which cannot sign'
exits 1 'a key for encryption to trust' tandem bundle verify x.reup --key one.recipient
says 'a key for encryption, not for signatures'
exits 1 'a folder without recipients' create -o none.reup --encrypt-to trust
says 'no encryption key (*.recipient) is there'
exits 1 'a recipient that is not there' create -o none.reup --encrypt-to none.recipient
printf '# tandem recipients 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n' >weak
exits 2 'a key that nothing can be sealed for' create -o none.reup --encrypt-to weak
says 'not a key that anything can be encrypted for'
check 'none of these left a bundle' absent none.reup none.reup.tmp

# flip FILE OFFSET: a copy, bad.reup, with one byte changed
flip() {
	python3 - "$@" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[2])] ^= 1
open("bad.reup", "wb").write(data)
PY
}
# Where tables and payload begin: see docs/formats/bundle.md.
tables=$(python3 -c 'import struct
h = struct.unpack("<6Q", open("x.reup", "rb").read(64)[16:])
print(64 + h[5] + h[0] + h[1])')
payload=$(python3 -c 'import struct; print(struct.unpack("<6Q", open("x.reup", "rb").read(64)[16:])[3])')
for key in one other; do
	flip x.reup $((tables + 100))
	exits 1 "damage in the recipient table, with $key" \
		tandem bundle verify bad.reup --key sign.pub --decrypt-with $key.key
	says 'recipient table: not the signed one: the bundle is damaged'
done
exits 1 'it is not shown either' tandem bundle info bad.reup
flip x.reup $((tables + 176 + 400))
exits 1 'damage in the table of chunks' tandem bundle verify bad.reup --key sign.pub --decrypt-with one.key
says 'not the signed one: the bundle is damaged'
flip x.reup $((payload + 1000))
exits 1 'damage in a chunk' tandem bundle verify bad.reup --key sign.pub --decrypt-with one.key
says 'its stored bytes are damaged'
head -c $((tables + 100)) x.reup >bad.reup
exits 1 'it ends in the recipient table' tandem bundle info bad.reup
says 'truncated'
tandem key generate -o stranger --no-password >/dev/null
exits 3 'the signature counts first' tandem bundle verify x.reup --key stranger.pub --decrypt-with other.key
says 'required signature'
exits 0 'the manifest verifies without a key' \
	tandem bundle extract x.reup --manifest m --signature m.minisig --key sign.pub
if command -v minisign >/dev/null; then
	check 'by stock minisign, too' minisign -V -p sign.pub -m m
else
	skip 'by stock minisign, too' 'minisign is not installed'
fi

# The format by itself, read with libsodium's primitives and none of our code.
if /usr/bin/python3 -c 'import nacl' 2>/dev/null; then
	for payload in root:root.img boot:linux.efi; do
		exits 0 "another program reads ${payload%:*}" \
			/usr/bin/python3 "$root/tests/cli/unseal.py" x.reup one.key "${payload%:*}" "${payload#*:}"
		prints 'opened'
	done
else
	skip 'another program reads it' 'python3-nacl is not installed'
fi

# A fleet: every device finds its entry.
python3 - <<'PY'
import base64, hashlib
keys = [base64.b64encode(hashlib.sha256(b"%d" % i).digest()).decode() for i in range(1500)]
open("many", "w").write("# tandem recipients 1\n" + "".join("%s device %d\n" % (k, i) for i, k in enumerate(keys)))
PY
exits 0 'a bundle for 1501 recipients' create -o many.reup --encrypt-to many --encrypt-to two.recipient
exits 0 'is opened by the one of them that is here' tandem bundle verify many.reup --key sign.pub --decrypt-with two.key
exits 0 'and shows some of them' tandem bundle info many.reup
prints ' ...'

# Signed elsewhere: who signs needs no key that decrypts, and what was signed later opens as before.
exits 0 'an encrypted bundle is prepared' \
	tandem bundle prepare --config bundle.conf -o later.reup --manifest later.m --encrypt-to one.recipient
if command -v minisign >/dev/null; then
	check 'it is signed elsewhere' sh -c 'minisign -S -W -s sign.key -m later.m -x later.sig </dev/null >/dev/null'
	exits 0 'the signature is attached' tandem bundle attach later.reup --signature later.sig --key sign.pub
	exits 0 'and it opens' tandem bundle verify later.reup --key sign.pub --decrypt-with one.key
else
	skip 'signed elsewhere' 'minisign is not installed'
fi

exits 0 'from standard input' sh -c 'tandem bundle verify --key sign.pub --decrypt-with two.key --progress none - <many.reup'
exits 3 'without a key nothing is read from there' sh -c 'tandem bundle verify --key sign.pub --progress none - <many.reup'
if command -v nginx >/dev/null && command -v openssl >/dev/null; then
	. "$root/tests/cli/web.sh"
	trap 'web_stop; rm -rf "$dir"' EXIT
	unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
	mkdir -p www && cp many.reup www/
	web_start
	: >web/access.log
	exits 0 'from a web server' tandem bundle verify "http://127.0.0.1:$port/many.reup" --key sign.pub --decrypt-with two.key
	sent=$(awk '{ n += $2 } END { print n + 0 }' web/access.log)
	size=$(stat -c %s many.reup)
	check "nothing of it twice ($sent of $size bytes)" test "$sent" -lt $((size + size / 20))
	check 'in few requests' test "$(wc -l <web/access.log)" -lt 6
else
	skip 'from a web server' 'nginx or openssl is not installed'
fi
finish
