#!/bin/sh
# tandem setup below a root folder: mistakes, what is in the way, the plan, and with root all of it. I15
. "$(dirname "$0")/tap.sh"

exits 0 'setup --help' tandem setup --help
prints 'usage: tandem setup [BUNDLE]'
exits 2 'an unknown option is a mistake' tandem setup --frob
exits 2 'one bundle' tandem setup a b
exits 2 '--keep-data alone' tandem setup --keep-data
says '--keep-data goes with --remove'
exits 2 '--remove with a product' tandem setup --remove --product demo
says 'needs no more than that'

mkdir -p r/etc r/usr/lib/systemd r/proc/net r/var/lib r/var/log r/opt
: >r/usr/lib/systemd/systemd
printf 'ID=debian\nVERSION_ID="12"\n' >r/etc/os-release
for f in passwd passwd- ; do echo 'root:x:0:0:root:/root:/bin/sh' >r/etc/$f; done
for f in group group-; do echo 'root:x:0:' >r/etc/$f; done
for f in shadow shadow-; do echo 'root:*:19000:0:99999:7:::' >r/etc/$f; done
for f in gshadow gshadow-; do echo 'root:*::' >r/etc/$f; done
tandem key generate --no-password -o release >/dev/null 2>&1
setup() { tandem setup --root r --templates "$root/scripts/host" "$@"; }
listing() { find r \( -type f ! -name '*-' -printf '%p %m ' -exec cksum {} \; \) -o -printf '%p %m %l\n' | sort; }
listing >before

exits 2 'which product?' setup
says 'next: give a bundle, or --product NAME'
exits 2 'a product name that cannot be' setup --product Demo --key release.pub
says "'Demo' cannot be a product's name"
says 'next: 1 to 32 lower-case letters'
exits 2 'whose signature is trusted?' setup --product demo
says 'next: give --key FILE.pub or --trust DIR'
exits 2 'an URL that is none' setup --product demo --key release.pub --url ftp://x
exits 2 '--threshold 0' setup --product demo --key release.pub --threshold 0
exits 2 '--user root' setup --product demo --key release.pub --user root --dry-run
exits 1 'no such folder' tandem setup --root missing --product demo
says '--root missing: No such file or directory'
exits 1 'no templates' tandem setup --root r --templates missing --product demo --key release.pub --dry-run
says "next: 'make install' puts the templates there"
exits 1 'no such bundle' setup missing.reup --key release.pub --dry-run
says 'missing.reup: No such file or directory'
: >empty.reup
exits 1 'no bundle' setup empty.reup --key release.pub --dry-run
exits 4 'nothing was set up' setup --remove --dry-run
says 'nothing was set up here'
if [ "$(id -u)" != 0 ]; then
	exits 1 'not root' setup --product demo --key release.pub
	says 'next: run it with sudo, or look at what it would do: --dry-run'
else
	skip 'not root' 'is root'
	skip 'what to do about it' 'is root'
fi

exits 0 'the plan' setup --product demo --key release.pub --dry-run
prints 'create   user      demo'
prints 'create   trees     /opt/demo'
prints 'create   file      /etc/systemd/system/demo-dpi.service'
prints 'create   link      /etc/systemd/system/multi-user.target.wants/demo-core.service'
prints 'create   link      /etc/systemd/system/timers.target.wants/tandem-train.timer'
prints 'pending  database  PostgreSQL: tandem-intel, which sets it up, is not installed here'
prints 'demo: 23 steps to do; nothing was changed'
listing >now
check 'nothing was changed' diff before now
exits 0 'the plan as JSON' setup --product demo --key release.pub --dry-run --json
prints '"result": "planned"'
prints '"name": "/etc/tandem/system.conf",'
if command -v python3 >/dev/null; then
	check 'it is JSON' python3 -m json.tool "$out"
fi

echo 'demo:x:1000:1000::/home/demo:/bin/sh' >>r/etc/passwd
exits 3 'a user that is somebody else' setup --product demo --key release.pub --dry-run --json
prints '"state": "foreign"'
exits 0 'unless he is meant' setup --product demo --key release.pub --dry-run --user demo
sed -i '$d' r/etc/passwd
printf 'sl local rem st\n 0: 00000000:0FA0 00000000:0000 0A\n' >r/proc/net/tcp
exits 0 'a port is no matter of a plan with another' setup --product demo --key release.pub --dry-run --url http://localhost:4001/h
exits 0 'and of another machine none' setup --product demo --key release.pub --dry-run --url http://example.org:4000/h
exits 3 'a port that is taken' setup --product demo --key release.pub --dry-run
says 'port 4000 is taken by another program'
says "next: stop it ('ss -ltnp' names it), or give --url with another port"
rm r/proc/net/tcp
printf '[system]\nproduct=demo\ncompatible=demo\n' >conf
mkdir r/etc/tandem && cp conf r/etc/tandem/system.conf
exits 3 'an appliance' setup --product demo --key release.pub --dry-run
says 'next: an appliance with slots is no host'
rm -r r/etc/tandem

if [ "$(id -u)" != 0 ] || ! command -v useradd >/dev/null; then
	skip 'setup and removal' 'not root'
	finish
fi
exits 0 'setup' setup --product demo --key release.pub --compatible demo-host
prints 'demo: set up'
check 'the user is there' grep -q '^demo:.*:/var/lib/demo:/usr/sbin/nologin$' r/etc/passwd
check 'the configuration is one' tandem status --config r/etc/tandem/system.conf
check 'its stage is one' tandem-stage list --stages r/etc/tandem/stages.d
exits 4 'a second run has nothing to do, and needs no options' setup
prints 'demo: nothing to do'
exits 3 'another product' setup --product other --key release.pub
says "next: tandem setup --remove takes that back"
exits 3 'another user' setup --user other
exits 0 'another URL is a change' setup --url http://localhost:4001/health
prints 'change   file      /etc/tandem/system.conf'
echo '# mine' >>r/etc/tandem/tuning.conf
exits 4 'what was edited is kept' setup
prints 'kept     file      /etc/tandem/tuning.conf: changed since tandem setup has written it'
exits 0 'what --remove would do' setup --remove --dry-run
prints 'keep     file      /etc/tandem/tuning.conf'
prints 'remove   user      demo'
exits 0 'removed' setup --remove
check 'but not what was edited' test -e r/etc/tandem/tuning.conf
rm -r r/etc/tandem
listing >now
check 'nothing else is left' diff before now
finish
