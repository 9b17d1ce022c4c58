"""A tiny appliance for tests of the early boot: tandem-init from this build, Debian's cloud kernel, and a root of busybox
whose init tells the console what it finds and ends the machine. A boot takes a few seconds.

Made under build/tests/tiny, once per content of its parts.
"""
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess

import bootrecord
import efivars
import tap
import vm

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('TANDEM_BUILD', os.path.join(TOP, 'build/debug'))
CACHE = os.path.join(TOP, 'build/tests/tiny')
MIB = 1 << 20

# Partition: start and size in MiB, type.
LAYOUT = {
    'esp': (1, 128, 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'),
    'tandem-state': (129, 32, '5D3C1D6E-8C3F-4D6B-9C42-7D4F2F1B6A10'),
    'root-a': (161, 16, '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709'),
    'root-b': (177, 16, '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709'),
    'data': (193, 32, '0FC63DAF-8483-4772-8E79-3D69D8477DE4'),
}
DISK_MIB = 226
STATE = LAYOUT['tandem-state'][0] * MIB

MODULES = 'virtio_pci virtio_blk efivarfs erofs squashfs quota_v2 softdog'

CONF = '''[system]
product=tiny
compatible=tiny
mode=%s
watchdog-timeout=%d
'''
# Kinds of initramfs: mode and watchdog.
KINDS = {'bootnext': ('bootnext', 60), 'chooser': ('chooser', 60), 'watched': ('chooser', 5)}

# Reports, then ends the machine. tiny.do=SLOT-hang or SLOT-exit on the command line: what that slot does instead.
INIT = '''#!/bin/sh
say() { sed "s/^/$1 /" ; }
echo "STARTED slot=$(cat /etc/slot) pid=$$ arguments=$*"
say HANDOVER </run/tandem/boot
say LOG </run/tandem/init.log
say MOUNT </proc/mounts
echo "PANIC $(cat /proc/sys/kernel/panic)"
ls -d /proc/1/fd/* | say FD
df -a / | say DF
for f in /var/lib/tiny/mark /opt/tiny/mark /var/log/mark; do [ -e $f ] && echo "KEPT $f"; : >$f && echo "WROTE $f"; done
case $(cat /proc/cmdline) in
*tiny.do=$(cat /etc/slot)-hang*) while :; do sleep 1000; done ;;
*tiny.do=$(cat /etc/slot)-exit*) exit 3 ;;
esac
sync
echo FINISHED
poweroff -f
'''
APPLETS = 'sh cat sed ls df sync poweroff reboot sleep'


def run(*command, **keywords):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **keywords)
    if done.returncode:
        raise vm.Failed('%s: exit code %d\n%s%s' % (' '.join(command), done.returncode, done.stdout, done.stderr))
    return done.stdout


def kernel_folder():
    """Debian's cloud kernel: the one that the appliance was made with, else one of our own."""
    own = os.path.join(TOP, 'build/tests/kernel')
    found = sorted(glob.glob(os.path.join(TOP, 'build/appliance/kernel-*cloud*')))
    if found or os.path.isdir(own):
        return found[-1] if found else own
    part = own + '.%d.part' % os.getpid()
    os.makedirs(part)
    name = re.search(r'Depends: (linux-image-[0-9]\S*)', run('apt-cache', 'depends', 'linux-image-cloud-amd64')).group(1)
    run('apt-get', 'download', '-qq', name, cwd=part)
    run('dpkg-deb', '-x', glob.glob(part + '/*.deb')[0], part + '/tree')
    run('depmod', '-b', part + '/tree', os.listdir(part + '/tree/lib/modules')[0])
    os.rename(part + '/tree', own)
    shutil.rmtree(part)
    return own


def root_tree(folder, slot):
    for path in 'bin sbin etc dev proc sys run var opt/tiny data'.split():
        os.makedirs(os.path.join(folder, path))
    shutil.copy('/bin/busybox', os.path.join(folder, 'bin/busybox'))
    for applet in APPLETS.split():
        os.symlink('busybox', os.path.join(folder, 'bin', applet))
    write(os.path.join(folder, 'etc/slot'), slot + '\n')
    write(os.path.join(folder, 'sbin/real-init'), INIT, 0o755)
    os.symlink('/sbin/real-init', os.path.join(folder, 'sbin/init'))   # as Debian's: a link, absolute inside the root


def write(path, text, mode=0o644):
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, mode)


class Parts:
    """The files that disks are made of."""

    def __init__(self):
        os.makedirs(CACHE, exist_ok=True)
        with open(os.path.join(CACHE, 'lock'), 'w') as lock:   # several tests may start at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._find()

    def _find(self):
        init = os.path.join(BUILD, 'bin/tandem-init')
        kernel = kernel_folder()
        parts = [init, os.path.join(TOP, 'scripts/mkinitramfs'), os.path.join(TOP, 'scripts/mkuki'), __file__]
        stamp = hashlib.sha256((kernel + ''.join(run('sha256sum', part) for part in parts)).encode()).hexdigest()[:12]
        self.folder = os.path.join(CACHE, stamp)
        self.kernel = glob.glob(kernel + '/boot/vmlinuz-*')[0]
        if not os.path.isdir(self.folder):
            for old in glob.glob(os.path.join(CACHE, '*/')):
                shutil.rmtree(old)
            os.makedirs(self.folder + '.part')
            self._make(self.folder + '.part', init, kernel)
            os.rename(self.folder + '.part', self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def _make(self, folder, init, kernel):
        at = lambda name: os.path.join(folder, name)
        for slot in 'ab':
            root_tree(at('tree-' + slot), slot)
            run('mkfs.erofs', '--quiet', '-T0', at(slot + '.erofs'), at('tree-' + slot))
        run('mksquashfs', at('tree-b'), at('b.squashfs'), '-quiet', '-no-progress', '-all-root')
        run('mke2fs', '-q', '-F', '-t', 'ext4', '-d', at('tree-b'), at('b.ext4'), '8M')
        write(at('os-release'), 'ID=tiny\n')
        for kind, values in KINDS.items():
            write(at(kind + '.conf'), CONF % values)
            run(os.path.join(TOP, 'scripts/mkinitramfs'), '--init', init, '--config', at(kind + '.conf'), '--kernel-dir', kernel,
                '--modules', MODULES, '-o', at(kind + '.initramfs'))


class Disk:
    """One disk image. Slots hold the same tree but for their letter."""

    def __init__(self, parts, path, kind='bootnext', words='', slot_words=None, record=None):
        """words: more of the kernel command line, of both slots; slot_words: a dict of those of one slot."""
        self.parts, self.path, self.kind = parts, path, kind
        with open(path, 'wb') as file:
            file.truncate(DISK_MIB * MIB)
        table = 'label: gpt\nfirst-lba: 2048\n' + ''.join(
            'name=%s, start=%dMiB, size=%dMiB, type=%s\n' % (name, start, size, kind)
            for name, (start, size, kind) in LAYOUT.items())
        subprocess.run(['sfdisk', '-q', path], input=table, text=True, check=True)
        for slot in 'ab':
            self.fill('root-' + slot, parts.path(slot + '.erofs'))
        self.make_data()
        self._make_esp(words, slot_words or {})
        bootrecord.write(path, STATE, record or bootrecord.Record())

    def offset(self, partition):
        return LAYOUT[partition][0] * MIB

    def fill(self, partition, source):
        run('dd', 'if=' + source, 'of=' + self.path, 'bs=1M', 'seek=%d' % LAYOUT[partition][0], 'conv=notrunc', 'status=none')

    def drop(self, partition):
        """The partition is not in the table any more."""
        run('sfdisk', '-q', '--delete', self.path, str(1 + list(LAYOUT).index(partition)))

    def wipe(self, partition, start=0, size=MIB):
        """Zeros, as a disk that lost a part of itself."""
        with open(self.path, 'r+b') as file:
            file.seek(self.offset(partition) + start)
            file.write(bytes(size))

    def make_data(self):
        """An empty data partition, as tandem-disk makes it."""
        start, size, _ = LAYOUT['data']
        run('mke2fs', '-q', '-F', '-t', 'ext4', '-O', 'quota,project', '-E', 'offset=%d' % (start * MIB), self.path, '%dM' % size)

    def _make_esp(self, words, slot_words):
        start, size, _ = LAYOUT['esp']
        at = self.path + '@@%dM' % start
        run('mkfs.vfat', '-F', '32', '-s', '1', '--offset', str(start * 2048), self.path, str(size * 1024))
        environment = dict(os.environ, MTOOLS_SKIP_CHECK='1')
        run('mmd', '-i', at, '::/EFI', '::/EFI/BOOT', '::/EFI/tandem', '::/EFI/tandem/a', '::/EFI/tandem/b', env=environment)
        for slot in 'ab':
            name = self.path + '.%s.efi' % slot
            words_here = ['console=ttyS0 panic=-1', words, slot_words.get(slot, '')]
            if self.kind == 'bootnext':
                words_here.append('tandem.slot=' + slot)
            run(os.path.join(TOP, 'scripts/mkuki'), '--kernel', self.parts.kernel, '--os-release', self.parts.path('os-release'),
                '--initramfs', self.parts.path(self.kind + '.initramfs'), '--cmdline', ' '.join(filter(None, words_here)),
                '-o', name)
            if self.kind == 'bootnext':
                run('mcopy', '-i', at, name, '::/EFI/tandem/%s/linux.efi' % slot, env=environment)
            if slot == 'a':
                run('mcopy', '-i', at, name, '::/EFI/BOOT/BOOTX64.EFI', env=environment)
            os.unlink(name)

    def record(self):
        return bootrecord.read(self.path, STATE)

    def set_record(self, **fields):
        return bootrecord.write(self.path, STATE, bootrecord.Record(**fields))

    def damage_record(self):
        bootrecord.damage(self.path, STATE)


class Report:
    """What the slot's init said, and what the kernel and tandem-init said before it."""

    def __init__(self, boot, reason):
        self.reason = reason
        self.lines = [text for _, text in boot.lines]

    def of(self, word):
        return [line[len(word) + 1:] for line in self.lines if line.startswith(word + ' ')]

    def slot(self):
        started = self.of('STARTED')
        return started[0].split()[0][len('slot='):] if started else None

    def handover(self):
        return dict(line.split('=', 1) for line in self.of('HANDOVER') if '=' in line)

    def said(self, text):
        return any(text in line for line in self.lines)


def boot(machine, **keywords):
    """Power on and wait until the machine ends by itself: poweroff by the slot's init, or a reset."""
    with machine.boot(**keywords) as booted:
        return Report(booted, booted.ended())


class Bench:
    """A disk in a machine, and one boot after the other, each a test."""

    def __init__(self, folder, **disk):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.disk = Disk(Parts(), os.path.join(self.folder, 'disk.img'), **disk)
        self.machine = vm.Machine(self.folder, disk=self.disk.path)

    def boot(self, **options):
        self.last = boot(self.machine, **options)
        return self.last

    def variables(self):
        return efivars.Store(self.machine.variables)

    def runs(self, slot, role, name, **options):
        """Boot; the slot's init runs in that role."""
        report = self.boot(**options)
        said = report.handover()
        if not tap.equal((report.slot(), said.get('slot'), said.get('role')), (slot, slot, role), name):
            tap.diag('\n'.join(report.lines[-60:]))
        return report

    def reboots(self, name, **options):
        """Boot; tandem-init reboots without starting anything."""
        report = self.boot(**options)
        if not tap.equal((report.slot(), report.reason), (None, 'guest-reset'), name):
            tap.diag('\n'.join(report.lines[-60:]))
        return report


def trial(attempts_left=2, stage='armed', **fields):
    """Fields of a record: slot b is on trial."""
    return dict(phase='trial', target='b', attempts_left=attempts_left, attempts_max=3, stage=stage, **fields)


def good_b():
    """Slots of a record: b was committed before."""
    record = bootrecord.Record()
    record.slots['b'].state = 'good'
    return record.slots
