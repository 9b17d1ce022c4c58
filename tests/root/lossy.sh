# lossy.sh - a network that loses packets, between two namespaces of its own. Sourced by bash after web.sh, as root.
#
#	lossy_start 2 || skip...    2 % of the packets in each direction; $lossy_why when it cannot be had
#	web_start                   then listens inside
#	$lossy_in COMMAND           is on the other end
#	lossy_stop
lossy_why='' lossy_how='' lossy_in='' lossy_server=tandem-web-$$ lossy_client=tandem-net-$$

# lose NAMESPACE DEVICE PERCENT: by netem, or where the kernel has none by a rule that drops what arrives
lose() {
	if ip netns exec "$1" tc qdisc add dev "$2" root netem loss "$3%" 2>/dev/null; then
		lossy_how=netem
	elif ip netns exec "$1" iptables -A INPUT -i "$2" -m statistic --mode random --probability "$(awk "BEGIN { print $3 / 100 }")" \
		-j DROP 2>/dev/null; then
		lossy_how=iptables
	else
		lossy_why='neither netem nor iptables can lose packets here'
		return 1
	fi
}

lossy_start() {
	ip netns add "$lossy_server" 2>/dev/null && ip netns add "$lossy_client" 2>/dev/null ||
		{ lossy_why='no network namespaces'; return 1; }
	ip -n "$lossy_server" link add web type veth peer name net netns "$lossy_client" 2>/dev/null ||
		{ lossy_why='no veth devices'; return 1; }
	ip -n "$lossy_server" addr add 10.219.0.1/30 dev web && ip -n "$lossy_client" addr add 10.219.0.2/30 dev net &&
		ip -n "$lossy_server" link set web up && ip -n "$lossy_server" link set lo up &&
		ip -n "$lossy_client" link set net up || { lossy_why='no addresses'; return 1; }
	lose "$lossy_server" web "$1" && lose "$lossy_client" net "$1" || return 1
	lossy_in="ip netns exec $lossy_client"
	# shellcheck disable=SC2034 # for web.sh
	web_enter="ip netns exec $lossy_server" web_address=10.219.0.1
}

lossy_stop() {
	ip netns del "$lossy_server" 2>/dev/null
	ip netns del "$lossy_client" 2>/dev/null
	# shellcheck disable=SC2034
	web_enter='' web_address=127.0.0.1
}
