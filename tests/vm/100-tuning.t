#!/usr/bin/env python3
"""Tuning before the system starts, at real sizes: swap, kernel parameters, and who runs on which CPU (I1-I8, I11, I13, T1-T7)."""
import json
import os

import appliance
import tap

GIB = 1 << 30
MEMORY_MIB = 4096


def swap_bytes(up):
    """What the kernel has switched on, in whole GiB: the header takes a page of each file."""
    lines = up.boot.must('cat /proc/swaps').splitlines()[1:]
    return -(-sum(int(line.split()[2]) << 10 for line in lines) // (1 << 20)) << 20


def stage(up, name):
    return json.loads(up.boot.must('cat /run/tandem/stages/%s.json' % name))


def parameter(up, key):
    return int(up.boot.must('cat /proc/sys/' + key.replace('.', '/')))


def allowed(up, unit):
    """Cpus_allowed_list of a unit's main process."""
    return up.boot.must('sed -n "s/^Cpus_allowed_list:[[:blank:]]*//p" /proc/$(systemctl show -P MainPID %s)/status' % unit).strip()


def fit(machine):
    """T7 swap, I3, I8, T6: a first boot with 4 GiB and two processors under the strict policy."""
    up = machine.up()
    plan = json.loads(up.boot.must('tandem-tune plan --json'))
    tap.equal(plan['profile'], 'small', 'I11: a machine of 4 GiB has the small profile')
    tap.equal(swap_bytes(up), 16 * GIB, 'T7: it has 16 GiB of swap before the product starts')
    tap.equal(up.boot.must('stat -c "%a %u" /data/swap/swapfile').strip(), '600 0', 'I7: in a file that only root can read')
    tap.equal(parameter(up, 'net.core.rmem_max'), 4 << 20, 'I11: 4 MiB network buffers')
    tap.equal((parameter(up, 'vm.swappiness'), parameter(up, 'vm.vfs_cache_pressure')), (10, 50), 'T6: swappiness and cache pressure')
    tune = stage(up, 'tune')
    tap.equal((tune['result'], tune['phase']), ('passed', 'initramfs'), 'the stage has passed, in the initramfs phase')
    started = int(up.boot.must('systemctl show -P UserspaceTimestampMonotonic')) if up.boot else 0
    tap.ok(tune['end_us'] <= started, 'it had ended before the service manager started', '%d, %d' % (tune['end_us'], started))
    up.boot.must('test -e /run/ransomeye/tune.ok && ! test -e /var/lock/ransomeye-resource-fail')
    tap.equal(up.boot.must('systemctl is-active ransomeye-core ransomeye-dpi ransomeye-training').split(), ['active'] * 3,
              'the product runs')
    tap.equal(up.boot.sh('tandem-tune check').code, 0, 'check finds no drift')
    tap.equal(allowed(up, 'ransomeye-dpi'), '0', 'I4: of two processors the first is for packet inspection')
    tap.equal(allowed(up, 'ransomeye-core'), '1', 'I4: and the second for the core')
    tap.equal(up.verdict()['verdict'], 'healthy', 'the boot is healthy')
    return up


def policies(up):
    """C1: the same machine under each policy, applied by hand."""
    for policy, gib, requirement in (('profile', 8, 'I11'), ('guarantee', 16, 'T7')):
        up.boot.must('tandem-tune undo')
        tap.equal(swap_bytes(up), 0, 'undo leaves no swap')
        up.boot.must('sed "s/^policy=strict/policy=%s/" /etc/tandem/tuning.conf >/run/%s.conf' % (policy, policy))
        up.boot.must('tandem-tune apply --config /run/%s.conf' % policy)
        tap.equal(swap_bytes(up), gib * GIB, '%s: %d GiB of swap under policy %s' % (requirement, gib, policy))


def eight_processors(machine, up):
    """I13, T7 pinning: the same disk in a machine with eight processors."""
    machine.machine.cpus = 8
    up = machine.again(up)
    tap.equal(swap_bytes(up), 16 * GIB, 'the next boot has its swap again')
    tap.equal(allowed(up, 'ransomeye-dpi'), '0-3', 'I13: packet inspection runs on the first half')
    tap.equal(allowed(up, 'ransomeye-training'), '6-7', 'T7: the last two are for training')
    tap.equal(allowed(up, 'ransomeye-core'), '4-5', 'C3: the core has the rest')
    tap.equal(up.boot.must('cat /sys/fs/cgroup/system.slice/cpuset.cpus.effective').strip(), '4-5', 'the system stays off the others')
    files = up.boot.must('cd /run/systemd/system && ls -d ransomeye-training.service.d/*').split()
    tap.equal(files, ['ransomeye-training.service.d/affinity.conf', 'ransomeye-training.service.d/cpu-isolation.conf'],
              'T4: both names of the drop-in are there')
    tap.equal(up.boot.sh('tandem-tune check').code, 0, 'check finds no drift')
    return up


def full_disk(machine, up):
    """T5, T7 safety, C13: no room for the swap that is required. The product stays down, everything else answers."""
    up.boot.must('tandem-tune undo && fallocate -l $(($(stat -f -c "%a * %S" /data) - 1024 * 1024 * 1024)) /data/ballast', 120)
    up = machine.again(up)
    tap.equal(stage(up, 'tune')['result'], 'failed', 'T7: with a full disk the stage fails')
    up.boot.must('test -e /var/lock/ransomeye-resource-fail && ! test -e /run/ransomeye/tune.ok')
    tap.equal(up.boot.must('systemctl is-active ransomeye-core ransomeye-dpi || :').split(), ['inactive'] * 2, 'T5: the product does not start')
    tap.equal(up.boot.sh('systemctl is-active ssh.service').text.strip(), 'active', 'sshd answers')
    reason = stage(up, 'tune')['reason']
    tap.ok('is free' in reason, 'the result says why', reason)
    tap.ok('is free' in up.boot.must('dmesg --level=crit'), 'and so does the kernel log, as critical', up.boot.must('dmesg -x | tail'))
    tap.equal(up.verdict()['verdict'], 'unhealthy', 'the boot is reported, nothing reboots')
    return up


def main():
    version = appliance.image('1.0.0', 'good', True, '--cmdline', 'no_timer_check', tuning={}, health_s=60)
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'tuning'), cpus=2, memory_mib=MEMORY_MIB)
    machine.with_disk(a=version, size='40G')
    up = fit(machine)
    policies(up)
    up = eight_processors(machine, up)
    full_disk(machine, up)


tap.run(main)
