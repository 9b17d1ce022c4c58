# web.sh - real web servers for tests, on loopback, with all they need in the test's folder. Sourced after tap.sh.
#
#	web_start            nginx; serves $dir/www as http://127.0.0.1:$port/ and https://localhost:$tls_port/
#	badweb_start         tests/cli/badweb.py; serves $dir/www as http://127.0.0.1:$bad_port/WAY/...
#	web_stop             at the end; kills what was started
#
# With $web_enter, words before a command, nginx runs behind them, and listens on $web_address.
web_pids=
: "${web_enter=}" "${web_address=127.0.0.1}"

# free_ports N: that nobody listens on
free_ports() {
	python3 -c 'import socket, sys
s = [socket.socket() for _ in range(int(sys.argv[1]))]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])' "$1"
}

# wait_port PORT ADDRESS
wait_port() {
	# shellcheck disable=SC2086 # words
	$web_enter python3 -c 'import socket, sys, time
for _ in range(100):
    try:
        socket.create_connection((sys.argv[2], int(sys.argv[1]))).close()
        break
    except OSError:
        time.sleep(0.05)
else:
    sys.exit("nobody listens on port " + sys.argv[1])' "$1" "$2"
}

# certificate NAME CA: for localhost, by an authority of our own
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$2.key" -out "$2.pem" -days 2 \
		-subj "/CN=$2" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
	printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -extfile "$1.ext" -days 2 -out "$1.pem" 2>/dev/null
}

web_start() {
	# shellcheck disable=SC2046 # two words
	set -- $(free_ports 2)
	port=$1 tls_port=$2
	mkdir -p "$dir/web/tmp" "$dir/www"
	(cd "$dir/web" && certificate server ca && certificate client client-ca)
	user=
	[ "$(id -u)" != 0 ] || user='user root;'
	cat >"$dir/web/nginx.conf" <<CONF
$user
daemon off;
master_process off;
pid $dir/web/pid;
error_log $dir/web/error.log;
events { worker_connections 256; }
http {
	client_body_temp_path $dir/web/tmp; proxy_temp_path $dir/web/tmp; fastcgi_temp_path $dir/web/tmp;
	uwsgi_temp_path $dir/web/tmp; scgi_temp_path $dir/web/tmp;
	log_format sent '\$status \$body_bytes_sent \$bytes_sent \$request_length \$request_uri';
	access_log $dir/web/access.log sent;
	server {
		listen $web_address:$port;
		root $dir/www;
		location /plain/ { alias $dir/www/; }
		location /noranges/ { alias $dir/www/; max_ranges 0; }
		location /one/ { alias $dir/www/; max_ranges 1; }
		location /secret/ { return 403; }
		location /moved/ { rewrite ^/moved/(.*) /\$1 redirect; }
		location /loop/ { return 302 /loop/again; }
		location /away/ { return 302 ftp://127.0.0.1/; }
		location /slow/ { alias $dir/www/; limit_rate 200k; }
	}
	server {
		listen 127.0.0.1:$tls_port ssl;
		ssl_certificate $dir/web/server.pem;
		ssl_certificate_key $dir/web/server.key;
		ssl_client_certificate $dir/web/client-ca.pem;
		ssl_verify_client optional;
		root $dir/www;
		location /down/ { rewrite ^/down/(.*) http://127.0.0.1:$port/\$1 redirect; }
		location /known/ { if (\$ssl_client_verify != SUCCESS) { return 403; } alias $dir/www/; }
	}
}
CONF
	# shellcheck disable=SC2086 # words
	$web_enter nginx -p "$dir/web" -e "$dir/web/error.log" -c "$dir/web/nginx.conf" &
	web_pids="$web_pids $!"
	wait_port "$port" "$web_address"
}

badweb_start() {
	: >"$dir/.bad_port" # for whoever looks before the shell below has made it
	python3 "$root/tests/cli/badweb.py" "$dir/www" "$dir/bad.log" >"$dir/.bad_port" &
	web_pids="$web_pids $!"
	tries=300 # tenths of a second, for a busy machine
	while bad_port=$(cat "$dir/.bad_port") && [ -z "$bad_port" ] && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
}

web_stop() {
	# shellcheck disable=SC2086 # several
	[ -z "$web_pids" ] || kill $web_pids 2>/dev/null
}
