"""Logs of qemu's blklogwrites filter, replayed: what a disk looks like when the power went at any write.

SIGKILL of qemu loses nothing that the guest wrote, so lost writes cannot be had live. A log of all writes, replayed in
part, gives every one of them. Format: linux Documentation/admin-guide/device-mapper/log-writes.rst; one sector of header
with the sector size at byte 24, then per entry one sector of (sector, sectors, flags, length) and the data.
The header's count is stale after SIGKILL, so the log is read to the end of the file.
"""
import random
import struct

FLUSH, FUA, DISCARD = 1, 2, 4
MAGIC = 0x6a736677736872


class Write:
    def __init__(self, offset, flags, data):
        self.offset, self.flags, self.data = offset, flags, data   # bytes

    def apply(self, image):
        image[self.offset:self.offset + len(self.data)] = self.data


def read(path):
    """The writes in the order the device got them. A flush is a Write without data."""
    with open(path, 'rb') as file:
        raw = file.read()
    magic, version, _, sector = struct.unpack_from('<QQQI', raw)
    if (magic, version) != (MAGIC, 1):
        raise ValueError('%s: not a write log' % path)
    writes, at = [], sector
    while at + sector <= len(raw):
        start, count, flags, _ = struct.unpack_from('<QQQQ', raw, at)
        at += sector
        length = 0 if flags & DISCARD else count * sector
        if (not flags and not count) or at + length > len(raw):
            break   # the entry that the kill cut off
        writes.append(Write(start * sector, flags, raw[at:at + length]))
        at += length
    return writes


def prefixes(base, writes):
    """Every state that a cut between two writes leaves, as (number of writes, image). The image is reused: copy to keep."""
    image = bytearray(base)
    yield 0, image
    for number, write in enumerate(writes, 1):
        if write.data:
            write.apply(image)
            yield number, image


def torn(base, writes, seed, per_flush=2):
    """States in which everything before a flush is there and a random part of what followed, in random order."""
    chance = random.Random(seed)
    stable, pending = bytearray(base), []
    for number, write in enumerate(writes + [Write(0, FLUSH, b'')]):
        if write.flags & FLUSH:
            for _ in range(per_flush if pending else 0):
                image = bytearray(stable)
                for lost in chance.sample(pending, len(pending)):
                    if chance.random() < .5:
                        lost.apply(image)
                yield number, image
            for kept in pending:
                kept.apply(stable)
            pending = []
        if write.data:
            pending.append(write)


def durable(writes, number):
    """Of the first `number` writes, those that a flush among them covers: what every cut at this moment leaves."""
    flushes = [at for at in range(number) if writes[at].flags & FLUSH]
    return writes[:flushes[-1] + 1] if flushes else []


def partly_lost(writes, number, chance):
    """The first `number` writes, less a random part of what no flush covers."""
    kept = durable(writes, number)
    return kept + [write for write in writes[len(kept):number] if chance.random() < .5]


def replay(path, writes):
    """Do the writes again, on a disk image file."""
    with open(path, 'r+b') as disk:
        for write in writes:
            if write.data:
                disk.seek(write.offset)
                disk.write(write.data)
