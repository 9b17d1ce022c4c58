#!/bin/sh
# docs/dependencies.md and scripts/packages name the same packages.
cd "$(dirname "$0")/../.." || exit 1
echo 1..1
listed=$(sed -n 's/^\([^# ][^# ]*\).*/\1/p' scripts/packages | sort)
described=$(sed -n 's/^| \([a-z0-9+.-]*\) | .*/\1/p' docs/dependencies.md | grep -v '^package$' | sort)
if [ "$listed" = "$described" ]; then
	echo "ok 1 - every package is described, every description is of a package"
else
	echo "not ok 1 - every package is described, every description is of a package"
	echo "# in one of the two only:"
	printf '%s\n%s\n' "$listed" "$described" | sort | uniq -u | sed 's/^/#   /'
fi
