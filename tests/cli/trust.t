#!/bin/sh
# tandem trust: sets are written, signed (here and by stock minisign), followed, refused. A file stands for the machine. I9.
. "$(dirname "$0")/tap.sh"

for k in anna bert carl dora ci ci2; do
	tandem key generate -o $k --no-password >/dev/null
done
mkdir keys roots && cp ci.pub keys && cp anna.pub bert.pub roots
cat >host.conf <<TEXT
[system]
product=shop
compatible=shop-1
mode=host
[trust]
keys=$dir/keys
roots=$dir/roots
root-threshold=2
TEXT
at='--store store --config host.conf'
id() { tandem key show "$1.pub" | sed -n 's/^key id: *//p'; }

# the first set
exits 0 'the text of the first set is written' tandem trust init -o 1.trust --product shop --root anna.pub --root bert.pub \
	--release ci.pub --root-threshold 2
golden 'and told' <<'TEXT'
1.trust: trust set 1 for shop, 3 keys, not signed yet
TEXT
cat >want <<TEXT
# tandem trust 1
[trust]
epoch=1
product=shop
root-threshold=2
release-threshold=1

[key.anna]
key=$(sed -n 2p anna.pub)
roles=root

[key.bert]
key=$(sed -n 2p bert.pub)
roles=root

[key.ci]
key=$(sed -n 2p ci.pub)
roles=release
TEXT
check 'the text is as docs/formats/trust.md has it' cmp want 1.trust
exits 3 'not signed, it is refused' tandem trust update 1.trust --store first --config host.conf
says '0 of 2 required signatures'
exits 3 'a release key does not sign sets' tandem trust sign 1.trust --key ci.key
says 'is no root of this set'
exits 0 'a root signs' tandem trust sign 1.trust --key anna.key
prints '1.trust: signed by its own roots: 1 of 2'
exits 3 'one of two is not enough' tandem trust update 1.trust --store first --config host.conf
says '1 of 2 required signatures'
exits 3 'it signs once' tandem trust sign 1.trust --key anna.key
says 'has signed already'
exits 0 'what is to be signed elsewhere' tandem trust show 1.trust --text 1.txt
check 'is the text, without signatures' cmp want 1.txt
if command -v minisign >/dev/null; then
	check 'stock minisign signs it' sh -c 'minisign -S -W -s bert.key -m 1.txt -x bert.minisig </dev/null'
else
	check 'it is signed elsewhere' sh -c 'cp 1.txt b.trust && tandem trust sign b.trust --key bert.key &&
		tail -n 4 b.trust >bert.minisig'
fi
exits 0 'its signature is added' tandem trust sign 1.trust --signature bert.minisig --json
prints '"own_roots_signed": 2'
sed 's/shop/shap/' want >other.trust
exits 3 'but not to another text' tandem trust sign other.trust --signature bert.minisig
says 'the signed text was changed'
exits 0 'who signed is shown' tandem trust show 1.trust
prints "signature by $(id bert): good, a root of this set"
prints 'signed by its own roots: 2 of 2'

# on the machine
exits 0 'before, the folders count' tandem trust show $at
golden 'and are told' <<TEXT
trust set 0 for shop, from the keys in the image's folder
sets are signed by 2 roots, bundles by 1 release key
key $(id ci): release
key $(id anna): root
key $(id bert): root
TEXT
check 'looking makes no file' absent store
exits 0 'a dry run' tandem trust update 1.trust --dry-run $at
prints 'trust set 1 after 0: would be in force'
check 'changes nothing' absent store
exits 0 'the first set is taken' tandem trust update 1.trust $at
prints 'trust set 1 after 0: in force from now on'
exits 4 'once' tandem trust update 1.trust $at
says 'trust set 1 is in force already'

# rotation and revocation: anna goes, carl comes, releases are signed by another key
exits 0 'the next set' tandem trust init -o 2.trust --after 1.trust --remove anna --root carl.pub --remove "$(id ci)" \
	--release ci2.pub
exits 3 'a root of the set before needs to be named' tandem trust sign 2.trust --key anna.key
says '--previous FILE or --previous-root PUB'
exits 0 'and then signs, as do the new roots' tandem trust sign 2.trust --key anna.key --key bert.key --key carl.key \
	--previous 1.trust
prints '2.trust: signed by its own roots: 2 of 2'
prints '2.trust: signed by the roots before: 2 of 2'
tandem trust init -o 3.trust --after 2.trust --release ci.pub --release-threshold 2 >/dev/null
exits 0 'a third set, by bert and carl' tandem trust sign 3.trust --key bert.key --key carl.key --previous 2.trust

exits 3 'a gap is refused' tandem trust update 3.trust $at
says 'the trust set in force is 1, the next statement here is 3: statement 2 is missing'
exits 3 'the same in JSON' tandem trust update 3.trust $at --json
golden 'as documented' <<'TEXT'
{
  "result": "refused",
  "error": "the trust set in force is 1, the next statement here is 3: statement 2 is missing",
  "next": "give all statements in order: 'tandem trust update FILE', or a bundle that has them",
  "epoch_before": 1,
  "epoch": 1,
  "statements": 0
}
TEXT
cat 1.trust 2.trust 3.trust >all.trust
cp store old-device
exits 0 'two at once, with history in front' tandem trust update all.trust $at --json
golden 'in JSON' <<'TEXT'
{
  "result": "updated",
  "error": null,
  "next": null,
  "epoch_before": 1,
  "epoch": 3,
  "statements": 2
}
TEXT
exits 0 'the same from several files, on another device' tandem trust update 2.trust 3.trust --store old-device --config host.conf
exits 4 'an older statement is history' tandem trust update 2.trust $at
exits 0 'the set in force, as JSON' tandem trust show $at --json
golden 'is as documented' <<TEXT
{
  "epoch": 3,
  "product": "shop",
  "root_threshold": 2,
  "release_threshold": 2,
  "keys": [
    {
      "id": "$(id bert)",
      "name": "bert",
      "root": true,
      "release": false
    },
    {
      "id": "$(id carl)",
      "name": "carl",
      "root": true,
      "release": false
    },
    {
      "id": "$(id ci2)",
      "name": "ci2",
      "root": false,
      "release": true
    },
    {
      "id": "$(id ci)",
      "name": "ci",
      "root": false,
      "release": true
    }
  ],
  "origin": "stored",
  "floor": 0,
  "believed": true,
  "ignored": null,
  "damage": []
}
TEXT

# what must not be taken
tandem trust init -o 4.trust --after 3.trust --root anna.pub >/dev/null
tandem trust sign 4.trust --key anna.key --key bert.key --previous 3.trust >/dev/null
exits 3 'a revoked root does not count as a root of the set before' tandem trust update 4.trust $at
says '1 of 2 required signatures'
tandem trust init -o fork.trust --after 2.trust --release dora.pub >/dev/null
tandem trust sign fork.trust --key bert.key --key carl.key >/dev/null
exits 3 'a second set of the same number' tandem trust update fork.trust $at
says 'is not the one that is in force with this number'
sed 's/^release-threshold=2/release-threshold=1/' 3.trust >bad.trust
exits 3 'a changed text' tandem trust update bad.trust --store fresh --config host.conf
sed '/^roles/s/release/root release/' all.trust >bad.trust
exits 3 'a changed chain' tandem trust update bad.trust --store fresh --config host.conf
says 'the signed text was changed'
check 'leaves nothing behind' sh -c '! grep -q tandem.trust fresh'
tandem trust init -o other.trust --product other --root anna.pub --root bert.pub --release dora.pub --root-threshold 2 >/dev/null
tandem trust sign other.trust --key anna.key --key bert.key >/dev/null
exits 3 'the set of another product' tandem trust update other.trust --store fresh --config host.conf
says "is for 'other', this is 'shop'"
sed 's/^# tandem trust 1/# tandem trust 2/' 1.trust >new.trust
exits 1 'a newer format' tandem trust update new.trust --store fresh --config host.conf
says 'newer than 1'
exits 1 'a file that is no statement' tandem trust update host.conf --store fresh --config host.conf
says 'its first line is not'

# the running image's folder
cp all.trust keys/history.trust
exits 0 'statements in the image lead on from its keys' tandem trust show --store none --config host.conf
prints "trust set 3 for shop, from a statement in the image"
cp 2.trust keys/history.trust
exits 0 'what was accepted rules over an older image' tandem trust show $at
prints 'trust set 3 for shop, from stored'
rm keys/ci.pub
exits 0 'an image without keys begins with its statement' tandem trust show --store none --config host.conf
prints 'trust set 2 for shop, from a statement in the image'
cp 4.trust keys/history.trust
exits 0 'an image whose statement does not follow does not count' tandem trust show $at
prints 'trust set 3 for shop, from stored'
prints 'statements of the image are ignored: '
rm keys/history.trust
exits 1 'an image without anything to trust' tandem trust show --store none --config host.conf
says 'no public key'

# damage
printf 'x' | dd of=store bs=1 seek=5000 conv=notrunc 2>/dev/null
exits 0 'one damaged copy costs nothing' tandem trust show $at
prints 'trust set 3'
prints 'DAMAGED: stored copy 0'

# mistakes
exits 2 'init without a name' tandem trust init --product x
exits 2 'init without a product' tandem trust init -o x --root anna.pub --release ci.pub
exits 2 'both a product and a set before' tandem trust init -o x --product x --after 1.trust
exits 2 'a key that is not there is not removed' tandem trust init -o x --after 1.trust --remove none
exits 1 'a set that nobody could sign' tandem trust init -o x --product x --root anna.pub --release ci.pub --root-threshold 2
says 'root-threshold is 2, and there is 1 root key'
check 'leaves no file' absent x
exits 2 'sign by nobody' tandem trust sign 1.trust
exits 1 'several statements are not signed at once' tandem trust sign all.trust --key bert.key
says 'several statements'
exits 2 'update without a file' tandem trust update
exits 2 'half a verb' tandem trust

# Trust needs no clock: nothing that decides about it can ask for the time.
if command -v nm >/dev/null && [ -d "${TANDEM_BUILD:-$root/build/debug}/updater" ]; then
	for m in trust trustset trustchain truststore trustdir trustnow trustseat minisig bundle bundle_header; do
		nm -u "${TANDEM_BUILD:-$root/build/debug}/updater/$m.o"
	done >symbols
	check 'some symbols were found' grep -q crypto_sign symbols
	check 'no module of trust asks for the time' sh -c \
		'! grep -E " (time|clock_gettime|gettimeofday|localtime|gmtime|mktime|clock|now_ms)(_r)?$" symbols'
else
	skip 'no module of trust asks for the time' 'no nm, or no objects'
fi
finish
