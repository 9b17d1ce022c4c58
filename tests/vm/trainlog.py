"""Reader of the trainer's journal, written from docs/formats/trainjournal.md: what a test believes is not the trainer's own word."""
import struct

EVENTS = ('?', 'begin', 'queued', 'running', 'checkpoint', 'paused', 'interrupted', 'trained', 'promoted', 'done', 'failed', 'skipped',
          'rolled-back', 'end')


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


class Record:
    def __init__(self, body):
        version, event, self.mode, self.seed, self.sequence, self.cycle, self.time_us, self.exit_code, self.signal = struct.unpack_from(
            '<BBBBQQqhQ', body)
        assert version == 1
        self.event = EVENTS[event]
        self.step, self.of, self.used_bytes, self.peak_bytes, self.cpu_us = struct.unpack_from('<5Q', body, 38)
        job = body[82]
        self.job = body[83:83 + job].decode()
        self.text = body[84 + job:84 + job + body[83 + job]].decode()

    def __repr__(self):
        return '%d: %d %s%s %s (%d bytes) %s' % (self.sequence, self.cycle, self.job, ' seed' if self.seed else '', self.event,
                                                 self.used_bytes, self.text)


def read(data):
    """Every record, oldest first. A torn end is passed over, as whoever writes next does."""
    records = []
    while len(data) >= 8:
        size, check = struct.unpack_from('<II', data)
        if len(data) < 8 + size or crc32c(data[:4] + data[8:8 + size]) != check:
            break
        records.append(Record(data[8:8 + size]))
        data = data[8 + size:]
    return records
