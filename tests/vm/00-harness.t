#!/usr/bin/env python3
"""The harness itself, without a machine: the variable store reader, the write log replay, the record in it."""
import os
import random
import shutil
import struct
import tempfile

import bootrecord
import efivars
import tap
import vm
import writelog


def log_of(entries):
    raw = struct.pack('<QQQI', writelog.MAGIC, 1, 0, 512).ljust(512, b'\0')
    for sector, flags, data in entries:
        raw += struct.pack('<QQQQ', sector, len(data) // 512, flags, 0).ljust(512, b'\0') + data
    return raw


def record(state, name, data):
    name = (name + '\0').encode('utf-16-le')
    guid = bytes.fromhex('61dfe48bca93d211aa0d00e098032b8c')
    raw = struct.pack('<HBBI', 0x55aa, state, 0, 7).ljust(36, b'\0') + struct.pack('<II', len(name), len(data)) + guid + name + data
    return raw + b'\xff' * (-len(raw) % 4)


def boot_entry(label, path):
    node = struct.pack('<BBH', 4, 4, 4 + len(path) * 2 + 2) + (path + '\0').encode('utf-16-le')
    nodes = node + b'\x7f\xff\x04\x00'
    return struct.pack('<IH', 1, len(nodes)) + (label + '\0').encode('utf-16-le') + nodes


def test_variables(folder):
    path = os.path.join(folder, 'vars.fd')
    shutil.copy(vm.EMPTY_VARS, path)
    empty = efivars.Store(path)
    tap.equal((empty.boot_order(), empty.boot_next()), ([], None), 'an empty store has no boot order')
    with open(path, 'r+b') as file:
        file.seek(empty.base)
        file.write(record(0x3c, 'BootNext', b'\x09\x00') + record(0x3e, 'BootOrder', b'\x01\x00') +
                   record(0x3f, 'BootOrder', b'\x02\x00\x01\x00') + record(0x3e, 'BootNext', b'\x03\x00') +
                   record(0x3f, 'Boot0002', boot_entry('slot b', '\\EFI\\b.efi')))
    store = efivars.Store(path)
    tap.equal(store.boot_order(), [2, 1], 'the newer copy of a variable counts')
    tap.equal(store.boot_next(), 3, 'a copy that is being replaced counts while there is no other')
    tap.equal(store.entry(2), ('slot b', '\\EFI\\b.efi'), 'label and file of a boot entry')
    tap.equal(store.entries('b.EFI'), [2], 'a boot entry is found by its file')
    store.delete('BootOrder')
    tap.equal(efivars.Store(path).boot_order(), [], 'a deleted variable is gone')
    tap.equal(efivars.Store(path).boot_next(), 3, 'and no other')


def test_write_log(folder):
    path = os.path.join(folder, 'log')
    a, b, c = (bytes([value]) * 512 for value in b'abc')
    with open(path, 'wb') as file:
        file.write(log_of([(0, 0, a), (1, 0, b), (0, writelog.FLUSH, b''), (0, 0, c)])[:-100])
    writes = writelog.read(path)
    tap.equal([w.data[:1] for w in writes], [b'a', b'b', b''], 'an entry that was cut off is left out')
    states = [bytes(image[::512]) for _, image in writelog.prefixes(bytes(1024), writes)]
    tap.equal(states, [b'\0\0', b'a\0', b'ab'], 'prefixes')
    more = writes + [writelog.Write(0, 0, c)]
    torn = {bytes(image[::512]) for _, image in writelog.torn(bytes(1024), more, seed=1, per_flush=40)}
    tap.equal(torn, {b'\0\0', b'a\0', b'\0b', b'ab', b'cb'}, 'torn tails: any part of what no flush covers, never less than it covers')


def test_replay(folder):
    path = os.path.join(folder, 'disk')
    a, b, c = (writelog.Write(512 * at, 0, bytes([value]) * 512) for at, value in enumerate(b'abc'))
    writes = [a, writelog.Write(0, writelog.FLUSH, b''), b, c]
    tap.equal((writelog.durable(writes, 1), writelog.durable(writes, 4)), ([], writes[:2]), 'durable is what a flush covers')
    kept = {tuple(writelog.partly_lost(writes, 4, random.Random(seed))[2:]) for seed in range(40)}
    tap.equal(kept, {(), (b,), (c,), (b, c)}, 'any part of the rest may be lost')
    with open(path, 'wb') as file:
        file.write(bytes(1536))
    writelog.replay(path, [a, c])
    with open(path, 'rb') as file:
        tap.equal(file.read()[::512], b'a\0c', 'a replay into a file')


def test_record_changes(folder):
    path, offset = os.path.join(folder, 'state'), 4096
    with open(path, 'wb') as file:
        file.write(bytes(offset + 2 * bootrecord.REGION_BYTES))
    bootrecord.write(path, offset, bootrecord.Record(sequence=6))
    raw = bootrecord.Record(sequence=7, phase='writing', target='b', attempts_max=3).format()
    second = offset + bootrecord.REGION_BYTES
    halves = [writelog.Write(second, 0, raw[:512]), writelog.Write(second + 512, 0, raw[512:])]
    found = [(number, record.phase) for number, record in bootrecord.changes(path, offset, [writelog.Write(0, 0, raw)] + halves)]
    tap.equal(found, [(2, 'writing')], 'the write that puts a new record in force')


def main():
    with tempfile.TemporaryDirectory() as folder:
        test_variables(folder)
        test_write_log(folder)
        test_replay(folder)
        test_record_changes(folder)


tap.run(main)
