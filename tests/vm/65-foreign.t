#!/usr/bin/env python3
"""A start of the other slot that nobody ordered (BootNext set by hand): it runs, is reported, and is not committed."""
import os

import appliance
import tap


def order_by_hand(up):
    """BootNext names slot b, and no update is under way. Before the verdict, healing would take it away again."""
    up.verdict()
    label = [line.split()[0] for line in up.boot.must('efibootmgr').splitlines() if 'Tandem b' in line][0]
    up.boot.must('efibootmgr -n ' + label[4:8])
    record = up.status()['record']
    up.boot.reboot()
    return record


def foreign(machine, before):
    up = machine.up()
    tap.equal((up.slot, up.role, up.version), ('b', 'foreign', '2.0.0'), 'the other slot runs, as foreign')
    verdict = up.verdict()
    tap.equal((verdict['verdict'], verdict['role']), ('healthy', 'foreign'), 'its verdict is a report')
    tap.ok('never committed' in verdict['note'], 'which says that it is never committed', verdict['note'])
    tap.equal(up.status()['record'], before, 'the record is as it was')
    refused = up.boot.sh('tandem commit')
    tap.ok(refused.code != 0, 'there is nothing to commit', refused.text)
    tap.diag(refused.text)
    up.boot.cut()


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'foreign'))
    machine.with_disk(a=appliance.image('1.0.0'), b=appliance.image('2.0.0'))
    foreign(machine, order_by_hand(machine.up()))
    store = machine.variables()
    tap.equal(store.boot_order()[:1], store.entries('\\EFI\\tandem\\a\\linux.efi'), 'BootOrder still begins with the committed slot')
    tap.equal(store.boot_next(), None, 'and no BootNext is left')


tap.run(main)
