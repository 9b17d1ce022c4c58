#!/usr/bin/env python3
"""The threat graph as a stage after the boot: its cluster is made, feeds are loaded and asked; a version whose schema is newer
fails its health, and the graph of the version before answers (N4, N6).

TANDEM_DATA: the real ATT&CK bundle as well.
"""
import json
import os
import shutil

import appliance
import tap
import threats


def newer():
    """tandem-intel with one more step of the schema, of the same build as the image's."""
    target = 'build/release/tests/newer/tandem-intel'
    appliance.host('make', '-s', '-C', appliance.TOP, 'V=release', target)
    with open(os.path.join(appliance.TOP, target), 'rb') as file:
        return file.read()


def answers(up, what):
    """file -> hash -> malware -> group: from the hash to the group, in one question."""
    found = json.loads(up.boot.must('tandem-intel related sha256:%s --depth 3 --json' % threats.HASH, 60))
    names = {node['name'] for node in found['related']}
    tap.ok({'Lynxpaw', 'Quiet Lynx'} <= names, what + ': from the hash to malware and group', found)


def stage(up, name):
    up.boot.sh('tandem-stage wait %s --timeout 900' % name, 920)
    return {entry['name']: entry for entry in json.loads(up.boot.must('tandem-stage status --json'))['stages']}[name]


def first(machine):
    up = machine.up()
    tap.equal(up.verdict(300)['verdict'], 'healthy', 'the boot is healthy')
    tap.equal(stage(up, 'intel')['result'], 'passed', 'the stage has passed: the cluster is made')
    tap.diag('the stage took %s' % up.boot.must('tandem-stage status | grep intel'))
    tap.equal(up.boot.must('systemctl is-active tandem-intel-db').strip(), 'active', 'its unit runs')
    status = json.loads(up.boot.must('tandem-intel status --json', 60))
    tap.ok(status['schema']['pending'] == 0, 'the schema is complete', status)
    up.plug()
    loaded = json.loads(up.boot.must('tandem-intel ingest %s/feed.json --feed test --json' % appliance.STICK, 120))
    tap.ok(loaded, 'a feed is loaded')
    answers(up, 'version 1')
    return up


def attack(up):
    if not os.environ.get('TANDEM_DATA'):
        tap.skip('the real ATT&CK bundle', 'TANDEM_DATA is not set')
        return
    loaded = json.loads(up.boot.must('tandem-intel ingest %s/attack.json.xz --feed attack --json' % appliance.STICK, 900))
    tap.diag(json.dumps(loaded))
    found = json.loads(up.boot.must('tandem-intel related malware--75ecdbf1-c2bb-4afc-a3f9-c8da4de8c661 --depth 1 --json', 60))
    tap.ok(any(node['name'] == 'Lazarus Group' for node in found['related']), 'ATT&CK is loaded, and knows who used WannaCry')


def second(machine, up):
    """Version 2 takes its step of the schema, fails its health, and the machine goes back."""
    up.install('v2.reup')
    up = machine.again(up)
    if up.role == 'trial':
        up.boot.ended(timeout=400)
        up = machine.settle()
    tap.equal((up.slot, up.role, up.version), ('a', 'committed', '1.0.0'), 'a version that is never healthy: the one before runs')
    tap.equal(stage(up, 'intel')['result'], 'passed', "its threat graph's stage passes")
    status = json.loads(up.boot.must('tandem-intel status --json', 60))
    tap.ok(status['schema']['newer'], 'the schema has a step that this version does not know', status)
    answers(up, 'after the way back')


def main():
    good = appliance.image('1.0.0', 'good', True, '--intel')
    sick = appliance.image('2.0.0', 'bad-health', True, '--intel', health_s=120,
                           files={'/usr/libexec/tandem/tandem-intel': newer()})
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'intel'), memory_mib=768).with_disk(a=good)
    files = {'v2.reup': sick.bundle(), 'feed.json': os.path.join(machine.folder, 'feed.json')}
    with open(files['feed.json'], 'w') as file:
        file.write(threats.FEED)
    if os.environ.get('TANDEM_DATA'):     # beside the disk, since a stick is made of links
        files['attack.json.xz'] = shutil.copy(os.path.join(os.environ['TANDEM_DATA'], 'intel/stix/enterprise-attack-18.1.json.xz'),
                                              machine.folder)
    machine.with_stick(**files)
    up = first(machine)
    attack(up)
    second(machine, up)


tap.run(main)
