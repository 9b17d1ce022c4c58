#!/usr/bin/env python3
"""Power cuts while the firmware reclaims space in its variable store.

The store is filled, the firmware collects it once with every write recorded, and the store of a machine that lost power
after so many writes is started: the committed slot runs and the variables are healed, wherever OVMF itself starts. Where it
does not, no operating system can help; those points are counted, not failed (docs/boot.md, Residual risk).

A record that the cut tore has two effects, both counted. Behind it OVMF may lose at the next start what it took and gave back
in this one: healing takes a second boot, and one that does not heal fails. And an entry of ours that was torn may come back
from the spare area when another was made already: a slot then has two entries of the same content.

TANDEM_VM_LONG=1: 40 points, not 6.
"""
import os
import shutil
import tempfile

import bootrecord
import efivars
import tap
import tiny
import vm
import writelog

LONG = bool(os.environ.get('TANDEM_VM_LONG'))

# Idle, OVMF is at its boot loader after 4 s and the kernel speaks at 6 s; an exception of OVMF is on the console at 4 s.
FIRMWARE_S = 120
KERNEL = 'Linux version '
DEAD = 'OVMF does not start'
DIED = r'!!!! X64 Exception Type|^ASSERT '

# Points in each stretch of the log, beside the very first and the very last: short, long.
POINTS = {
    'main area whole': (1, 4),
    'main area being erased': (1, 14),
    'its header being written': (1, 8),
    'its variables being written': (1, 8),
    'its free space being written': (0, 2),
    'main area new': (0, 2),
}


def erases(writes, store):
    """Indices of the writes that erase a block of the main area. A block is larger than a sector, all else is one sector."""
    least = min(len(write.data) for write in writes)
    return [number for number, write in enumerate(writes) if len(write.data) > least and write.offset < store.end]


def stretches(writes, store):
    """Numbers of writes after which the power goes: the whole log in parts. The firmware writes the main area byte by byte."""
    erased = erases(writes, store)
    begin, end = erased[0], erased[-1] + 1
    other = next((number for number in range(end, len(writes)) if writes[number].offset >= store.end), len(writes))
    used = max(number for number in range(end, other) if writes[number].data.strip(b'\xff')) + 1
    edges = [0, begin + 1, end + 1, end + 1 + store.base, used + 1, other + 1, len(writes) + 1]
    return {name: range(low, high) for name, low, high in zip(POINTS, edges, edges[1:])}


def chosen(parts):
    """Points to start from, evenly spread over each part: {number of writes: part}."""
    points = {}
    for name, part in parts.items():
        count = min(POINTS[name][LONG], len(part))
        points.update({part[len(part) * (2 * k + 1) // (2 * count)]: name for k in range(count)})
    first, *_, last = parts.items()
    points[first[1][0]], points[last[1][-1]] = first[0], last[0]
    return dict(sorted(points.items()))


def entries(bench):
    return [bench.variables().entries('\\EFI\\tandem\\%s\\linux.efi' % slot) for slot in 'ab']


def healed(bench):
    """BootOrder starts with an entry of the committed slot, then one of the other; no BootNext."""
    store, (a, b) = bench.variables(), entries(bench)
    first, second, *_ = store.boot_order() + [None, None]
    return first in a and second in b and store.boot_next() is None


def surplus(bench):
    """Entries beyond one for each slot."""
    return sum(map(len, entries(bench))) - 2


def fresh_store(bench):
    report = bench.runs('a', 'committed', 'a fresh variable store: the committed slot runs')
    tap.ok(by_fallback(report), 'by the fallback loader', '\n'.join(report.lines[:20]))
    tap.ok(healed(bench) and not surplus(bench), 'and the variables are healed')


def by_fallback(report):
    return any('BdsDxe: starting Boot' in line and 'from PciRoot' in line for line in report.lines)


def recorded(bench, log):
    """Fill the store and let the firmware reclaim; returns the store before, and the writes."""
    bench.variables().fill()
    before = bench.variables()
    report = bench.runs('a', 'committed', 'the firmware starts with a store without space', log_variables=log)
    tap.equal(report.handover()['efi-writes'], '0', 'tandem-init has nothing to write')
    tap.ok(bench.variables().written() < before.written(), 'the firmware reclaimed it')
    tap.ok(healed(bench) and not surplus(bench), 'our variables are kept')
    writes = [write for write in writelog.read(log) if write.data]
    os.unlink(log)
    return before, writes


def replayed(before, writes, points):
    """The stores at these points, and the one at the end."""
    stores, image = {}, None
    for number, image in writelog.prefixes(before.raw, writes):
        if number in points:
            stores[number] = bytes(image)
    return stores, bytes(image)


def firmware_starts(boot):
    """Whether the kernel is reached. Only OVMF's own death is no: an exception, or silence from power-on."""
    try:
        return KERNEL in boot.console(KERNEL + '|' + DIED, FIRMWARE_S).string
    except vm.Failed:
        if boot.process.poll() is not None or boot.said('.'):
            raise
        return False


def start(bench):
    """One boot: the report of the slot that ran, or None when OVMF itself does not start."""
    with bench.machine.boot() as boot:
        return tiny.Report(boot, boot.ended()) if firmware_starts(boot) else None


def runs(report, name):
    said = report.handover() if report else {}
    same = tap.equal((report and report.slot(), said.get('slot'), said.get('role')), ('a', 'a', 'committed'), name)
    tap.ok(int(said.get('efi-writes', 5)) <= 4, '  with at most 4 writes of variables', said.get('efi-writes'))
    return same


def heals(bench, report, name):
    """The slot runs and the variables are right, after one more boot at the latest. Returns the outcome for the count."""
    way = 'by the fallback loader' if by_fallback(report) else 'by an entry'
    same = runs(report, name + ': the committed slot')
    if same and not healed(bench):
        way += ', healed by the second boot'
        same = runs(start(bench), name + ': the committed slot in the second boot')
    if surplus(bench) > 0:
        way += ', an entry twice'
    return way if tap.ok(same and healed(bench) and surplus(bench) <= 1, name + ': healed') else 'failed'


def cut_at(bench, disk, store, name):
    """Start the machine with this store. Returns what became of it, for the count."""
    tiny.run('cp', '--sparse=always', disk, bench.disk.path)
    with open(bench.machine.variables, 'wb') as file:
        file.write(store)
    try:
        report = start(bench)
        return heals(bench, report, name) if report else DEAD
    except vm.Failed as error:
        tap.ok(False, name, str(error))
        return 'failed'


def count(outcomes, points):
    for part in POINTS:
        here = [outcomes[number] for number in points if points[number] == part]
        tap.diag('%s: %s' % (part, '; '.join('%d %s' % (here.count(what), what) for what in sorted(set(here))) or 'none'))
    dead = list(outcomes.values()).count(DEAD)
    tap.diag('OVMF does not start at %d of %d points' % (dead, len(outcomes)))


def cuts(bench, before, writes, disk):
    parts = stretches(writes, before)
    points = chosen(parts)
    tap.diag('%d writes: %s' % (len(writes), ', '.join('%s %d..%d' % (name, part[0], part[-1]) for name, part in parts.items())))
    with open(bench.machine.variables, 'rb') as file:
        after = file.read()
    stores, end = replayed(before, writes, points)
    tap.ok(end == after, 'the recorded writes, replayed, give the store as it is')
    tap.ok(any(store not in (before.raw, after) for store in stores.values()), 'points lie between before and after')
    outcomes = {}
    for number, part in points.items():
        outcomes[number] = cut_at(bench, disk, stores[number], 'cut after write %d, %s' % (number, part))
        tap.diag('write %d, %s: %s' % (number, part, outcomes[number]))
    first, *_, last = outcomes
    tap.ok(outcomes[first].startswith('by ') and outcomes[last].startswith('by '), 'before and after, the machine starts')
    count(outcomes, points)


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = tiny.Bench(folder, words='quiet loglevel=6', record=bootrecord.Record(slots=tiny.good_b()))
        fresh_store(bench)
        disk = os.path.join(folder, 'healed.img')
        shutil.move(bench.disk.path, disk)
        tiny.run('cp', '--sparse=always', disk, bench.disk.path)
        before, writes = recorded(bench, os.path.join(folder, 'writes.log'))
        cuts(bench, before, writes, disk)


tap.run(main)
