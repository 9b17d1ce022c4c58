#!/bin/sh
# A tree from a real nginx, and from a server that ignores ranges: fetched once, in few requests (I9). There are no units here,
# so that the swap is all there is to the switch.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/web.sh"
for tool in nginx openssl python3; do command -v $tool >/dev/null || { skip 'downloads of trees' "no $tool" && finish; }; done
trap 'web_stop; rm -rf "$dir"' EXIT
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

mkdir -p www product/a trust
tandem key generate -o k --no-password >/dev/null && cp k.pub trust/
head -c 6000000 /dev/urandom >product/a/blob
cp product/a/blob product/again
truncate -s 50M product/hole
web_start
printf '[system]\nproduct=demo\ncompatible=demo\nmode=host\n[trust]\nkeys=%s/trust\n[tree]\nroot=%s/opt\nreserve=0\n' "$dir" "$dir" >host.conf
bundle() { # bundle VERSION
	printf '[bundle]\ncompatible=demo\nversion=%s\nlevel=1\n[payload.product]\nkind=tree\nfile=product\n' "$1" >b.conf
	tandem bundle create --progress none --config b.conf --key k.key -o "www/$1.reup" >/dev/null
}
sent() {
	sent=$(awk '{ n += $2 } END { print n + 0 }' "$dir/web/access.log")
	requests=$(wc -l <"$dir/web/access.log")
}
bundle 1.0.0
bundle 2.0.0
size=$(stat -c %s www/1.0.0.reup)

exits 0 'from nginx' tandem install "http://127.0.0.1:$port/1.0.0.reup" --config host.conf
check 'it is what was packed' diff -r product opt/current
sent
check "few requests ($requests)" [ "$requests" -lt 20 ]
check "fetched once ($sent of $size)" [ "$sent" -lt $((size * 21 / 20)) ]
exits 0 'from a server without ranges' tandem install "http://127.0.0.1:$port/noranges/2.0.0.reup" --config host.conf
check 'it is what was packed' diff -r product opt/current
exits 1 'one that is not there' tandem install "http://127.0.0.1:$port/3.0.0.reup" --config host.conf
says '404'
check 'nothing is left of it' [ "$(ls opt/releases | wc -l)" = 2 ]
finish
