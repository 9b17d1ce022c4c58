"""The boot record, read and written in a disk image while the machine is off, by docs/formats/bootrecord.md alone.

An implementation of its own: what the programs and this file agree on is what the page says.
"""
import hashlib
import struct

BYTES = 4096
REGION_BYTES = 64 << 10
MAGIC = b'TNDMBOOT'
HASH_AT = BYTES - 32

PHASES = ['idle', 'writing', 'staged', 'trial', 'committing', 'failed']
STAGES = ['none', 'armed', 'initramfs', 'userspace', 'health']
STATES = ['empty', 'writing', 'good', 'bad']
RESULTS = ['none', 'committed', 'failed', 'demoted']
REASONS = ['none', 'no-verdict', 'health', 'stage', 'hook', 'operator', 'firmware', 'commit']
SLOTS = {'a': 0, 'b': 1, None: 255}
NAMES = {number: name for name, number in SLOTS.items()}


class Slot:
    def __init__(self, state='good', epoch=0, image=bytes(32), version=''):
        self.state, self.epoch, self.image, self.version = state, epoch, image, version

    @classmethod
    def parse(cls, raw):
        return cls(STATES[raw[0]], struct.unpack_from('<Q', raw, 8)[0], raw[16:48], text(raw[48:112]))

    def format(self):
        return struct.pack('<B7xQ32s64s', STATES.index(self.state), self.epoch, self.image, self.version.encode())


class Outcome:
    """What became of the last update."""

    def __init__(self, raw=None):
        raw = raw or b'\0\xff\xff' + bytes(285)
        self.raw = raw
        self.result, self.reason, self.stage = RESULTS[raw[0]], REASONS[raw[4]], STAGES[raw[5]]
        self.origin, self.target, self.attempts = NAMES[raw[1]], NAMES[raw[2]], raw[3]
        self.text = text(raw[168:288])


class Record:
    """Change the attributes, then write() it."""

    def __init__(self, **fields):
        self.sequence, self.phase, self.committed, self.target = 1, 'idle', 'a', None
        self.attempts_left, self.attempts_max, self.stage = 0, 0, 'none'
        self.rolled_forward = self.stand_in = self.fallback_stale = False
        self.misses, self.epoch_floor, self.home, self.action = 0, 0, bytes(16), bytes(16)
        self.slots = {'a': Slot(), 'b': Slot('empty')}
        self.outcome = Outcome()
        for name, value in fields.items():
            getattr(self, name)
            setattr(self, name, value)

    @classmethod
    def parse(cls, raw):
        """None when this is no valid record."""
        if raw[:8] != MAGIC or hashlib.blake2b(raw[:HASH_AT], digest_size=32).digest() != raw[HASH_AT:]:
            return None
        record = cls()
        record.sequence, phase, committed, target = struct.unpack_from('<QBBB', raw, 16)
        record.phase, record.committed, record.target = PHASES[phase], NAMES[committed], NAMES[target]
        record.attempts_left, record.attempts_max, stage, flags, record.misses = struct.unpack_from('<5B', raw, 27)
        record.stage = STAGES[stage]
        record.rolled_forward, record.stand_in, record.fallback_stale = (bool(flags & bit) for bit in (1, 2, 4))
        record.epoch_floor, record.home, record.action = struct.unpack_from('<Q16s16s', raw, 32)
        record.slots = {'a': Slot.parse(raw[72:184]), 'b': Slot.parse(raw[184:296])}
        record.outcome = Outcome(raw[296:584])
        return record

    def format(self):
        flags = self.rolled_forward * 1 + self.stand_in * 2 + self.fallback_stale * 4
        raw = MAGIC + struct.pack('<IIQ8BQ16s16s', 1, BYTES, self.sequence, PHASES.index(self.phase),
                                  SLOTS[self.committed], SLOTS[self.target], self.attempts_left, self.attempts_max,
                                  STAGES.index(self.stage), flags, self.misses, self.epoch_floor, self.home, self.action)
        raw += self.slots['a'].format() + self.slots['b'].format() + self.outcome.raw
        raw = raw.ljust(HASH_AT, b'\0')
        return raw + hashlib.blake2b(raw, digest_size=32).digest()

    def __repr__(self):
        return ('%(phase)s committed=%(committed)s target=%(target)s attempts=%(attempts_left)d/%(attempts_max)d '
                'stage=%(stage)s misses=%(misses)d sequence=%(sequence)d' % self.__dict__)


def text(raw):
    return raw.rstrip(b'\0').decode()


def in_force(state):
    """The record in force in the first bytes of a state partition; None when there is none."""
    found = [Record.parse(bytes(state[region:region + BYTES])) for region in (0, REGION_BYTES)]
    return max((record for record in found if record), key=lambda record: record.sequence, default=None)


def read(image, offset):
    """The record in force in a disk image whose state partition starts at offset; None when there is none."""
    with open(image, 'rb') as file:
        file.seek(offset)
        return in_force(file.read(2 * REGION_BYTES))


def changes(image, offset, writes):
    """What a log's writes, from the image on, do to the record: (number of the write, record) for each new one."""
    with open(image, 'rb') as file:
        file.seek(offset)
        state = bytearray(file.read(2 * REGION_BYTES))
    for number, write in enumerate(writes):
        at = write.offset - offset
        if write.data and 0 <= at < len(state):
            before = in_force(state)
            state[at:at + len(write.data)] = write.data[:len(state) - at]
            after = in_force(state)
            if after and (not before or after.sequence != before.sequence):
                yield number, after


def write(image, offset, record):
    """Make this the only record."""
    with open(image, 'r+b') as file:
        for region, data in ((0, record.format()), (REGION_BYTES, bytes(BYTES))):
            file.seek(offset + region)
            file.write(data)
    return record


def damage(image, offset):
    """Neither region holds a valid record any more."""
    with open(image, 'r+b') as file:
        for region in (0, REGION_BYTES):
            file.seek(offset + region)
            file.write(b'\xa5' * BYTES)
