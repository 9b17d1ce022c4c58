#!/usr/bin/env python3
"""The power is cut in each state of the record: the machine comes up by itself, on a slot that is whole, and the update ends.

One whole update is recorded, every write and flush of the disk. The disk is then put back as a cut would have left it, with
each of the variable stores that this cut may meet: the store is a medium of its own, and either may be ahead of the other.
Two kinds of cut (CUTS): right after the record, when nothing is there that no flush had covered but the record itself, and
in the middle of the state, with a random part of what no flush covered.

TANDEM_VM_LONG=1: every state with every store, each to the end of its update. TANDEM_VM_SEED repeats a run.
"""
import os
import random
import shutil

import appliance
import bootrecord
import efivars
import tap
import vm
import writelog

LONG = bool(os.environ.get('TANDEM_VM_LONG'))
FOLDER = os.path.join(appliance.SCENARIOS, 'power-cut-states')
BOOT_FILE, FALLBACK = '/EFI/tandem/b/linux.efi', '/EFI/BOOT/BOOTX64.EFI'

OLD, TRIAL, NEW = ('a', 'committed', '1.0.0'), ('b', 'trial', '2.0.0'), ('b', 'committed', '2.0.0')
# By state of the record (of a trial: its stage) and variable store, what runs when the machine is up again. Stores:
#   lost       an empty one                       quiet      before the install: slot a first, no BootNext
#   armed      BootNext names slot b              started    the same, BootNext used up
#   committed  slot b first
COMES_UP = {
    'writing': {'quiet': OLD, 'armed': OLD, 'lost': OLD},
    'staged': {'quiet': OLD, 'armed': TRIAL, 'lost': OLD},
    'armed': {'quiet': TRIAL, 'armed': TRIAL, 'lost': TRIAL},
    'initramfs': {'armed': TRIAL, 'started': TRIAL, 'committed': TRIAL, 'lost': TRIAL},
    'userspace': {'started': TRIAL},
    'health': {'started': TRIAL},
    'committing': {'armed': TRIAL, 'started': TRIAL, 'committed': TRIAL, 'lost': TRIAL},
    'idle': {'armed': NEW, 'committed': NEW, 'lost': NEW},
}
IN_THE_MIDDLE = {'writing': 'quiet', 'armed': 'armed', 'committing': 'started', 'idle': 'committed'}
CUTS = ([('record', state, store) for state in COMES_UP for store in COMES_UP[state]] +
        [('middle', state, store) for state, store in IN_THE_MIDDLE.items()])
SAMPLE = [('middle', 'writing', 'quiet'), ('record', 'armed', 'armed'), ('record', 'idle', 'lost')]


class Update:
    """From slot a to slot b, recorded: the disk before it, every write since, and where each state begins."""

    def __init__(self):
        self.old, self.new = appliance.image('1.0.0'), appliance.image('2.0.0')
        # Slot b has the boot file of an earlier version, which must not start while the slot is written.
        put = ['esp:%s=%s' % (BOOT_FILE, self.old.path('b.efi'))]
        self.machine = appliance.Appliance(FOLDER).with_disk(a=self.old, put=put)
        self.machine.with_stick(**{'v2.reup': self.new.bundle()})
        self.base = self.path('base.img')
        appliance.host('cp', '--sparse=always', self.machine.disk_path, self.base)
        shutil.copy(vm.EMPTY_VARS, self.store('lost'))
        self.run()
        self.writes = [write for boot in '12' for write in writelog.read(self.path('log-' + boot))]
        self.states = self.find_states()

    def path(self, name):
        return os.path.join(FOLDER, name)

    def store(self, name):
        return self.path(name + '.fd')

    def keep_store(self, name):
        shutil.copy(self.machine.machine.variables, self.store(name))

    def run(self):
        up = self.machine.up(log_disk=self.path('log-1'))
        self.keep_store('quiet')
        up.install('v2.reup')
        up.boot.reboot()
        self.keep_store('armed')
        self.keep_store('started')
        efivars.Store(self.store('started')).delete('BootNext')
        up = self.machine.up(log_disk=self.path('log-2'))
        tap.equal(up.verdict()['verdict'], 'committed', 'an update without a cut is committed')
        up.boot.cut()
        self.keep_store('committed')

    def find_states(self):
        """By name: numbers of the write that begins it and of the one that ends it."""
        offset = appliance.partition(self.base, 'tandem-state')[0]
        changes = list(bootrecord.changes(self.base, offset, self.writes))
        names = [record.stage if record.phase == 'trial' else record.phase for _, record in changes]
        begins = [number for number, _ in changes] + [len(self.writes)]
        first = names.index('writing')
        return {name: (begin, end) for name, begin, end in zip(names[first:], begins[first:], begins[first + 1:])}

    def writes_to(self, partition):
        """Numbers of the writes to a partition."""
        offset, size = appliance.partition(self.base, partition)
        return [number for number, write in enumerate(self.writes) if write.data and offset <= write.offset < offset + size]

    def disk(self, path, writes):
        """An image of the disk after these writes."""
        appliance.host('cp', '--sparse=always', self.base, path)
        writelog.replay(path, writes)
        return path

    def cut(self, kind, state, chance):
        """The writes that are there after a cut."""
        begin, end = self.states[state]
        if kind == 'record':
            return writelog.durable(self.writes, begin) + [self.writes[begin]]
        return writelog.partly_lost(self.writes, (begin + end) // 2, chance)


def slot_b_is_whole(update, disk):
    offset, _ = appliance.partition(update.base, 'root-b')
    with open(update.new.path('root.img'), 'rb') as want, open(disk, 'rb') as have:
        have.seek(offset)
        content = want.read()
        return have.read(len(content)) == content


def is_boot_file(update, disk, name):
    with open(update.new.path('b.efi'), 'rb') as want:
        return appliance.esp_file(disk, name) == want.read()


def flushed_in_order(update):
    """What each step relies on is covered by a flush before it, so that no disk can have it the other way around."""
    begins = {state: begin for state, (begin, _) in update.states.items()}
    tap.equal(list(begins), list(COMES_UP), 'the record went through every state')
    first = update.writes_to('root-b')[0]
    path = update.path('flushed.img')
    disk = update.disk(path, writelog.durable(update.writes, first))
    record = bootrecord.read(disk, appliance.partition(disk, 'tandem-state')[0])
    tap.equal((record.phase, record.target), ('writing', 'b'), 'before the first write to slot b: the record says so')
    tap.equal(appliance.esp_file(disk, BOOT_FILE), None, 'and its boot file is gone')
    disk = update.disk(path, writelog.durable(update.writes, begins['staged']))
    tap.ok(slot_b_is_whole(update, disk), 'before the record says STAGED: slot b is whole')
    tap.ok(is_boot_file(update, disk, BOOT_FILE), 'and has its boot file, under its name')
    disk = update.disk(path, writelog.durable(update.writes, begins['idle']))
    tap.ok(is_boot_file(update, disk, FALLBACK), 'before the record says that slot b is committed: it is the fallback loader')
    careless = [write for number, write in enumerate(update.writes[:begins['staged']]) if write.data or number <= first]
    disk = update.disk(path, writelog.durable(careless, len(careless)))
    tap.ok(not slot_b_is_whole(update, disk), 'negative control: without its flushes slot b would not be')
    os.unlink(path)


def power_on(update, name, writes, store):
    """The machine as a cut left it, until it is up."""
    machine = appliance.Appliance(update.path(name)).with_copy(update.base, update.store(store))
    writelog.replay(machine.disk_path, writes)
    machine.stick_path = update.machine.stick_path
    return machine, machine.settle()


def to_its_end(machine, up, name):
    """Whatever came up: the update is committed, at once, by its trial, or by the same install again."""
    if up.version == '1.0.0':
        up.verdict()     # which holds the lock for a moment
        tap.equal(up.install_json('v2.reup')['result'], 'armed', name + 'the install goes on and comes to its end')
        up = machine.again(up)
    tap.ok(up.verdict()['verdict'] in ('committed', 'healthy'), name + 'healthy')
    record = up.status()['record']
    tap.equal((record['phase'], record['committed'], record['outcome']['to_version']), ('idle', 'b', '2.0.0'),
              name + 'the new version is committed')
    up.boot.cut()


def survives(update, cut, chance):
    kind, state, store = cut
    name = '%s, %s, variables %s: ' % (state, 'right after the record' if kind == 'record' else 'in the middle', store)
    try:
        machine, up = power_on(update, '-'.join(cut), update.cut(kind, state, chance), store)
        tap.equal((up.slot, up.role, up.version), COMES_UP[state][store], name + 'what runs (%d boots)' % machine.machine.boots)
        if LONG or up.version == '2.0.0':
            to_its_end(machine, up, name)
        up.boot.cut()
        os.unlink(machine.disk_path)
    except vm.Failed as error:
        tap.ok(False, name + 'it comes up, and to its end', str(error))


def lost_write_is_noticed(update):
    """Negative control: a disk that lost the flushed boot file, which is what STAGED relies on, comes up otherwise."""
    esp, last = set(update.writes_to('esp')), update.writes_to('root-b')[-1]
    begin, _ = update.states['staged']
    writes = [write for number, write in enumerate(update.writes[:begin + 1]) if number < last or number not in esp]
    _, up = power_on(update, 'lost-write', writes, 'armed')
    tap.equal((up.slot, up.role, up.version), OLD, 'negative control: without the boot file not the trial but the old version')
    up.boot.cut()


def main():
    seed = int(os.environ.get('TANDEM_VM_SEED') or random.randrange(1 << 32))
    tap.diag('TANDEM_VM_SEED=%d' % seed)
    chance = random.Random(seed)
    update = Update()
    flushed_in_order(update)
    for cut in CUTS if LONG else SAMPLE:
        survives(update, cut, chance)
    if LONG:
        lost_write_is_noticed(update)


tap.run(main)
