#!/bin/sh
# tandem-tune plan: what is to be done on captured machines, and on this one.
. "$(dirname "$0")/tap.sh"

# machine NAME [GIB]: unpack a capture, as product "example"; with so much free on the root file system
machine() {
	rm -rf "$1"
	"$root/scripts/capture-facts" --unpack "$root/tests/data/facts/$1.txt" "$1" || exit 1
	mkdir -p "$1/etc/tandem"
	printf '[system]\nproduct=example\ncompatible=c\n' >"$1/etc/tandem/system.conf"
	[ -z "${2-}" ] || sed -i "s/^\/ .*/\/ 1048576 $(($2 * 1024)) $(($2 * 1024))/" "$1/tandem/statfs"
}
sysctl() { # sysctl MACHINE KEY/WITH/SLASHES VALUE
	mkdir -p "$1/proc/sys/${2%/*}"
	echo "$3" >"$1/proc/sys/$2"
}
policy() { # policy NAME: a tuning.conf with this swap policy
	printf '[swap]\npolicy=%s\n' "$1" >"$1.conf"
}
policy strict
policy guarantee
policy profile

exits 0 'plan explains itself' tandem-tune plan --help
prints 'usage: tandem-tune plan [--root DIR] [--config FILE] [--json]'
exits 2 'plan takes no operand' tandem-tune plan x
exits 1 'a root that is not there' tandem-tune plan --root nowhere
says 'tandem-tune: nowhere: No such file or directory'

# I11, T7, C1: a machine of 4 GB under each policy
machine small-4g 100
for p in strict guarantee profile; do
	exits 0 "4 GiB, policy $p" tandem-tune plan --root small-4g --config $p.conf --json
	cp "$out" $p.json
done
check 'is small with 4 MiB buffers (I11, I3)' grep -q '"network_buffer_bytes": 4194304' profile.json
check 'and 8 GiB of swap under profile (I11)' grep -q '"create_bytes": 8589934592' profile.json
check 'and 16 GiB under guarantee (T7)' grep -q '"create_bytes": 17179869184' guarantee.json
check 'and under strict (C1)' grep -q '"create_bytes": 17179869184' strict.json

sysctl small-4g vm/swappiness 60
sysctl small-4g vm/vfs_cache_pressure 100
sysctl small-4g net/core/rmem_max 212992
exits 0 'a machine with 4 GiB' tandem-tune plan --root small-4g
golden 'has this plan' <<'TEXT'
profile   small, 4.0 GiB RAM; no tuning.conf
sizes     network buffer 4.0 MiB (profile small: 4.0 MiB)
          database connections 5 (clamp(2 * 2 cores + 1 * 1 disk, 4, 50) = 5)
          shared buffers 1.0 GiB (clamp(25 % of 4.0 GiB, 128.0 MiB, 16.0 GiB) = 1.0 GiB)
          batch 500 (profile small: 500), workers 1 (2 cores: 1)
cpus      policy halves, 2 usable CPUs by package, node and core
          dpi      0 (half of 2 = 1)
          core     1 (the rest = 1)
          training 1 (as core: 2 CPUs, its own from 8 on)
swap      make, policy strict: max(profile small 8.0 GiB, max(16.0 GiB, 4.0 GiB RAM)) = 16.0 GiB
          nothing is switched on, 16.0 GiB missing
disk      100.0 GiB free
          swap             16.0 GiB  leaves 84.0 GiB
          reserve           5.0 GiB  leaves 79.0 GiB
          training-core     3.0 GiB  leaves 76.0 GiB
          training-dpi      3.0 GiB  leaves 73.0 GiB
          training-agent  200.0 MiB  leaves 72.8 GiB

STATE    ACTION        OBJECT                   NOW -> WANTED     WHY
change   swap-create   /swapfile                none -> 16.0 GiB  nothing is switched on, 16.0 GiB missing: max(profile small 8.0 GiB, max(16.0 GiB, 4.0 GiB RAM)) = 16.0 GiB (required)
change   sysctl        vm.swappiness            60 -> 10          on every machine: = 10
change   sysctl        vm.vfs_cache_pressure    100 -> 50         on every machine: = 50
change   sysctl        net.core.rmem_max        212992 -> 4194304 on every machine: >= $network-buffer = 4194304
change   cpus          example-core.service     - -> 1            what the others leave: the rest = 1
change   cpus          example-dpi.service      - -> 0            CPUs of its own: half of 2 = 1
change   cpus          example-training.service - -> 1, weight 50 shares core's CPUs at low weight: as core: 2 CPUs, its own from 8 on
change   cpus          system.slice             - -> 1            stays where core is: the rest = 1
change   cpus          user.slice               - -> 1            stays where core is: the rest = 1
change   cpus          init.scope               - -> 1            stays where core is: the rest = 1
change   irq           default_smp_affinity     - -> 1            interrupts that no driver places stay with core: the rest = 1

11 to change, 0 degraded, 0 pending, 0 as wanted
TEXT

exits 3 'a full disk is refused (T5, T7)' sh -c 'sed -i "s/^\/ .*/\/ 1048576 10240 10240/" small-4g/tandem/statfs; tandem-tune plan --root small-4g'
prints 'refused: the product must not start on this machine as it is'
prints 'refused  refuse        /swapfile'
exits 0 'under profile it is half of what is free (I6)' tandem-tune plan --root small-4g --config profile.conf
prints 'degraded swap-create   /swapfile'
prints 'none -> 5.0 GiB'

# I12, I8, N11: 196 GB, 48 CPUs
machine massive-196g 400
sysctl massive-196g fs/file-max 9223372036854775807
sysctl massive-196g net/core/rmem_max 212992
exits 0 '196 GiB' tandem-tune plan --root massive-196g --config profile.conf
golden 'is massive, 32 MiB, 32 GiB of swap (I12)' <<'TEXT'
profile   massive, 196.0 GiB RAM; profile.conf
sizes     network buffer 32.0 MiB (profile massive: 32.0 MiB)
          database connections 100 (clamp(2 * 48 cores + 1 * 1 disk, 100, 400) = 100)
          shared buffers 16.0 GiB (clamp(25 % of 196.0 GiB, 128.0 MiB, 16.0 GiB) = 16.0 GiB)
          batch 5000 (profile massive: 5000), workers 4 (48 cores: 4)
cpus      policy halves, 48 usable CPUs by package, node and core
          dpi      0-23 (half of 48 = 24)
          core     24-45 (the rest = 22)
          training 46-47 (the last 2 of 48 = 2)
swap      make, policy profile: profile massive: 32.0 GiB
          nothing is switched on, 32.0 GiB missing
disk      400.0 GiB free
          swap             32.0 GiB  leaves 368.0 GiB
          reserve           5.0 GiB  leaves 363.0 GiB
          training-core     3.0 GiB  leaves 360.0 GiB
          training-dpi      3.0 GiB  leaves 357.0 GiB
          training-agent  200.0 MiB  leaves 356.8 GiB

STATE    ACTION        OBJECT                   NOW -> WANTED       WHY
change   swap-create   /swapfile                none -> 32.0 GiB    nothing is switched on, 32.0 GiB missing: profile massive: 32.0 GiB
pending  sysctl        vm.swappiness            - -> 10             there is no such parameter yet: = 10
pending  sysctl        vm.vfs_cache_pressure    - -> 50             there is no such parameter yet: = 50
change   sysctl        net.core.rmem_max        212992 -> 33554432  on every machine: >= $network-buffer = 33554432
ok       sysctl        fs.file-max              9223372036854775807 on machines of profile massive: >= 1000000
change   cpus          example-core.service     - -> 24-45          what the others leave: the rest = 22
change   cpus          example-dpi.service      - -> 0-23           CPUs of its own: half of 48 = 24
change   cpus          example-training.service - -> 46-47          CPUs of its own: the last 2 of 48 = 2
change   cpus          system.slice             - -> 24-45          stays where core is: the rest = 22
change   cpus          user.slice               - -> 24-45          stays where core is: the rest = 22
change   cpus          init.scope               - -> 24-45          stays where core is: the rest = 22
change   irq           default_smp_affinity     - -> 24-45          interrupts that no driver places stay with core: the rest = 22

9 to change, 0 degraded, 2 pending, 1 as wanted
TEXT
exits 0 '196 GiB under guarantee' tandem-tune plan --root massive-196g --config guarantee.conf --json
prints '"create_bytes": 210453397504'

# I13, T3, T4: threads, nodes, a CPU that is off
machine smt-numa 100
exits 0 'threads and nodes' tandem-tune plan --root smt-numa
golden 'stay together, on the node of the card' <<'TEXT'
profile   small, 7.8 GiB RAM; no tuning.conf
sizes     network buffer 4.0 MiB (profile small: 4.0 MiB)
          database connections 17 (clamp(2 * 8 cores + 1 * 1 disk, 4, 50) = 17)
          shared buffers 1.9 GiB (clamp(25 % of 7.8 GiB, 128.0 MiB, 16.0 GiB) = 1.9 GiB)
          batch 500 (profile small: 500), workers 2 (8 cores: 2)
cpus      policy halves, 15 usable CPUs by package, node and core
          dpi      8-15 (half of 15, whole cores = 8)
          core     0-4 (the rest = 5)
          training 6-7 (the last 2 of 15, whole cores = 2)
          dpi starts on node 1, the network card's
swap      make, policy strict: max(profile small 8.0 GiB, max(16.0 GiB, 7.8 GiB RAM)) = 16.0 GiB
          nothing is switched on, 16.0 GiB missing
disk      100.0 GiB free
          swap             16.0 GiB  leaves 84.0 GiB
          reserve           5.0 GiB  leaves 79.0 GiB
          training-core     3.0 GiB  leaves 76.0 GiB
          training-dpi      3.0 GiB  leaves 73.0 GiB
          training-agent  200.0 MiB  leaves 72.8 GiB

STATE    ACTION        OBJECT                   NOW -> WANTED    WHY
change   swap-create   /swapfile                none -> 16.0 GiB nothing is switched on, 16.0 GiB missing: max(profile small 8.0 GiB, max(16.0 GiB, 7.8 GiB RAM)) = 16.0 GiB (required)
pending  sysctl        vm.swappiness            - -> 10          there is no such parameter yet: = 10
pending  sysctl        vm.vfs_cache_pressure    - -> 50          there is no such parameter yet: = 50
pending  sysctl        net.core.rmem_max        - -> 4194304     there is no such parameter yet: >= $network-buffer = 4194304
change   cpus          example-core.service     - -> 0-4         what the others leave: the rest = 5
change   cpus          example-dpi.service      - -> 8-15        CPUs of its own: half of 15, whole cores = 8
change   cpus          example-training.service - -> 6-7         CPUs of its own: the last 2 of 15, whole cores = 2
change   cpus          system.slice             - -> 0-4         stays where core is: the rest = 5
change   cpus          user.slice               - -> 0-4         stays where core is: the rest = 5
change   cpus          init.scope               - -> 0-4         stays where core is: the rest = 5
change   irq           default_smp_affinity     - -> 0-4         interrupts that no driver places stay with core: the rest = 5

8 to change, 0 degraded, 3 pending, 0 as wanted
TEXT
printf '[cpu]\nnumbering=linear\npolicy=reserve\n' >linear.conf
exits 0 'by number' tandem-tune plan --root smt-numa --config linear.conf
prints 'dpi      0-1 (the first 2 of 15 = 2)'
prints 'training 14-15 (the last 2 of 15 = 2)'

# C10: version 1 groups
machine firecracker-v1-groups
exits 0 'without control groups of version 2' tandem-tune plan --root firecracker-v1-groups
prints 'affinity only, there are no control groups of version 2'

# C2: swap that is there counts
machine eight-16g 100
exits 0 'swap that is there' tandem-tune plan --root eight-16g
prints '13.9 GiB'

machine container 100
exits 0 'a container' tandem-tune plan --root container --json
golden 'has this plan' <<'TEXT'
{
  "live": false,
  "config": null,
  "product": "example",
  "profile": "small",
  "sizes": {
    "network_buffer_bytes": 4194304,
    "db_connections": 5,
    "shared_buffers_bytes": 201326592,
    "batch_records": 500,
    "workers": 1
  },
  "size_formulas": {
    "network_buffer_bytes": "profile small: 4.0 MiB",
    "db_connections": "clamp(2 * 2 cores + 1 * 1 disk, 4, 50) = 5",
    "shared_buffers_bytes": "clamp(25 % of 768.0 MiB, 128.0 MiB, 16.0 GiB) = 192.0 MiB",
    "batch_records": "profile small: 500",
    "workers": "2 cores: 1"
  },
  "cpus": {
    "policy": "halves",
    "numbering": "topology",
    "pinned": true,
    "dpi": "1",
    "core": "2",
    "training": "2",
    "training_shares": true,
    "core_split": false,
    "dpi_node": null,
    "spills": false,
    "reason": "policy halves, 2 usable CPUs by package, node and core"
  },
  "swap": {
    "policy": "strict",
    "outcome": "make",
    "goal_bytes": 17179869184,
    "table_bytes": 8589934592,
    "guarantee_bytes": 17179869184,
    "have_bytes": 0,
    "zram_bytes": 0,
    "activate_bytes": 0,
    "missing_bytes": 17179869184,
    "create_bytes": 17179869184,
    "reason": "nothing is switched on, 16.0 GiB missing",
    "formula": "max(profile small 8.0 GiB, max(16.0 GiB, 768.0 MiB RAM)) = 16.0 GiB"
  },
  "disk": {
    "free_bytes": 107374182400,
    "claims": [
      {
        "name": "swap",
        "bytes": 17179869184,
        "fits": true,
        "left_bytes": 90194313216
      },
      {
        "name": "reserve",
        "bytes": 5368709120,
        "fits": true,
        "left_bytes": 84825604096
      },
      {
        "name": "training-core",
        "bytes": 3221225472,
        "fits": true,
        "left_bytes": 81604378624
      },
      {
        "name": "training-dpi",
        "bytes": 3221225472,
        "fits": true,
        "left_bytes": 78383153152
      },
      {
        "name": "training-agent",
        "bytes": 209715200,
        "fits": true,
        "left_bytes": 78173437952
      }
    ]
  },
  "actions": [
    {
      "action": "swap-create",
      "state": "change",
      "required": true,
      "object": "/swapfile",
      "current": "none",
      "wanted": "16.0 GiB",
      "bytes": 17179869184,
      "reason": "nothing is switched on, 16.0 GiB missing",
      "formula": "max(profile small 8.0 GiB, max(16.0 GiB, 768.0 MiB RAM)) = 16.0 GiB"
    },
    {
      "action": "sysctl",
      "state": "pending",
      "required": false,
      "object": "vm.swappiness",
      "current": "",
      "wanted": "10",
      "reason": "there is no such parameter yet",
      "formula": "= 10"
    },
    {
      "action": "sysctl",
      "state": "pending",
      "required": false,
      "object": "vm.vfs_cache_pressure",
      "current": "",
      "wanted": "50",
      "reason": "there is no such parameter yet",
      "formula": "= 50"
    },
    {
      "action": "sysctl",
      "state": "pending",
      "required": false,
      "object": "net.core.rmem_max",
      "current": "",
      "wanted": "4194304",
      "reason": "there is no such parameter yet",
      "formula": ">= $network-buffer = 4194304"
    },
    {
      "action": "cpus",
      "state": "change",
      "required": false,
      "object": "example-core.service",
      "current": "",
      "wanted": "2",
      "weight": 0,
      "reason": "what the others leave",
      "formula": "the rest = 1"
    },
    {
      "action": "cpus",
      "state": "change",
      "required": false,
      "object": "example-dpi.service",
      "current": "",
      "wanted": "1",
      "weight": 0,
      "reason": "CPUs of its own",
      "formula": "half of 2 = 1"
    },
    {
      "action": "cpus",
      "state": "change",
      "required": false,
      "object": "example-training.service",
      "current": "",
      "wanted": "2",
      "weight": 50,
      "reason": "shares core's CPUs at low weight",
      "formula": "as core: 2 CPUs, its own from 8 on"
    },
    {
      "action": "cpus",
      "state": "change",
      "required": false,
      "object": "system.slice",
      "current": "",
      "wanted": "2",
      "weight": 0,
      "reason": "stays where core is",
      "formula": "the rest = 1"
    },
    {
      "action": "cpus",
      "state": "change",
      "required": false,
      "object": "user.slice",
      "current": "",
      "wanted": "2",
      "weight": 0,
      "reason": "stays where core is",
      "formula": "the rest = 1"
    },
    {
      "action": "cpus",
      "state": "change",
      "required": false,
      "object": "init.scope",
      "current": "",
      "wanted": "2",
      "weight": 0,
      "reason": "stays where core is",
      "formula": "the rest = 1"
    },
    {
      "action": "irq",
      "state": "change",
      "required": false,
      "object": "default_smp_affinity",
      "current": "",
      "wanted": "2",
      "reason": "interrupts that no driver places stay with core",
      "formula": "the rest = 1"
    }
  ],
  "refused": false
}
TEXT
check 'this is JSON' python3 -m json.tool "$out"

# big machines, synthetic (tests/data/facts/make-synthetic)
for m in smt-256 numa-128 hybrid-24; do
	machine $m
	exits 0 "$m" tandem-tune plan --root $m
	grep -A 4 '^cpus' "$out" >$m.cpus
done
mv smt-256.cpus "$out"
golden '2 packages of 64 cores with two threads' <<'TEXT'
cpus      policy halves, 256 usable CPUs by package, node and core
          dpi      0-63,128-191 (half of 256, whole cores = 128)
          core     64-126,192-254 (the rest = 126)
          training 127,255 (the last 2 of 256, whole cores = 2)
          dpi starts on node 0, the network card's
TEXT
mv numa-128.cpus "$out"
golden '8 nodes of 16 CPUs, the card on node 5' <<'TEXT'
cpus      policy halves, 128 usable CPUs by package, node and core
          dpi      64-127 (half of 128 = 64)
          core     0-61 (the rest = 62)
          training 62-63 (the last 2 of 128 = 2)
          dpi starts on node 5, the network card's, and reaches beyond it
TEXT
mv hybrid-24.cpus "$out"
golden '8 performance cores with two threads, 8 of the efficiency kind' <<'TEXT'
cpus      policy halves, 24 usable CPUs by package, node and core
          dpi      0-7 (half of 16 of the performance kind, whole cores = 8)
          core     8-21 (the rest = 14)
          training 22-23 (the last 2 of 24, whole cores = 2)
          dpi starts on node 0, the network card's
TEXT

# configuration
machine small-4g 100
printf '[swap]\npath=/x\nsize=3\n' >small-4g/etc/tandem/tuning.conf
exits 2 'nonsense in tuning.conf' tandem-tune plan --root small-4g
says "small-4g/etc/tandem/tuning.conf:3: unknown key 'size' in [swap]"
golden 'prints no plan' </dev/null
exits 0 '--config goes before it' tandem-tune plan --root small-4g --config "$root/scripts/config/tuning.conf"
exits 1 'a file that is not there' tandem-tune plan --root small-4g --config none.conf
says 'none.conf: No such file or directory'
rm small-4g/etc/tandem/tuning.conf
printf '[system]\nproduct=../x\n' >small-4g/etc/tandem/system.conf
exits 2 'a product that is no name' tandem-tune plan --root small-4g
says "[system] product: '../x'"
rm small-4g/etc/tandem/system.conf
exits 0 'a capture without system.conf' tandem-tune plan --root small-4g
prints 'PRODUCT-core.service'
exits 1 'output that cannot be written' sh -c 'tandem-tune plan --root small-4g >/dev/full'
says 'tandem-tune: output'
finish
