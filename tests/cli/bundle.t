#!/bin/sh
# tandem bundle: made, shown, verified, taken apart; refused when damaged or signed by others.
. "$(dirname "$0")/tap.sh"
data=$root/tests/data/minisig

cp "$data/stock-unlocked.key" k.key && cp "$data/stock.pub" k.pub
tandem key generate -o other --no-password >/dev/null
mkdir trust && cp k.pub trust/
head -c 20000 /dev/zero | tr '\0' 'r' >root.img
head -c 50000 /dev/zero >>root.img
head -c 5000 /dev/zero | tr '\0' 'k' >linux.efi
cat >bundle.conf <<'CONF'
[bundle]
compatible=vm-x86
version=1.2.3
epoch=4
description=For the test
chunk-size=16K
group-size=16K
[payload.root]
kind=image
file=root.img
[payload.boot-a]
kind=file
slot=a
file=linux.efi
name=linux.efi
[payload.boot-b]
kind=file
slot=b
file=linux.efi
name=linux.efi
CONF
export SOURCE_DATE_EPOCH=1700000000

exits 0 'a bundle is made with a key of stock minisign' \
	tandem bundle create --config bundle.conf -o x.reup --key k.key
prints 'chunks: 5, of them 1 zero, 1 there already, 0 stored uncompressed'
exits 0 'and again, with other threads' tandem bundle create --config bundle.conf -o y.reup --key k.key --threads 5
check 'the two are the same' cmp x.reup y.reup
exits 0 'what was made is told as JSON' \
	tandem bundle create --config bundle.conf -o y.reup --key k.key --json --progress=json
check 'in lines, since progress is as well' sh -c "tail -n 1 '$out' | grep -q '^{\"file\": \"y.reup\", .*\"zero_chunks\": 1, '"

exits 0 'it is shown without keys' tandem bundle info x.reup
id=$(sed -n 's/^id: *//p' "$out")
size=$(stat -c %s x.reup)
golden 'and says that nothing of it is verified' <<TEXT
bundle:      x.reup, $((size / 1024)).$((size % 1024 * 10 / 1024)) KiB ($size bytes)
verified:    NO: all of this is a claim; give --trust DIR or --key FILE
id:          $id
compatible:  vm-x86
version:     1.2.3
epoch:       4
description: For the test
signature:   B0E31522EB0CA58B, not verified: timestamp:1700000000	bundle:vm-x86 1.2.3
payload root: image, 68.3 KiB (70000 bytes) in 3 chunks of at most 16.0 KiB
payload boot-a: file linux.efi for slot a, 4.8 KiB (5000 bytes) in 1 chunks of at most 16.0 KiB
payload boot-b: file linux.efi for slot b, 4.8 KiB (5000 bytes) in 1 chunks of at most 16.0 KiB
TEXT
exits 0 'it is shown with a trust folder' tandem bundle info x.reup --trust trust
prints 'verified:    yes, by 1 trusted key (1 required)'
prints 'signature:   B0E31522EB0CA58B, good, trusted key: timestamp:1700000000	bundle:vm-x86 1.2.3'
exits 0 'and as JSON' tandem bundle info x.reup --key k.pub --json
golden 'the JSON is as documented' <<TEXT
{
  "file": "x.reup",
  "size_bytes": $size,
  "verified": true,
  "good_keys": 1,
  "threshold": 1,
  "id": "$id",
  "compatible": "vm-x86",
  "version": "1.2.3",
  "epoch": 4,
  "description": "For the test",
  "signatures": [
    {
      "key_id": "B0E31522EB0CA58B",
      "good": true,
      "trusted_comment": "timestamp:1700000000\u0009bundle:vm-x86 1.2.3"
    }
  ],
  "trust_statements": [],
  "encryption": null,
  "payloads": [
    {
      "name": "root",
      "kind": "image",
      "slot": null,
      "file_name": null,
      "size_bytes": 70000,
      "raw_hash": "$(b2sum -l 256 root.img | cut -c 1-64)",
      "chunk_bytes": 16384,
      "group_bytes": 16384,
      "chunks": 3,
      "index_blocks": 5,
      "base_bytes": 0,
      "base_hash": null
    },
    {
      "name": "boot-a",
      "kind": "file",
      "slot": "a",
      "file_name": "linux.efi",
      "size_bytes": 5000,
      "raw_hash": "$(b2sum -l 256 linux.efi | cut -c 1-64)",
      "chunk_bytes": 16384,
      "group_bytes": 16384,
      "chunks": 1,
      "index_blocks": 2,
      "base_bytes": 0,
      "base_hash": null
    },
    {
      "name": "boot-b",
      "kind": "file",
      "slot": "b",
      "file_name": "linux.efi",
      "size_bytes": 5000,
      "raw_hash": "$(b2sum -l 256 linux.efi | cut -c 1-64)",
      "chunk_bytes": 16384,
      "group_bytes": 16384,
      "chunks": 1,
      "index_blocks": 2,
      "base_bytes": 0,
      "base_hash": null
    }
  ]
}
TEXT

exits 0 'it verifies' tandem bundle verify x.reup --trust trust
golden 'and says against what' <<'TEXT'
x.reup: good: vm-x86 1.2.3, signed by 1 trusted key (1 required)
TEXT
exits 0 'and says so in JSON' tandem bundle verify x.reup --trust trust --json
prints '"verified": true'
exits 0 'progress comes as JSON lines' tandem bundle verify x.reup --trust trust --progress=json
prints '{"event": "progress", "what": "verify", "done_bytes": '
exits 3 'another key is refused' tandem bundle verify x.reup --key other.pub
says 'x.reup: 0 of 1 required signatures (good: none; by unknown keys: B0E31522EB0CA58B)'
exits 3 'info with another key is refused as well' tandem bundle info x.reup --key other.pub
exits 3 'a threshold that is not met is refused' tandem bundle verify x.reup --key k.pub --key other.pub --threshold 2
says '1 of 2 required signatures'
exits 2 'a threshold over the number of keys is a mistake' tandem bundle verify x.reup --key k.pub --threshold 2
exits 2 'verify wants a key' tandem bundle verify x.reup
exits 2 'a threshold without keys is a mistake' tandem bundle info x.reup --threshold 1
exits 1 'a bundle that is not there' tandem bundle verify none --trust trust
exits 1 'a file that is no bundle' tandem bundle info root.img
says 'root.img: not a bundle'
cp -r trust empty-trust && rm empty-trust/k.pub
exits 1 'a trust folder that is empty' tandem bundle verify x.reup --trust empty-trust
says 'empty-trust: no public key (*.pub) is there'

exits 0 'two keys sign' tandem bundle create --config bundle.conf -o two.reup --key k.key --key other.key
exits 0 'and both count' tandem bundle verify two.reup --key k.pub --key other.pub --threshold 2
exits 2 'the same key twice is a mistake' tandem bundle create --config bundle.conf -o z.reup --key k.key --key k.key
exits 2 'no key is a mistake' tandem bundle create --config bundle.conf -o z.reup
says "next: 'tandem key generate' makes a key"
exits 2 'no configuration is a mistake' tandem bundle create -o z.reup --key k.key
exits 1 'a secret key that is not there' tandem bundle create --config bundle.conf -o z.reup --key none
sed 's/^epoch/epok/' bundle.conf >bad.conf
exits 2 'an unknown key in bundle.conf is a mistake' tandem bundle create --config bad.conf -o z.reup --key k.key
says "bad.conf:4: unknown key 'epok' in [bundle]"
sed 's/^version=.*/version=1.2/' bundle.conf >bad.conf
exits 2 'a version that is not semantic is a mistake' tandem bundle create --config bad.conf -o z.reup --key k.key
says "'1.2' is not a semantic version"
check 'none of these left a file' absent z.reup z.reup.tmp

for part in root boot-b; do
	exits 0 "the payload $part is taken out" \
		tandem bundle extract x.reup --trust trust --payload $part -o $part.raw
done
check 'the image is what went in' cmp root.raw root.img
check 'the file is what went in' cmp boot-b.raw linux.efi
exits 0 'manifest and signature are taken out' tandem bundle extract x.reup --manifest m --signature m.sig
says 'the signatures of x.reup are not verified'
exits 0 'what was taken out is told as JSON' tandem bundle extract x.reup --key k.pub --manifest m --json
golden 'the JSON is as documented' <<'TEXT'
{
  "file": "x.reup",
  "verified": true,
  "manifest_file": "m",
  "signature_file": null,
  "payload": null,
  "payload_file": null
}
TEXT
exits 0 'one of two signatures is taken out' \
	tandem bundle extract two.reup --manifest m2 --signature m2.sig --signer B0E31522EB0CA58B
if command -v minisign >/dev/null; then
	check 'stock minisign verifies the manifest' minisign -V -p k.pub -m m -x m.sig
	check 'and the one that was chosen' minisign -V -p k.pub -m m2 -x m2.sig
else
	skip 'stock minisign verifies the manifest' 'minisign is not installed'
	skip 'and the one that was chosen' 'minisign is not installed'
fi
exits 1 'a payload that is not there' tandem bundle extract x.reup --payload none -o n
exits 1 'a signer that is not there' tandem bundle extract x.reup --signature n --signer 0000000000000000
exits 2 'nothing to take out is a mistake' tandem bundle extract x.reup
exits 2 'a payload without a place is a mistake' tandem bundle extract x.reup --payload root
check 'none of these left a file' absent n n.tmp

# damage NAME OFFSET EXIT: one byte of x.reup changed
damage() {
	cp x.reup bad.reup
	byte=$(dd if=x.reup bs=1 skip="$2" count=1 2>/dev/null | od -An -tu1 | tr -d ' ')
	printf "\\$(printf %03o $((byte ^ 1)))" | dd of=bad.reup bs=1 seek="$2" conv=notrunc 2>/dev/null
	exits "$3" "$1: refused" tandem bundle verify bad.reup --trust trust
	exits "$3" "$1: nothing is taken out" \
		tandem bundle extract bad.reup --trust trust --payload root -o bad.raw
	check "$1: no file is left" absent bad.raw bad.raw.tmp
}
signatures=$(od -An -tu8 -j16 -N8 x.reup | tr -d ' ')
manifest=$(od -An -tu8 -j24 -N8 x.reup | tr -d ' ')
payload=$(od -An -tu8 -j40 -N8 x.reup | tr -d ' ')
damage 'magic number' 1 1
damage 'a size in the header' 24 3
damage 'the manifest' $((64 + signatures + 20)) 3
damage 'a chunk table' $((64 + signatures + manifest + 40)) 1
damage 'a stored chunk' "$payload" 1
head -c $((payload + 1)) x.reup >bad.reup
exits 1 'a bundle that is cut short is refused' tandem bundle verify bad.reup --trust trust
says 'bad.reup: truncated: '
cat x.reup bundle.conf >more.reup
exits 0 'bytes behind a bundle do not matter' tandem bundle verify more.reup --trust trust

printf 'tandem\n' >password
python3 "$root/tests/cli/lockkey.py" "$data/stock-unlocked.key" tandem >cheap.key
exits 0 'a locked key of minisign signs' tandem bundle create --config bundle.conf -o locked.reup \
	--key cheap.key --password-file password
if command -v minisign >/dev/null; then
	tandem bundle extract locked.reup --manifest lm --signature lm.sig 2>/dev/null
	check 'and stock minisign verifies it' minisign -V -p "$data/stock.pub" -m lm -x lm.sig
else
	skip 'and stock minisign verifies it' 'minisign is not installed'
fi
finish
