#!/usr/bin/env python3
"""The trainer on a machine: models of the first day (R5), caps at their real sizes under ext4's project quota (R1, R2, R3, R7, C21), the
order (R4, C22), a trainer that is killed and a power cut in the middle of a job, and the CPUs that tuning keeps for training."""
import base64
import json
import os
import subprocess
import time

import appliance
import tap
import trainlog

MIB = 1 << 20
MODELS = '/var/lib/ransomeye/models'
HOW = '/data/how'             # what the job of that name does; the seed trainings are the appliance's own
# The job's program in this image: the same file for all three jobs.
JOB = '#!/bin/sh\ncd "$TANDEM_FOLDER" && . %s/$TANDEM_JOB\n' % HOW
GOOD = 'exec /usr/libexec/tandem/tandem-seedtrain "$@"'
FAILS = 'echo the data are not there; exit 9'
# More than its cap, in one file, since older ones are pruned meanwhile. What is only allocated counts as well, and takes less time.
GREEDY = 'fallocate -l %dM big.tmp && dd if=/dev/zero of=big.tmp bs=1M count=%d oflag=append conv=notrunc'
# Counts up to 40 with a checkpoint for each step, and goes on from the last one; its model is the one that is there. It has
# a process beside it that would stay for ever.
COUNTS = '''setsid sleep 1000 & n=$(cat count.checkpoint 2>/dev/null || echo 0); echo $n >>starts; sync starts
while [ $n -lt 40 ]; do
	n=$((n + 1)); echo $n >count.tmp; sync count.tmp; mv count.tmp count.checkpoint
	echo "{\\"step\\": $n, \\"of\\": 40, \\"checkpoint\\": true}"; sleep 0.2
done
cp $TANDEM_JOB.onnx $TANDEM_MODEL_NEXT; rm count.checkpoint'''
# As when a cycle is due.
UNIT = '[Service]\nExecStart=\nExecStart=/usr/libexec/tandem/tandem-train run\n'
POLICY = '[swap]\npolicy=profile\nreserve=1M\n[profile.small]\nswap=64M\nnetwork-buffer=4M\n'
ONNX = '''import sys, onnx
m = onnx.load(sys.argv[1])
onnx.checker.check_model(m, full_check=True)
print({p.key: p.value for p in m.metadata_props}["provenance"])'''


def put(up, path, text):
    up.boot.must("mkdir -p %s && printf '%%s' '%s' >%s" % (os.path.dirname(path), text.replace("'", "'\\''"), path))


def how(up, **jobs):
    for name in ('core', 'dpi', 'agent'):
        put(up, '%s/%s' % (HOW, name), jobs.get(name, GOOD))


def status(up):
    return {job['name']: job for job in json.loads(up.boot.must('tandem-train status --json'))['jobs']}


def journal(up):
    """The records of the last cycle."""
    records = trainlog.read(base64.b64decode(up.boot.must('base64 -w0 /var/lib/ransomeye/trainer/journal')))
    return [record for record in records if record.cycle == records[-1].cycle]


def outcomes(records):
    """What became of each job."""
    ends = ('done', 'failed', 'skipped')
    return {record.job: record.event for record in records if record.event in ends and not record.seed}


def used(up, job):
    return int(up.boot.must('du -s --block-size=1 %s/%s' % (MODELS, job)).split()[0])


def cycle(up, watched='core', timeout=400):
    """Run one to its end. Returns its records, and what the folder of a job took up at most, by du."""
    deadline, most = time.monotonic() + timeout, 0
    up.boot.must('rm -f /run/over')
    up.boot.tell('systemctl start tandem-train; touch /run/over')
    while up.boot.sh('sleep 1; test -e /run/over').code:
        most = max(most, used(up, watched))
        if time.monotonic() > deadline:
            raise up.boot.failed('the cycle has no end')
    records = journal(up)
    tap.diag('\n'.join(map(str, records)))
    return records, most


def model_passes(up, job):
    path = os.path.join(os.path.dirname(up.boot.log_path), job + '.onnx')
    with open(path, 'wb') as file:
        file.write(base64.b64decode(up.boot.must('base64 -w0 %s/%s/%s.onnx' % (MODELS, job, job))))
    checked = subprocess.run(['/usr/bin/python3', '-c', ONNX, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.equal((checked.returncode, checked.stdout.decode().strip()), (0, 'seed-synthetic'), "python3-onnx accepts %s's model" % job)


def first_day(machine):
    up = machine.up()
    tap.equal(up.verdict(300)['verdict'], 'healthy', 'the first boot is healthy')
    stages = {entry['name']: entry for entry in json.loads(up.boot.must('tandem-stage status --json'))['stages']}
    tap.equal(stages['trainer']['result'], 'passed', 'R5: its stage has made the models')
    tap.diag('it took %.1f s' % ((stages['trainer']['end_us'] - stages['trainer']['start_us']) / 1e6))
    said = up.boot.must('tandem-train status')
    tap.diag(said)
    tap.equal([(name, job['model']['valid']) for name, job in status(up).items()],
              [('core', True), ('dpi', True), ('agent', True)], 'tandem-train status shows them')
    for job in ('core', 'dpi', 'agent'):
        model_passes(up, job)
    return up


def over_the_cap(up):
    """R7: 4 GB under a cap of 3 GB, which is the kernel's; the jobs behind do not start."""
    how(up, core=GREEDY % (3000, 1096))
    before = up.boot.must('cksum %s/core/core.onnx' % MODELS)
    records, most = cycle(up)
    said = [record.text for record in records if record.event == 'failed'][0]
    tap.ok(most <= 3072 * MIB and '3.0 GiB of 3.0 GiB were taken' in said, 'R7: a job that writes 4 GB comes as far as 3 GiB',
           '%d: %s' % (most, said))
    tap.equal([record.event for record in records if record.job == 'core' and record.event in ('paused', 'failed')],
              ['paused', 'failed'], 'it is given another chance, then it has failed')
    tap.ok(used(up, 'core') < MIB, 'R2: what it wrote is gone', up.boot.must('ls -l %s/core' % MODELS))
    tap.equal(up.boot.must('cksum %s/core/core.onnx' % MODELS), before, 'its model is as it was')
    tap.equal(outcomes(records), {'core': 'failed', 'dpi': 'skipped', 'agent': 'skipped'}, 'C22: the others were not started')
    return records


def agent_over(up):
    how(up, agent=GREEDY % (190, 110))
    records, most = cycle(up, 'agent')
    said = [record.text for record in records if record.event == 'failed'][0]
    tap.ok(most <= 200 * MIB and '200.0 MiB of 200.0 MiB were taken' in said, 'R7: the agent comes as far as 200 MiB', '%d: %s' % (most, said))
    tap.equal(outcomes(records), {'core': 'done', 'dpi': 'done', 'agent': 'failed'}, 'and has failed')
    at = {(record.job, record.event): record.sequence for record in records if not record.seed}
    tap.ok(at['core', 'done'] < at['dpi', 'running'] and at['dpi', 'done'] < at['agent', 'running'],
           'R4: each job began when the one before it had ended', records)


def core_fails(up):
    how(up, core=FAILS)
    records, _ = cycle(up)
    tap.equal(outcomes(records), {'core': 'failed', 'dpi': 'skipped', 'agent': 'skipped'}, 'R7: no dpi without a core')
    failed = next(record for record in records if record.event == 'failed')
    tap.ok(failed.exit_code == 9 and 'the data are not there' in failed.text, 'the journal says why', failed)


def counting(up, at_least):
    """Start a cycle whose core counts, and wait until it has come so far."""
    how(up, core=COUNTS)
    up.boot.must('systemctl start --no-block tandem-train && until [ "$(cat %s/core/count.checkpoint)" -gt %d ] 2>/dev/null; '
                 'do sleep 0.1; done' % (MODELS, at_least), 120)


def starts(up):
    return [int(word) for word in up.boot.must('cat %s/core/starts' % MODELS).split()]


def stopped(up):
    counting(up, 3)
    up.boot.must('systemctl stop tandem-train')
    tap.equal(up.boot.sh('systemctl is-active tandem-train').text.strip(), 'inactive', 'a unit that is stopped has not failed')
    tap.equal((journal(up)[-1].event, up.boot.sh('pgrep -u training').code), ('interrupted', 1), 'its job is over, and to go on')


def killed(up):
    counting(up, 8)
    result = up.boot.sh('tandem-train run')
    tap.ok(result.code == 1 and 'core' in result.text, 'R4: a second trainer says who is at work', result.text)
    up.boot.must('kill -9 $(systemctl show -P MainPID tandem-train)')
    up.boot.sh('for i in $(seq 100); do pgrep -u training || exit; sleep 0.1; done')
    tap.equal(up.boot.sh('pgrep -u training').code, 1, 'of a trainer that is killed nothing stays behind')
    records, _ = cycle(up)
    begun = starts(up)
    tap.ok(len(begun) == 3 and begun[0] < begun[1] < begun[2] and begun[2] > 8, 'the next one goes on from the checkpoint', begun)
    tap.equal(outcomes(records), {'core': 'done', 'dpi': 'done', 'agent': 'done'}, 'to the end')
    up.boot.must('rm %s/core/starts' % MODELS)


def power_cut(machine, up):
    counting(up, 15)
    up.boot.cut()
    machine.machine.cpus = 8
    up = machine.up()
    tap.equal(up.verdict(300)['verdict'], 'healthy', 'after a power cut in the middle of a job the boot is healthy')
    put(up, '/run/policy.conf', POLICY)
    up.boot.sh('tandem-tune apply --config /run/policy.conf', 120)
    how(up, core=COUNTS, dpi='sed -n "s/^Cpus_allowed_list:[[:blank:]]*/cpus /p" /proc/self/status\n' + GOOD)
    unit(up)
    records, _ = cycle(up)
    begun = starts(up)
    tap.ok(begun[0] == 0 and begun[-1] > 10, 'the job goes on from its checkpoint', begun)
    tap.equal(outcomes(records), {'core': 'done', 'dpi': 'done', 'agent': 'done'}, 'and the cycle to its end')
    tap.ok('cpus 6-7' in up.boot.must('cat /var/lib/ransomeye/trainer/dpi.log'), "a job runs on training's CPUs, of eight",
           up.boot.must('cat /var/lib/ransomeye/trainer/dpi.log'))
    for job in ('core', 'dpi', 'agent'):
        model_passes(up, job)


def unit(up):
    put(up, '/run/systemd/system/tandem-train.service.d/test.conf', UNIT)
    up.boot.must('systemctl daemon-reload')


def main():
    files = {'/etc/tandem/jobs.d/%s.job' % name: '[job]\nexec=/usr/lib/tandem-test/job\nuser=training\n'
             for name in ('10-core', '20-dpi', '30-agent')}
    files['/usr/lib/tandem-test/job'] = JOB
    files['/etc/systemd/system/tandem-train.timer'] = ''     # masked: cycles begin when the test says so
    good = appliance.image('1.0.0', 'good', True, '--trainer', '--cmdline', 'no_timer_check', files=files)
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'train'), cpus=2).with_disk(a=good, size='40G')
    up = first_day(machine)
    unit(up)
    for part in (over_the_cap, agent_over, core_fails, stopped, killed):
        began = time.monotonic()
        part(up)
        tap.diag('%s: %.1f s' % (part.__name__, time.monotonic() - began))
    power_cut(machine, up)


tap.run(main)
