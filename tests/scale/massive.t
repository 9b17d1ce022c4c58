#!/usr/bin/env python3
"""I12: a machine of 196 GB and 48 processors boots, is tuned, and has what the massive profile says.

Its memory is a sparse file: what the guest does not touch costs nothing. Takes minutes, and some 10 GiB of disk while it runs.
"""
import json
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests/vm'))
import appliance   # noqa: E402
import tap         # noqa: E402

GIB = 1 << 30
READY_S = 1500
STEP_S = 600


def swap_gib(up):
    lines = up.boot.must('cat /proc/swaps', STEP_S).splitlines()[1:]
    return -(-sum(int(line.split()[2]) << 10 for line in lines) // GIB)


def main():
    # With more emulated processors than real ones the kernel may find that its timer does not work, and panic.
    image = appliance.image('1.0.0', 'good', True, '--cmdline', 'no_timer_check', tuning={'swap.policy': 'profile'}, health_s=600)
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'massive'), cpus=48, memory_mib=196 * 1024)
    machine.with_disk(a=image, size='280G')
    memory = os.path.join(machine.folder, 'memory')
    with open(memory, 'wb') as file:
        file.truncate(196 * GIB)
    try:
        up = machine.up(READY_S, arguments=['-object', 'memory-backend-file,id=ram,size=196G,share=on,prealloc=off,mem-path=' + memory,
                                            '-machine', 'memory-backend=ram'])
        plan = json.loads(up.boot.must('tandem-tune plan --json', STEP_S))
        tap.equal(plan['profile'], 'massive', 'I12: the profile is massive')
        tap.equal(int(up.boot.must('cat /proc/sys/net/core/rmem_max', STEP_S)), 32 << 20, 'I12: 32 MiB network buffers')
        tap.equal(swap_gib(up), 32, 'I12: 32 GiB of swap under policy profile')
        tap.ok(int(up.boot.must('cat /proc/sys/fs/file-max', STEP_S)) >= 1000000, 'I8: a million open files')
        tap.ok(100 <= plan['sizes']['db_connections'] <= 400, 'N11: 100 to 400 database connections', plan['sizes'])
        up.boot.must('tandem-tune undo && sed "s/^policy=.*/policy=guarantee/" /etc/tandem/tuning.conf >/run/g.conf', STEP_S)
        up.boot.must('tandem-tune apply --config /run/g.conf', STEP_S)
        tap.equal(swap_gib(up), 196, 'T1: as much swap as RAM under policy guarantee')
        tap.equal(up.boot.must('cat /run/systemd/system/ransomeye-training.service.d/affinity.conf | grep ^AllowedCPUs | tail -1', STEP_S).strip(),
                  'AllowedCPUs=46-47', 'T4: the last two processors are for training')
        up.boot.cut()
    finally:
        os.unlink(memory)


tap.run(main)
