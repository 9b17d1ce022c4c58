#!/bin/sh
# tandem bundle delta: made from moved, edited and shuffled content, verified and taken apart with its base; refused with
# another base, a damaged one, or cut short.
. "$(dirname "$0")/tap.sh"
export TMPDIR="$dir"
M=1048576

bundle() { # bundle VERSION IMAGE OUT [KEY]
	cat >bundle.conf <<CONF
[bundle]
compatible=vm-x86
version=$1
epoch=4
description=For the test
level=1
chunk-size=64K
[payload.root]
kind=image
file=$2
[payload.boot-a]
kind=file
slot=a
file=linux.efi
name=linux.efi
CONF
	tandem bundle create --config bundle.conf -o "$3" --key "${4-k.key}" >/dev/null
}

piece() { # piece FILE OFFSET BYTES
	tail -c +$(($2 + 1)) "$1" | head -c "$3"
}

tandem key generate -o k --no-password >/dev/null
tandem key generate -o other --no-password >/dev/null
export SOURCE_DATE_EPOCH=1700000000
head -c 300000 /dev/urandom >linux.efi
head -c $((3 * M)) /dev/urandom >old.img
head -c $((2 * M)) /dev/zero >>old.img
head -c $((M + 5000)) /dev/urandom >>old.img
# Moved by 777 bytes, edited in two places, shuffled, zeros, something new, and an end that is not a multiple of anything.
{
	head -c 777 /dev/urandom
	piece old.img 0 $M
	piece old.img $((M + 100)) 500000
	printf 'edited'
	piece old.img $((M + 500106)) 300000
	for i in 9 3 7 1 8 2 6 4 5; do piece old.img $((2 * M + i * 20000)) 20000; done
	head -c $M /dev/zero
	piece old.img $((5 * M)) $((M + 5000))
	head -c 3000 /dev/urandom
} >new.img
bundle 1.0.0 old.img old.reup
bundle 2.0.0 new.img new.reup
bundle 2.0.0 new.img foreign.reup other.key

exits 0 'a delta is made' tandem bundle delta old.reup new.reup -o d.reup --key k.key
prints 'from the old image: '
prints 'memory: '
check 'it is small' test "$(stat -c %s d.reup)" -lt 340000
exits 0 'with chunks of a chosen size' tandem bundle delta old.reup new.reup -o e.reup --key k.key --chunk-size 64K --level 1
exits 0 'which decode as well' tandem bundle verify e.reup --key k.pub --base old.reup
exits 0 'and again, with other threads' tandem bundle delta old.reup new.reup -o e.reup --key k.key --threads 5
check 'the two are the same' cmp d.reup e.reup
exits 0 'at another level, as JSON' \
	tandem bundle delta old.reup new.reup -o e.reup --key k.key --level 1 --json --progress=json
check 'in lines, since progress is as well' \
	sh -c "tail -n 1 '$out' | grep -q '^{\"file\": \"e.reup\", .*\"copy_chunks\": [0-9]*, \"ref_chunks\": [1-9]'"
check 'nothing temporary is left' sh -c '! ls "$TMPDIR" | grep -q tandem-'

exits 0 'it says what it is made from' tandem bundle info d.reup --key k.pub
hash=$(sed -n 's/.* with the hash \([0-9a-f]*\)$/\1/p' "$out")
prints 'payload root: image, '
prints ', made from the image of 6296456 bytes with the hash '
exits 0 'which is the content of the old bundle' tandem bundle info old.reup --json
prints "\"raw_hash\": \"$hash\""
exits 0 'as JSON too' tandem bundle info d.reup --json
prints "\"base_hash\": \"$hash\""
prints '"base_bytes": 6296456'

exits 0 'every chunk is verified with the old bundle' tandem bundle verify d.reup --key k.pub --base old.reup
exits 0 'and with the old image' tandem bundle verify d.reup --key k.pub --base old.img
exits 1 'but not without' tandem bundle verify d.reup --key k.pub
says 'made from another image, which is not at hand'
says 'next: --base FILE names the bundle or image that it was made for'
exits 1 'not with another bundle' tandem bundle verify d.reup --key k.pub --base new.reup
says 'new.reup: does not hold the image that payload root was made from'
exits 1 'not with a file that is shorter' tandem bundle verify d.reup --key k.pub --base new.img
says 'new.img: '
exits 3 'not with a bundle that nobody trusted signed' tandem bundle verify d.reup --key k.pub --base foreign.reup

exits 0 'the new image comes out of it' tandem bundle extract d.reup --key k.pub --base old.reup --payload root -o x.img
check 'byte for byte' cmp x.img new.img
exits 0 'what is no delta needs no base' tandem bundle extract d.reup --key k.pub --payload boot-a -o x.efi
check 'and is right' cmp x.efi linux.efi
exits 1 'an image does' tandem bundle extract d.reup --key k.pub --payload root -o y.img
check 'and is not there without' absent y.img y.img.tmp

cp old.img damaged.img
printf 'X' | dd of=damaged.img bs=1 seek=$((M + 5000)) conv=notrunc status=none
exits 1 'a damaged base is found out' tandem bundle extract d.reup --key k.pub --base damaged.img --payload root -o y.img
says 'is damaged, or is not the image that the delta was made for'
check 'and leaves nothing' absent y.img y.img.tmp
head -c $((7 * M)) /dev/urandom >random.img
exits 1 'so is one that is something else' tandem bundle verify d.reup --key k.pub --base random.img
size=$(stat -c %s d.reup)
head -c $((size - 1)) d.reup >short.reup
exits 1 'a delta that is cut short is' tandem bundle verify short.reup --key k.pub --base old.img
says 'truncated'
cp d.reup bad.reup
printf 'X' | dd of=bad.reup bs=1 seek=$((size - 1000)) conv=notrunc status=none
exits 1 'and one that is damaged' tandem bundle verify bad.reup --key k.pub --base old.img
says 'damaged'

exits 0 'the same image again costs nothing' tandem bundle delta new.reup new.reup -o same.reup --key k.key
check 'but its boot file' test "$(stat -c %s same.reup)" -lt 310000
exits 0 'and comes out' tandem bundle extract same.reup --key k.pub --base new.reup --payload root -o x.img
check 'byte for byte' cmp x.img new.img
exits 0 'a downgrade is a delta like others' tandem bundle delta new.reup old.reup -o back.reup --key k.key --level 1
exits 0 'and comes out' tandem bundle extract back.reup --key k.pub --base new.reup --payload root -o x.img
check 'byte for byte' cmp x.img old.img

exits 2 'a delta of a delta is refused' tandem bundle delta d.reup new.reup -o y.reup --key k.key
says 'is a delta itself: give the full bundle'
exits 3 'a bundle by somebody else is refused' tandem bundle delta old.reup foreign.reup -o y.reup --key k.key
says 'next: use a bundle signed by 1 of the trusted keys'
mkdir trust && cp other.pub trust/
exits 0 'but for those who trust him' tandem bundle delta old.reup foreign.reup -o y.reup --key k.key --trust trust --level 1
sed -i 's/vm-x86/vm-arm/' bundle.conf
tandem bundle create --config bundle.conf -o arm.reup --key k.key >/dev/null
exits 2 'a bundle for other machines is refused' tandem bundle delta old.reup arm.reup -o z.reup --key k.key
says "old.reup is for 'vm-x86', arm.reup for 'vm-arm'"
exits 2 'without a key there is no bundle' tandem bundle delta old.reup new.reup -o z.reup
exits 2 'nor without a name' tandem bundle delta old.reup new.reup --key k.key
exits 2 'nor at a level that zstd has not' tandem bundle delta old.reup new.reup -o z.reup --key k.key --level 23
exits 2 'nor with chunks of any size' tandem bundle delta old.reup new.reup -o z.reup --key k.key --chunk-size 5000
says '--chunk-size: 5000: not a multiple of 4096 up to 4194304'
exits 2 'nor from one bundle' tandem bundle delta old.reup -o z.reup --key k.key
check 'none of these left anything' absent z.reup z.reup.tmp
exits 0 'help is given' tandem bundle delta --help

# Encrypted
tandem key generate --encryption -o reader >/dev/null
sed -i 's/vm-arm/vm-x86/' bundle.conf
tandem bundle create --config bundle.conf -o locked.reup --key k.key --encrypt-to reader.recipient >/dev/null
exits 3 'an encrypted bundle needs its key' tandem bundle delta old.reup locked.reup -o z.reup --key k.key
exits 2 'and what is made of it is not left open' \
	tandem bundle delta old.reup locked.reup -o z.reup --key k.key --decrypt-with reader.key
says 'is encrypted: give --encrypt-to FILE for the delta as well'
exits 0 'but encrypted as well' tandem bundle delta old.reup locked.reup -o l.reup --key k.key --level 1 \
	--decrypt-with reader.key --encrypt-to reader.recipient
exits 0 'it is verified by who has the key' \
	tandem bundle verify l.reup --key k.pub --decrypt-with reader.key --base old.reup
exits 0 'others see that there is a base' tandem bundle info l.reup
prints 'with the hash (encrypted)'

# Slots with images of their own: what is going to be written to b is made from what runs in a.
slots() { # slots VERSION IMAGE-A IMAGE-B OUT
	cat >bundle.conf <<CONF
[bundle]
compatible=vm-x86
version=$1
epoch=4
[payload.root-a]
kind=image
slot=a
file=$2
[payload.root-b]
kind=image
slot=b
file=$3
CONF
	tandem bundle create --config bundle.conf -o "$4" --key k.key >/dev/null
}
slots 1.0.0 old.img linux.efi old2.reup
slots 2.0.0 linux.efi new.img new2.reup
exits 0 'images of slots are made from those of the other slot' \
	tandem bundle delta old2.reup new2.reup -o d2.reup --key k.key --level 1
check 'which is small' test "$(stat -c %s d2.reup)" -lt 60000
exits 0 'and right' tandem bundle verify d2.reup --key k.pub --base old2.reup
slots 2.0.0 linux.efi new.img new2.reup
exits 2 'one image cannot be made from whichever runs' tandem bundle delta old2.reup new.reup -o z.reup --key k.key
says 'has no image that one in new.reup can be made from'
finish
