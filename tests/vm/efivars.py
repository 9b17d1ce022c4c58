"""EFI variables, read and damaged in OVMF's flash file while the machine is off.

Layout: UEFI PI 1.7 volume 3 (firmware volume header) and edk2 MdeModulePkg/Include/Guid/VariableFormat.h
(authenticated variable header). OVMF 2022.11, 2 MiB and 4 MiB builds.
"""
import re
import struct
import uuid

LIVE = 0x3f               # header valid and added
REPLACED = 0x3e           # a newer copy is on its way; counts while that copy is not there
DELETED = 0x3d & LIVE     # VAR_DELETED clears bit 1
OUTDATED = REPLACED & DELETED   # a copy that was replaced by a newer one
HEADER_BYTES = 60
GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
VENDOR = '9d3f1c52-7f0e-4c1a-8a35-6b2f0d4e1c77'   # of variables that only these tests write


def guid_text(raw):
    a, b, c = struct.unpack('<IHH', raw[:8])
    return '%08x-%04x-%04x-%s-%s' % (a, b, c, raw[8:10].hex(), raw[10:].hex())


class Variable:
    def __init__(self, name, guid, attributes, data, state, offset):
        self.name, self.guid, self.attributes, self.data = name, guid, attributes, data
        self.state, self.offset = state, offset


class Store:
    """What the file holds now; read once. After a record that a power cut tore, any bytes may follow."""

    def __init__(self, path):
        self.path = path
        with open(path, 'rb') as file:
            self.raw = file.read()
        header = struct.unpack_from('<H', self.raw, 48)[0]
        self.base = header + 28
        self.end = header + struct.unpack_from('<I', self.raw, header + 16)[0]
        self.free_from = self.base
        self.records = list(self._records())

    def _records(self):
        at = self.base
        while at + HEADER_BYTES <= self.end and self.raw[at:at + 2] == b'\xaa\x55':
            state, attributes = self.raw[at + 2], struct.unpack_from('<I', self.raw, at + 4)[0]
            name_bytes, data_bytes = struct.unpack_from('<II', self.raw, at + 36)
            data_at = at + HEADER_BYTES + name_bytes
            name = self.raw[at + HEADER_BYTES:data_at].decode('utf-16-le', 'replace').rstrip('\0')
            yield Variable(name, guid_text(self.raw[at + 44:at + 60]), attributes,
                           self.raw[data_at:data_at + data_bytes], state, at)
            at = self.free_from = (data_at + data_bytes + 3) // 4 * 4

    def variable(self, name, guid=GLOBAL):
        """The one that counts, or None."""
        found = None
        for record in self.records:
            if (record.name, record.guid) == (name, guid) and record.state in (LIVE, REPLACED):
                if found is None or record.state == LIVE:
                    found = record
        return found

    def data(self, name, guid=GLOBAL):
        record = self.variable(name, guid)
        return record.data if record else None

    def names(self):
        return sorted({record.name for record in self.records if self.variable(record.name, record.guid)})

    def written(self):
        """Records ever added since the firmware last collected: the price of a boot in variable writes."""
        return len(self.records)

    def boot_next(self):
        data = self.data('BootNext')
        return struct.unpack('<H', data)[0] if data else None

    def boot_order(self):
        data = self.data('BootOrder') or b''
        return list(struct.unpack('<%dH' % (len(data) // 2), data))

    def entry(self, number):
        """(label, path of the file on its partition or '') of Boot####; None when there is none."""
        data = self.data('Boot%04X' % number)
        if data is None:
            return None
        path_bytes = struct.unpack_from('<H', data, 4)[0]
        end = 6
        while data[end:end + 2] not in (b'\0\0', b''):
            end += 2
        return data[6:end].decode('utf-16-le'), file_path(data[end + 2:end + 2 + path_bytes])

    def entries(self, path_end):
        """Numbers of the entries whose file path ends so, case ignored as firmware does."""
        numbers = [int(name[4:], 16) for name in self.names() if re.fullmatch('Boot0[0-9A-F]{3}', name)]
        return [n for n in numbers if self.entry(n)[1].lower().endswith(path_end.lower())]

    def delete(self, name, guid=GLOBAL):
        """Damage by hand: the variable is gone at the next boot."""
        with open(self.path, 'r+b') as file:
            for record in self.records:
                if (record.name, record.guid) == (name, guid):
                    file.seek(record.offset + 2)
                    file.write(bytes([record.state & DELETED]))

    def fill(self, record_bytes=2048):
        """No free space: as an operating system leaves it that rewrote a variable of its own until there was none."""
        name = 'Filler\0'.encode('utf-16-le')
        least = HEADER_BYTES + len(name) + 2
        with open(self.path, 'r+b') as file:
            file.seek(self.free_from)
            free = self.end - self.free_from
            while free >= least:
                size = record_bytes if free >= record_bytes + least else free
                data = bytes(size - HEADER_BYTES - len(name))
                file.write(struct.pack('<HBBIQ16sIII', 0x55aa, OUTDATED, 0, 7, 0, bytes(16), 0, len(name), len(data))
                           + uuid.UUID(VENDOR).bytes_le + name + data)
                free -= size


def file_path(nodes):
    """The File Path nodes of a device path (type 4, subtype 4), joined."""
    text = ''
    while len(nodes) >= 4:
        kind, subtype, length = struct.unpack_from('<BBH', nodes)
        if kind == 0x7f or length < 4:
            break
        if (kind, subtype) == (4, 4):
            text += nodes[4:length].decode('utf-16-le').rstrip('\0')
        nodes = nodes[length:]
    return text
