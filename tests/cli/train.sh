# train.sh - a machine below r/ that trains, for the tests of tandem-train. Sourced behind tap.sh.
#
#	machine
#	job 10-core 'exit 0' cap=1M
#	exits 0 'it runs' train run

# machine: a fresh one, without jobs
machine() {
	rm -rf "$dir/r"
	mkdir -p "$dir/r/etc/tandem/jobs.d" "$dir/r/bin"
	printf '[system]\nproduct=demo\ncompatible=demo\nmode=host\n' >"$dir/r/etc/tandem/system.conf"
	printf '[trainer]\nquota=scan\nreserve=0\n' >"$dir/r/etc/tandem/trainer.conf"
	rm -f "$dir"/ran
}

# job NN-NAME SCRIPT KEY=VALUE...: a job that is a shell script; it has no first model, unless a key says so
job() {
	file=$1 name=${1#??-}
	{ echo '#!/bin/sh'; printf 'echo %s >>%s/ran\n%s\n' "$name" "$dir" "$2"; } >"$dir/r/bin/$name"
	chmod 755 "$dir/r/bin/$name"
	shift 2
	{ printf '[job]\nexec=%s\n' "$dir/r/bin/$name"; case " $* " in *' exec-seed='*) ;; *) echo exec-seed=none ;; esac
	  [ $# = 0 ] || printf '%s\n' "$@"; } >"$dir/r/etc/tandem/jobs.d/$file.job"
}

train() {
	timeout 60 "$TANDEM_BIN/tandem-train" "$@" --root "$dir/r"
}

# state JOB FIELD VALUE: of tandem-train status --json
state() {
	check "$1: $2 is $3" python3 -c '
import json, subprocess, sys
jobs = json.loads(subprocess.check_output(["tandem-train", "status", "--json", "--root", "r"]))["jobs"]
value = {j["name"]: j for j in jobs}[sys.argv[1]]
for key in sys.argv[2].split("."):
    value = value[key]
assert str(value) == sys.argv[3], value' "$1" "$2" "$3"
}

folder=r/var/lib/demo/models
