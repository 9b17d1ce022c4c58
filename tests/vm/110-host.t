#!/usr/bin/env python3
"""I15: an ordinary server is set up from nothing, serves, is updated, comes back from a bad version (I14), and is left as it was
found. With PostgreSQL installed it has a database of its own, at every boot."""
import json
import os

import appliance
import product
import server
import tap

# A test machine has neither the memory nor the disk that the strictest policy wants: an administrator's own policy.
TUNING = '[swap]\\npolicy=profile\\nreserve=0\\n[profile.small]\\nswap=16M\\n'
# What a running system changes by itself, and the copies that useradd and userdel keep of what was.
LISTING = ('cd / && find . -xdev \\( -path ./var/log/journal -o -path ./var/lib/systemd -o -path ./var/log/wtmp -o -path ./tmp '
           '-o -name "*-" -o -name .pwd.lock \\) -prune -o \\( -type f -path "./etc/*" -exec cksum {} + \\) -o -printf "%p %m %u %g %l\\n" | sort')


def setup(boot, words, timeout=300):
    result = boot.sh('tandem setup ' + words, timeout)
    return result.code, result.text


def serves(boot):
    """The version that answers, or None. On a loaded host an answer takes its time."""
    result = boot.sh('for i in $(seq 60); do curl -sf -m 5 %s && exit; sleep 1; done; exit 1' % product.URL, 600)
    return result.text.strip() if result.code == 0 else None


def from_nothing(boot):
    boot.must('mkdir /etc/tandem && printf "%s" >/etc/tandem/tuning.conf' % TUNING)
    before = boot.must(LISTING, 300)
    code, text = setup(boot, '--dry-run --key %s/release.pub %s/1.0.0.reup' % (server.STICK, server.STICK))
    tap.equal(code, 0, 'the plan')
    tap.ok('create   tree      demo' in text, 'has the first tree', text)
    tap.ok('create   database' in text and 'stages.d/60-intel.stage' in text, 'and the database', text)
    tap.equal(boot.must(LISTING, 300), before, 'and nothing was changed')
    # Killed as soon as the service manager is at work for it; what runs then is nobody's child.
    boot.must('tandem setup --key %s/release.pub %s/1.0.0.reup >/run/said & while ! grep -q tuning /run/said; do sleep 0.1; done; '
              'kill -9 $!' % (server.STICK, server.STICK), 300)
    code, text = setup(boot, '%s/1.0.0.reup' % server.STICK)
    tap.ok(code == 0, 'set up, after a first try was killed', text)
    tap.equal(serves(boot), '1.0.0', 'the product serves')
    database(boot, 'set up')
    units = boot.must('systemctl is-active demo-core demo-dpi demo-training').split()
    tap.equal(units, ['active'] * 3, 'all its parts run')
    tap.equal(boot.must('stat -c %U /var/lib/demo/starts').strip(), 'demo', 'as its own user')
    tap.ok(boot.must('cat /proc/$(systemctl show -P MainPID demo-core)/cgroup').strip().endswith('/demo.slice/demo-core.service'),
           'in its slice')
    tap.ok('/swapfile' in boot.must('cat /proc/swaps'), 'the machine is tuned')
    code, text = setup(boot, '')
    tap.ok(code == 4 and 'nothing to do' in text, 'a second run has nothing to do', text)
    tap.equal(json.loads(boot.must('tandem status --json'))['mode'], 'host', 'status says what it is')
    tap.ok(boot.sh('tandem commit').code == 3, 'and commit that it has no slots')
    return before


def database(boot, when):
    said = json.loads(boot.must('tandem-intel status --json', 300))
    tap.ok(said['ready'] and said['server']['folder'] == '/var/lib/demo/intel/pg', 'the database is the product\'s: ' + when, said)
    units = boot.must('systemctl is-active tandem-intel-db.service tandem-intel-daily.timer').split()
    tap.equal(units, ['active'] * 2, 'it runs, and is looked after: ' + when)


def updated(boot):
    boot.must('tandem install %s/1.1.0.reup' % server.STICK, 300)
    tap.equal(serves(boot), '1.1.0', 'the second tree serves')
    result = boot.sh('tandem install --json %s/1.2.0.reup' % server.STICK, 300)
    tap.ok(result.code == 1, 'one that ends at once fails (I14)', result.text)
    tap.equal(serves(boot), '1.1.0', 'the one before serves again')
    said = json.loads(result.text[result.text.index('{'):result.text.rindex('}') + 1])
    tap.ok(said['old_serves'] and said['return_ms'] < 60000, 'within 60 s of the swap', result.text)


def rebooted(machine, boot):
    boot.tell('systemctl reboot')
    boot.ended()
    boot = machine.up()
    tap.equal(serves(boot), '1.1.0', 'it serves after a reboot')
    boot.must('for i in $(seq 100); do [ -e /run/tandem/verdict.json ] && exit; sleep 1; done; exit 1', 300)
    said = json.loads(boot.must('cat /run/tandem/verdict.json'))
    tap.equal((said['verdict'], said['note']), ('healthy', 'mode=host: no slots, reported, no more'), 'the boot is healthy')
    tap.equal(boot.must('tandem-stage wait intel --timeout 900 >/dev/null; echo $?', 920).strip(), '0', 'the stage of the database has passed')
    database(boot, 'after a reboot')
    tap.equal(boot.must('systemctl --failed --no-legend --plain'), '', 'no unit failed')
    return boot


def removed(boot, before):
    result = boot.sh('tandem setup --remove', 300)
    tap.ok(result.code == 0, 'removed', result.text)
    after = boot.must(LISTING, 300)
    tap.ok(after == before, 'nothing is left behind',
           '\n'.join(sorted(set(after.splitlines()) ^ set(before.splitlines()))[:40]))
    tap.equal(boot.sh('id demo').code, 1, 'nor the user')
    tap.equal(boot.sh('pgrep -x postgres').code, 1, 'nor a database that runs')
    tap.equal(boot.sh('systemctl cat demo-core').code, 1, 'nor a unit')
    tap.ok('/swapfile' not in boot.must('cat /proc/swaps'), 'nor swap')
    tap.equal(boot.sh('ls -d /run/demo /run/lock/demo-resource-fail').code, 2, 'nor what was of this boot')


def main():
    folder = os.path.join(appliance.SCENARIOS, 'host')
    trees = folder + '.trees'
    appliance.host('rm', '-rf', trees)
    server.image()
    files = {name + '.reup': product.bundle(trees, name, name, 'demo', {'core': core, 'dpi': product.IDLE, 'training': product.IDLE},
                                            starts='/var/lib/demo/starts')
             for name, core in (('1.0.0', None), ('1.1.0', None), ('1.2.0', product.DEAD))}
    files['release.pub'] = appliance.KEY.replace('.key', '.pub')
    machine = server.Server(folder, files, memory_mib=1024)
    boot = machine.up()
    before = from_nothing(boot)
    updated(boot)
    boot = rebooted(machine, boot)
    removed(boot, before)


tap.run(main)
