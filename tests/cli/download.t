#!/bin/sh
# Bundles over HTTP: tandem bundle info and verify read them from a real nginx, and from servers that misbehave.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/web.sh"
for tool in nginx openssl python3; do command -v $tool >/dev/null || { skip 'downloads' "no $tool" && finish; }; done
trap 'web_stop; rm -rf "$dir"' EXIT
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

mkdir -p www
tandem key generate -o k --no-password >/dev/null
head -c 6000000 /dev/urandom >v.img
printf '[bundle]\ncompatible=x\nversion=1.0.0\nlevel=1\n[payload.root]\nkind=image\nfile=v.img\n' >bundle.conf
tandem bundle create --progress none --config bundle.conf --key k.key -o www/v.reup >/dev/null
size=$(stat -c %s www/v.reup)
web_start
badweb_start
at=http://127.0.0.1:$port
bad=http://127.0.0.1:$bad_port
verify() { timeout 60 tandem bundle verify --key k.pub --progress none "$@"; }

# sent: all bytes of bodies that were sent since the last time. $sent, $requests
sent() {
	if [ "$1" = bad ]; then log=$dir/bad.log field=3; else log=$dir/web/access.log field=2; fi
	sent=$(awk -v f=$field '{ n += $f } END { print n + 0 }' "$log")
	requests=$(wc -l <"$log")
	: >"$log"
}
cheap() { # cheap NAME: little more was sent than the file has
	check "$1" [ "$sent" -lt $((size + size / 20)) ]
}

exits 0 'info' tandem bundle info "$at/v.reup"
prints 'version:     1.0.0'
sent nginx
check 'info fetches the front only' [ "$sent" -lt 70000 ]
check 'in one request' [ "$requests" = 1 ]
exits 0 'verify' verify "$at/v.reup"
prints 'good: x 1.0.0'
sent nginx
cheap 'nothing is fetched twice'
check 'in requests of about 1 MiB' [ "$requests" -lt 12 ]
exits 0 'standard input' sh -c 'tandem bundle verify --key k.pub --progress none - <www/v.reup'
exits 1 'standard input that ends early' sh -c 'head -c 3000000 www/v.reup | tandem bundle verify --key k.pub --progress none -'
says 'truncated'

exits 0 'a server that ignores ranges is read once' verify "$at/noranges/v.reup"
sent nginx
check 'from beginning to end' [ "$sent" -lt $((size + 1000000)) ]
exits 0 'a server that answers one range at a time' verify "$at/one/v.reup"
sent nginx
exits 0 'redirects are followed' verify "$at/moved/v.reup"
sent nginx
cheap 'and remembered: each request goes straight there'
check 'one redirect' [ "$requests" -lt 14 ]
exits 1 'a redirect without end' verify "$at/loop/v.reup"
says 'redirects without end'
exits 1 'a redirect to something else' verify "$at/away/v.reup"
exits 1 '404' verify "$at/nothing.reup"
says 'HTTP status 404'
exits 1 '403' verify "$at/secret/v.reup"
says 'HTTP status 403'
# shellcheck disable=SC2046
exits 1 'a dead port' verify "http://127.0.0.1:$(free_ports 1)/v.reup"
says 'tried 3 times'
exits 1 'a name that does not exist' verify "http://name.invalid/v.reup"
exits 2 'another protocol is a file that is not there' tandem bundle info ftp://127.0.0.1/v.reup --limit-rate x
exits 2 'no host' verify http://
says 'is no http:// or https:// URL'
exits 1 'a password is not shown' verify "http://me:hidden@127.0.0.1:$port/nothing.reup?token=hidden"
check 'in no message' sh -c '! grep -q hidden "$1"' sh "$err"

before=$(date +%s%N)
exits 0 '--limit-rate' verify --limit-rate 3M "$at/v.reup"
took=$((($(date +%s%N) - before) / 1000000))
check "it takes about as long ($took ms)" sh -c '[ $1 -gt 1200 ] && [ $1 -lt 6000 ]' sh $took
exits 0 'a slow server' verify --connections 8 "$at/slow/v.reup"

exits 0 'https by a CA of our own' verify --ca-file web/ca.pem "https://localhost:$tls_port/v.reup"
exits 1 'https by a wrong CA' verify --ca-file web/client-ca.pem "https://localhost:$tls_port/v.reup"
says 'certificate'
exits 1 'https by the CAs of the system' verify "https://localhost:$tls_port/v.reup"
exits 1 'https does not lead to http' verify --ca-file web/ca.pem "https://localhost:$tls_port/down/v.reup"
exits 1 'without a certificate of the client' verify --ca-file web/ca.pem "https://localhost:$tls_port/known/v.reup"
says 'HTTP status 403'
exits 0 'with one' verify --ca-file web/ca.pem --client-cert web/client.pem --client-key web/client.key "https://localhost:$tls_port/known/v.reup"
exits 2 'a CA file that is not there' verify --ca-file nowhere.pem "https://localhost:$tls_port/v.reup"
says 'nowhere.pem'

# nginx is no forward proxy, but it takes the requests of one.
exits 0 'a proxy' verify --proxy "$at" http://name.invalid/v.reup
exits 0 'a proxy of the environment' sh -c "http_proxy=$at timeout 60 tandem bundle info http://name.invalid/v.reup"
exits 1 '--proxy none' sh -c "http_proxy=$at timeout 60 tandem bundle info --proxy none http://name.invalid/v.reup"

: >bad.log
exits 0 'every third request is dropped' verify "$bad/third/v.reup"
sent bad
cheap "less than 5 % is fetched twice ($sent of $size in $requests requests)"
exits 0 'only 100 kB of each request arrive' verify "$bad/cut/v.reup"
sent bad
cheap "they are put together ($sent of $size in $requests requests)"
exits 1 'a body that ends before its size' verify --net-timeout 2 "$bad/short/v.reup"
says 'tried'
exits 1 'a file that changes' verify "$bad/changed/v.reup"
says 'was changed on the server'
exits 1 'bytes that were not asked for' verify "$bad/elsewhere/v.reup"
says 'were not asked for'
exits 0 'no ranges, and cut twice' verify "$bad/noranges_cut/v.reup"
exits 0 'busy now and then' verify "$bad/busy/v.reup"
exits 1 'a stalled server' verify --net-timeout 2 "$bad/stall/v.reup"
exits 1 'a silent server' verify --net-timeout 2 "$bad/wait/v.reup"
exits 1 'a failure in words without an end' verify "$bad/words/v.reup"
says 'HTTP status 404'
exits 1 'a body that is encoded' verify "$bad/encoded/v.reup"
says 'Content-Encoding'

head -c $((size - 5000)) www/v.reup >www/cut.reup
exits 1 'a truncated file' verify "$at/cut.reup"
says 'truncated'
exits 1 'an empty file' sh -c ': >www/empty.reup; timeout 60 tandem bundle info "$1/empty.reup"' sh "$at"
exits 1 'no bundle' sh -c 'echo hello >www/hello.reup; timeout 60 tandem bundle info "$1/hello.reup"' sh "$at"
finish
