#!/bin/bash
# Caps of training on file systems of their own, as root, with loop devices: test_traincap.c. Each kind is skipped where the
# kernel has none; project quotas are in Debian's. All mounts are in a namespace of their own.
here=$(cd "$(dirname "$0")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
. "$here/root/ok.sh"
alone cap "$@"
for modules in loop quota_v2; do modprobe -q "$modules" 2>/dev/null; done

# on NAME SIZE OPTIONS MAKER...: a file system of that size at NAME; adds it to $PLACES when it can be mounted
PLACES=
on() {
	local name=$1 size=$2 options=$3
	shift 3
	truncate -s "$size" "$name.disk" && "$@" "$name.disk" >/dev/null 2>&1 && mkdir "$name" &&
		mount -o "loop,$options" "$name.disk" "$name" 2>/dev/null || { echo "# no $name here"; return; }
	PLACES="$PLACES $PWD/$name"
}
on ext4 200M prjquota mkfs.ext4 -q -O quota,project
on counted 200M noatime mkfs.ext4 -q -O quota,project
on xfs 400M prjquota mkfs.xfs -q
export TRAINCAP_PROJECT="${PLACES# }"
PLACES=
on plain 400M noatime mkfs.ext4 -q
export TRAINCAP_PLAIN="${PLACES# }"
CMOCKA_MESSAGE_OUTPUT=TAP "${TANDEM_BUILD:-$here/../build/debug}/tests/root/test_traincap"
r=$?
umount -R "$PWD"/*/job-* "$PWD"/*/ 2>/dev/null
exit $r
