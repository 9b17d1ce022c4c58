#!/bin/bash
# Control groups of the kernel's own hierarchy, as root: test_cgroup.c. Skipped where version 2 is not there, or not ours.
here=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo '1..0 # SKIP not root'; exit 0; }
mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$mount" ] || { echo '1..0 # SKIP no cgroup version 2'; exit 0; }
mkdir "$mount/tandem-try" 2>/dev/null && rmdir "$mount/tandem-try" || { echo "1..0 # SKIP no groups can be made in $mount"; exit 0; }
CMOCKA_MESSAGE_OUTPUT=TAP exec "${TANDEM_BUILD:-$here/../build/debug}/tests/root/test_cgroup"
