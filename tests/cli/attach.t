#!/bin/sh
# tandem bundle prepare and attach: signatures that are made elsewhere; and trust statements that travel in a bundle. I9.
. "$(dirname "$0")/tap.sh"

for k in root ci ci2 other; do
	tandem key generate -o $k --no-password >/dev/null
done
id() { tandem key show "$1.pub" | sed -n 's/^key id: *//p'; }
head -c 3000000 /dev/urandom >root.img
cat >bundle.conf <<'CONF'
[bundle]
compatible=vm-x86
version=1.2.3
[payload.root]
kind=image
file=root.img
CONF
export SOURCE_DATE_EPOCH=1700000000

exits 2 'prepare without a manifest' tandem bundle prepare --config bundle.conf -o p.reup
exits 2 'prepare with a key' tandem bundle prepare --config bundle.conf -o p.reup --manifest m --key ci.key
exits 0 'a bundle is prepared' tandem bundle prepare --config bundle.conf -o p.reup --manifest m
exits 0 'it is shown' tandem bundle info p.reup
prints "NONE YET: prepared for 'tandem bundle attach'"
exits 3 'it does not verify' tandem bundle verify p.reup --key ci.pub
says 'it is not signed yet'
says "next: 'tandem bundle attach' adds signatures"
exits 0 'what is to be signed is the manifest' tandem bundle extract p.reup --manifest m2
check 'byte for byte' cmp m m2
tandem bundle create --config bundle.conf -o whole.reup --key ci.key >/dev/null

# sign NAME: m.NAME.minisig, as on a machine that has nothing but the manifest and the key
if command -v minisign >/dev/null; then
	sign() { minisign -S -W -s "$1.key" -m m -x "m.$1.minisig" </dev/null >/dev/null; }
	check 'stock minisign signs the manifest' sign ci
else
	sign() {
		tandem bundle create --config bundle.conf -o s.reup --key "$1.key" >/dev/null &&
			tandem bundle extract s.reup --signature "m.$1.minisig" >/dev/null
	}
	check 'the manifest is signed' sign ci
fi
cp p.reup before
exits 2 'attach needs to know whose signature it is' tandem bundle attach p.reup --signature m.ci.minisig
exits 3 'by another key it is refused' tandem bundle attach p.reup --signature m.ci.minisig --key other.pub
says "signature by key $(id ci), whose public half was not given"
echo x >>m && sign other && cp m2 m
exits 3 'a signature of something else is refused' tandem bundle attach p.reup --signature m.other.minisig --key other.pub
says 'the signed text was changed'
exits 1 'what is no signature is refused' tandem bundle attach p.reup --signature m --key ci.pub
check 'the bundle is as it was' cmp p.reup before
exits 0 'the signature is attached' tandem bundle attach p.reup --signature m.ci.minisig --key ci.pub
golden 'and told' <<'TEXT'
p.reup: 1 signature, 1 good by the keys that were given
TEXT
exits 0 'now it verifies' tandem bundle verify p.reup --key ci.pub
check 'it holds what a bundle does that was signed at once' sh -c \
	'tandem bundle extract whole.reup --payload root -o a && tandem bundle extract p.reup --payload root -o b && cmp a b'
exits 3 'once is enough' tandem bundle attach p.reup --signature m.ci.minisig --key ci.pub
says 'has signed already'

# a second signature, to a bundle that is signed
sign ci2
exits 3 'one of two does not do' tandem bundle verify p.reup --key ci.pub --key ci2.pub --threshold 2
exits 0 'a second one, into another file' tandem bundle attach p.reup --signature m.ci2.minisig --key ci2.pub --key ci.pub \
	-o q.reup --json
golden 'in JSON' <<TEXT
{
  "file": "q.reup",
  "good_keys": 2,
  "signatures": [
    {
      "key_id": "$(id ci)",
      "good": true
    },
    {
      "key_id": "$(id ci2)",
      "good": true
    }
  ]
}
TEXT
exits 0 'both count' tandem bundle verify q.reup --key ci.pub --key ci2.pub --threshold 2
exits 3 'and the first file has one still' tandem bundle verify p.reup --key ci.pub --key ci2.pub --threshold 2
check 'nothing is left over' sh -c '! ls | grep tmp'

# trust statements in a bundle: the set that lets ci2 sign comes with the bundle that it signed
tandem trust init -o 1.trust --product shop --root root.pub --release ci.pub >/dev/null
tandem trust sign 1.trust --key root.key >/dev/null
tandem trust init -o 2.trust --after 1.trust --remove ci --release ci2.pub >/dev/null
tandem trust sign 2.trust --key root.key >/dev/null
cat 1.trust 2.trust >all.trust
exits 0 'statements go with a bundle' tandem bundle create --config bundle.conf -o t.reup --key ci2.key --trust-update all.trust
exits 0 'and are shown' tandem bundle info t.reup
prints 'trust set:   1 for shop, signed by its own roots'
prints 'trust set:   2 for shop, signed by its own roots'
exits 0 'in JSON as well' tandem bundle info t.reup --json
check 'as documented' python3 -c 'import json, sys
s = json.load(open(sys.argv[1]))["trust_statements"]
assert s == [dict(epoch=e, product="shop", keys=2, error=None) for e in (1, 2)], s' "$out"
check 'they are the bytes behind the header' sh -c 'tail -c +65 t.reup | cmp -n "$(stat -c %s all.trust)" - all.trust'
mkdir device && cp root.pub device/
exits 0 'a device with the root follows them, and believes the bundle' tandem bundle verify t.reup --trust device
cp 1.trust device/ && rm device/root.pub
exits 0 'as does one whose image has the first set' tandem bundle verify t.reup --trust device
cp whole.reup old.reup
exits 0 'where the old key signs still' tandem bundle verify old.reup --trust device
cp 2.trust device/
exits 3 'but not any more where the second set is known' tandem bundle verify old.reup --trust device
exits 0 'which the newer bundle is good for' tandem bundle verify t.reup --trust device
rm device/* && cp other.pub device/
exits 3 'another root does not follow them' tandem bundle verify t.reup --trust device
says 'trust statement 1, by the roots of the set in force'
cp ci2.pub device/
exits 3 'then even a good signature does not help' tandem bundle verify t.reup --trust device
exits 0 'by its key alone, the signature is looked at alone' tandem bundle verify t.reup --key ci2.pub

exits 0 'statements are attached to a signed bundle' tandem bundle attach whole.reup --trust-update 1.trust -o u.reup
exits 0 'whose signatures stay good' tandem bundle verify u.reup --key ci.pub
exits 0 'and replaced' tandem bundle attach u.reup --trust-update all.trust
exits 0 'seen in the bundle' tandem bundle info u.reup
prints 'trust set:   2 for shop'
sed 's/^roles=release/roles=root release/' 1.trust >bad.trust
exits 3 'a false statement goes into no bundle' tandem bundle create --config bundle.conf -o v.reup --key ci.key \
	--trust-update bad.trust
exits 3 'nor is one attached' tandem bundle attach u.reup --trust-update bad.trust
tandem trust init -o 3.trust --after 2.trust --release ci.pub >/dev/null && tandem trust sign 3.trust --key root.key >/dev/null
exits 3 'nor does a chain with a gap' tandem bundle attach u.reup --trust-update 1.trust --trust-update 3.trust
says 'statement 2 is missing'
python3 - t.reup bad.reup <<'PYTHON'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
at = b.index(b"epoch=2")
b[at + 20] ^= 1
open(sys.argv[2], "wb").write(b)
PYTHON
mkdir -p fresh && cp root.pub fresh/
exits 3 'a byte that was changed in a statement' tandem bundle verify bad.reup --trust fresh

exits 2 'attach nothing' tandem bundle attach p.reup
exits 1 'attach to what is no bundle' tandem bundle attach m --trust-update 1.trust
exits 1 'attach a file that is not there' tandem bundle attach p.reup --signature none --key ci.pub
finish
