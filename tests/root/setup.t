#!/bin/bash
# tandem setup on a file system that is full: it says so, changes nothing it cannot finish, goes on once there is room, and is
# taken back whole. As root, in a mount namespace. I15
here=$(cd "$(dirname "$0")/.." && pwd)
tandem=${TANDEM_BIN:-$here/../build/debug/bin}/tandem
. "$here/root/ok.sh"
alone setup "$@"
mkdir r && mount -t tmpfs -o size=1m,nr_inodes=40 none r || { echo '1..0 # SKIP nothing can be mounted'; exit 0; }

setup() { "$tandem" setup --root r --templates "$here/../scripts/host" "$@" >out 2>err; }
listing() { find r \( -type f ! -name '*-' -printf '%p %m ' -exec cksum {} \; \) -o -printf '%p %m %l\n' | sort; }

mkdir -p r/{etc,usr/lib/systemd,var/{lib,log},opt}
: >r/usr/lib/systemd/systemd
echo 'ID=debian' >r/etc/os-release
for copy in '' -; do
	echo 'root:x:0:0:root:/root:/bin/sh' >r/etc/passwd$copy
	echo 'root:x:0:' >r/etc/group$copy
	echo 'root:*:19000:0:99999:7:::' >r/etc/shadow$copy
	echo 'root:*::' >r/etc/gshadow$copy
done
"$tandem" key generate --no-password -o release >/dev/null 2>&1
listing >before

setup --product demo --key release.pub
[ $? = 1 ] && grep -q 'No space left on device' err && grep -q 'next: put it right and run tandem setup again' err
ok 'a full file system is said, with what to do'
[ -s r/var/lib/tandem/setup.journal ]
ok 'the journal knows how far it came'
mount -o remount,nr_inodes=400 r && setup && [ -L r/etc/systemd/system/multi-user.target.wants/demo-training.service ]
ok 'with room it goes on'
setup
[ $? = 4 ]
ok 'and is done'
setup --remove && listing | diff before - >err
ok 'removed, nothing is left'

mount -o remount,nr_inodes=40 r
setup --product demo --key release.pub
setup --remove && listing | diff before - >err
ok 'nor of one that was given up where it was full'
echo "1..$n"
