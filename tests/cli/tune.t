#!/bin/sh
# tandem-tune: facts of captured machines and of this one.
. "$(dirname "$0")/tap.sh"

exits 0 'it says its version' tandem-tune --version
exits 0 'it lists its verbs' tandem-tune --help
prints 'facts'
exits 2 'no verb is a mistake' tandem-tune
exits 2 'a misspelt verb is a mistake' tandem-tune fact
says "did you mean 'facts'?"
exits 0 'facts explains itself' tandem-tune facts --help
prints 'usage: tandem-tune facts [--root DIR] [--json]'
exits 2 'facts takes no operand' tandem-tune facts x
exits 2 'facts refuses an unknown option' tandem-tune facts --no-such-option

for machine in small-4g eight-16g smt-numa container; do
	"$root/scripts/capture-facts" --unpack "$root/tests/data/facts/$machine.txt" "$machine" || exit 1
done

exits 0 'a machine with 4 GiB' tandem-tune facts --root small-4g
golden 'is told (I11)' <<'TEXT'
cpus        2 usable (0-1): 2 cores, 1 package, 1 NUMA node
  package 0 node 0: 0 1
memory      4.0 GiB in blocks of 128.0 MiB; MemTotal 3.8 GiB
swap        none
disk        vda: 2.0 GiB, rotating
filesystem  /: ext4 on vda2, 898.8 MiB of 973.4 MiB free
TEXT
exits 0 'a machine with swap and several disks' tandem-tune facts --root eight-16g
golden 'is told (C12)' <<'TEXT'
cpus        8 usable (0-7): 8 cores, 1 package, 1 NUMA node
  package 0 node 0: 0 1 2 3 4 5 6 7
memory      16.0 GiB in blocks of 128.0 MiB; MemTotal 15.6 GiB
swap        /swap file: 63.9 MiB, 0 B used, priority 10
swap        /dev/sda1: 1.9 GiB, 0 B used, priority -2
swap        /dev/zram0: 255.9 MiB, 0 B used, priority 100, in memory
disk        dm-0: 2.0 GiB, not rotating, virtual
disk        nvme0n1: 8.0 GiB, not rotating
disk        sda: 8.0 GiB, rotating
disk        vda: 2.0 GiB, rotating
disk        zram0: 256.0 MiB, not rotating, virtual
filesystem  /: ext4 on vda2, 834.1 MiB of 973.4 MiB free
filesystem  /data: ext4 on dm-0, 1.7 GiB of 1.8 GiB free
TEXT
exits 0 'a machine with threads and nodes' tandem-tune facts --root smt-numa
golden 'is told' <<'TEXT'
cpus        15 usable (0-4,6-15): 8 cores, 2 packages, 2 NUMA nodes
  package 0 node 0: 0,1 2,3 4 6,7
  package 1 node 1: 8,9 10,11 12,13 14,15
  offline   5
memory      7.8 GiB in blocks of 128.0 MiB; MemTotal 7.6 GiB
swap        none
disk        vda: 2.0 GiB, rotating
filesystem  /: ext4 on vda2, 898.8 MiB of 973.4 MiB free
nic         eth0: node 1
TEXT

exits 0 'a container' tandem-tune facts --json --root=container
golden 'is told as JSON' <<'TEXT'
{
  "live": false,
  "cpus": {
    "usable": "1-2",
    "online": "0-3",
    "offline": "",
    "allowed": "1-2",
    "affinity": "0-3",
    "count": 2,
    "cores": 2,
    "packages": 1,
    "nodes": 1,
    "smt": false,
    "hybrid": false,
    "list": [
      {
        "cpu": 1,
        "package": 0,
        "node": 0,
        "core": 1,
        "thread": 0,
        "kind": "performance",
        "capacity": 1024
      },
      {
        "cpu": 2,
        "package": 0,
        "node": 0,
        "core": 2,
        "thread": 0,
        "kind": "performance",
        "capacity": 1024
      }
    ]
  },
  "memory": {
    "usable_bytes": 805306368,
    "ram_bytes": 2147483648,
    "limit_bytes": 805306368,
    "kernel_bytes": 2074136576,
    "block_bytes": 134217728
  },
  "swap": {
    "bytes": 0,
    "used_bytes": 0,
    "areas": []
  },
  "disks": [
    {
      "name": "vda",
      "size_bytes": 2147483648,
      "rotational": true,
      "removable": false,
      "read_only": false,
      "physical": true
    }
  ],
  "filesystems": [
    {
      "mount": "/",
      "type": "ext4",
      "device": "vda2",
      "disk": "vda",
      "read_only": false,
      "size_bytes": 1020702720,
      "free_bytes": 942465024
    }
  ],
  "nics": [],
  "degraded": []
}
TEXT
check 'this is JSON' python3 -m json.tool "$out"

rm -r container/sys/devices/system/node
exits 0 'a machine without nodes' tandem-tune facts --root container
prints 'degraded    numa: container/sys/devices/system/node/online: not there; one node is assumed'
exits 0 'tells that as JSON too' tandem-tune facts --root container --json
prints '"fact": "numa"'
echo 0-x >container/sys/devices/system/cpu/online
exits 1 'text that cannot be' tandem-tune facts --root container
says "tandem-tune: container/sys/devices/system/cpu/online: 'x' where a CPU number is wanted"
rm container/sys/devices/system/cpu/online
exits 1 'no CPUs at all' tandem-tune facts --root container --json
says 'tandem-tune: container/sys/devices/system/cpu/online: not there'
says 'next: mount sysfs on container/sys'
golden 'prints no half of an object' </dev/null
exits 1 'a root that is not there' tandem-tune facts --root nowhere
says 'tandem-tune: nowhere: No such file or directory'

exits 0 'this machine' tandem-tune facts
prints 'cpus '
exits 0 'this machine as JSON' tandem-tune facts --json
check 'is JSON' python3 -m json.tool "$out"
prints '"live": true'
cpu=$(sed -n 's/^ *"cpu": \([0-9]*\),$/\1/p' "$out" | head -n 1)
exits 0 'on one CPU only' taskset -c "$cpu" tandem-tune facts --json
prints "\"usable\": \"$cpu\""
exits 1 'output that cannot be written' sh -c 'tandem-tune facts >/dev/full'
says 'tandem-tune: output'
exits 1 'nor as JSON' sh -c 'tandem-tune facts --json >/dev/full'
says 'output cannot be written'

printf 'no capture\n' >not-one
exits 1 'what is no capture is not unpacked' "$root/scripts/capture-facts" --unpack not-one there
says 'capture-facts: not-one: not a capture'
printf '# tandem facts capture 1: x\nf ../out x\n' >outside
exits 1 'nor is what leads out of the folder' "$root/scripts/capture-facts" --unpack outside there
says 'leads out of the folder'
exits 2 'nor without words' "$root/scripts/capture-facts"
"$root/scripts/capture-facts" 'this machine' >this 2>"$err" || cat "$err"
exits 0 'a capture of this machine' "$root/scripts/capture-facts" --unpack this here
exits 0 'can be read' tandem-tune facts --root here
finish
