"""The example appliance as a test sees it: images of a version, bundles, disks, USB sticks, and a machine that runs them.

Images and bundles are made once by scripts/mkappliance and tandem bundle create, and kept under build/appliance/images;
a scenario copies what it changes. Everything here needs root, as mkappliance does.
"""
import json
import os
import shutil
import subprocess
import time

import efivars
import vm

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IMAGES = os.path.join(TOP, 'build/appliance/images')
SCENARIOS = os.path.join(TOP, 'build/vm')                  # disks, variable stores and logs of test runs
KEY = os.path.join(TOP, 'build/appliance/keys/release.key')
PROGRAMS = os.environ.get('TANDEM_BIN') or os.path.join(TOP, 'build/debug/bin')

STICK = '/run/stick'          # where the guest mounts the first further disk
HEALTH_S = 150                # deadline of the health probes in test images; 15 s on an idle machine
SICK_S = 20                   # of one that never gets healthy
# Options of an image whose initramfs is made by initramfs-tools. It takes longer to its init than the usual watchdog allows a
# loaded host.
DEBIAN_INITRAMFS = ('--initramfs', 'debian', '--set', 'system.watchdog-timeout=180')
INSTALL_S = 600               # of a lean image; 20 s on an idle machine


def host(*command, **options):
    """Run a program on this machine; its output is in the exception when it fails."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if result.returncode:
        raise vm.Failed('exit code %d of: %s\n%s' % (result.returncode, ' '.join(command),
                                                     result.stdout.decode('utf-8', 'replace')[-4000:]))
    return result.stdout.decode('utf-8', 'replace')


class Image:
    """What mkappliance made of one version."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def bundle(self):
        """The signed bundle of this version, made when it is missing or older than its parts."""
        path = self.path('bundle.reup')
        parts = [self.path(name) for name in ('root.img', 'a.efi', 'b.efi', 'bundle.conf')]
        if not os.path.exists(path) or os.path.getmtime(path) < max(map(os.path.getmtime, parts)):
            host(os.path.join(PROGRAMS, 'tandem'), 'bundle', 'create', '--config', self.path('bundle.conf'), '--key', KEY,
                 '-o', path, '--progress', 'none')
        return path


def overlay(folder, files):
    """A folder with these files, for mkappliance --overlay."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in files.items():
        path = os.path.join(folder, path.lstrip('/'))
        content = content if isinstance(content, bytes) else content.encode()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(content)
        os.chmod(path, 0o755 if content.startswith((b'#!', b'\x7fELF')) else 0o644)
    return folder


def image(version, variant='good', lean=True, *options, mode='bootnext', attempts=3, health_s=None, tuning=None, files=None):
    """Build (or reuse) one version of the appliance; lean ones boot and install fast.

    tuning   a dict of changes to its tuning.conf: the version runs the tuning stage; None: it has no stages
    files    a dict of further files, path: text or bytes; #! or an ELF header make a program of it
    """
    health_s = health_s or (SICK_S if variant == 'bad-health' else HEALTH_S)
    words = ['--version', version, '--variant', variant, '--test-agent', '--format', 'erofs',
             '--set', 'system.mode=' + mode, '--set', 'system.attempts=%d' % attempts,
             '--set', 'health.deadline=%d' % health_s] + (['--lean'] if lean else []) + list(options)
    if tuning is not None:
        words += ['--stages'] + [word for change in tuning.items() for word in ('--tuning', '%s=%s' % change)]
    name = '-'.join(word.strip('-').replace('/', '_').replace('=', '_') for word in words if word not in ('--set', '--tuning'))
    folder = os.path.join(IMAGES, name[:200])
    if files:
        words += ['--overlay', overlay(folder + '.files', files)]
    host(os.path.join(TOP, 'scripts/mkappliance'), *words, '-o', folder)
    return Image(folder)


def disk(path, a=None, b=None, size='1600M', mode='bootnext', layout=None, put=()):
    """A disk with image a, b or both in their slots; the first one given is committed, the fallback loader is its boot file.

    put: what else tandem-disk create puts there.
    """
    command = [os.path.join(PROGRAMS, 'tandem-disk'), 'create', '-o', path, '--size', size, '--force']
    if layout:
        command += ['--config', layout]
    first = None
    for slot, content in (('a', a), ('b', b)):
        if content is None:
            continue
        version = next(word for word in open(content.path('bundle.conf')).read().split() if word.startswith('version='))
        command += ['--put', 'root-%s=%s' % (slot, content.path('root.img')), '--slot', '%s=%s' % (slot, version[8:])]
        if mode == 'bootnext':
            command += ['--put', 'esp:/EFI/tandem/%s/linux.efi=%s' % (slot, content.path(slot + '.efi'))]
        first = first or content.path('chooser.efi' if mode == 'chooser' else slot + '.efi')
    for what in ['esp:/EFI/BOOT/BOOTX64.EFI=' + first, *put]:
        command += ['--put', what]
    host(*command)
    return path


def partition(path, name):
    """Where a partition of a disk image is, as (offset, bytes)."""
    inspected = json.loads(host(os.path.join(PROGRAMS, 'tandem-disk'), 'inspect', '--json', path))
    return next((part['start_bytes'], part['size_bytes']) for part in inspected['partitions'] if part['name'] == name)


def esp_file(path, name):
    """A file on the EFI system partition of a disk image, which is its first one; None when it is not there."""
    result = subprocess.run(['mtype', '-i', path + '@@1M', '::' + name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return None if result.returncode else result.stdout


def stick(path, **files):
    """A USB stick (erofs) with the given files: stick('x.stick', **{'v2.reup': path})."""
    assert path.endswith('.stick')     # what the harness attaches read-only
    tree = path + '.tree'
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    for name, source in files.items():
        os.link(source, os.path.join(tree, name))
    host('mkfs.erofs', '--quiet', path, tree)
    shutil.rmtree(tree)
    return path


class Up:
    """A booted appliance: a vm.Boot with what Tandem says of it."""

    def __init__(self, boot, ready_s=vm.BOOT_S):
        self.boot = boot
        self.seconds = boot.ready(ready_s)
        self.said = dict(line.split('=', 1) for line in boot.must('cat /run/tandem/boot').splitlines() if '=' in line)
        self.version = boot.must('. /usr/lib/os-release; echo $IMAGE_VERSION').strip()

    @property
    def slot(self):
        return self.said['slot']

    @property
    def role(self):
        return self.said['role']

    def status(self):
        """tandem status --json."""
        return json.loads(self.boot.must('tandem status --json'))

    def plug(self):
        """The stick, mounted."""
        self.boot.must('mountpoint -q %s || { mkdir -p %s && mount -o ro /dev/vdb %s; }' % (STICK, STICK, STICK))

    def settings(self, **changes):
        """A copy of system.conf with some lines of [system] changed, as an option: settings(attempts=1)."""
        path = '/run/' + '-'.join('%s-%s' % change for change in changes.items()) + '.conf'
        self.boot.must("sed '%s' /etc/tandem/system.conf >%s" % (';'.join('s/^%s=.*/%s=%s/' % (key, key, value)
                                                                          for key, value in changes.items()), path))
        return '--config=' + path

    def install(self, name, *options, timeout=INSTALL_S, code=0):
        """tandem install of a file on the stick; returns its output."""
        self.plug()
        result = self.boot.sh('tandem install %s/%s %s' % (STICK, name, ' '.join(options)), timeout)
        if result.code != code:
            raise self.boot.failed('exit code %d, not %d, of tandem install %s\n%s'
                                   % (result.code, code, name, result.text))
        return result.text

    def install_json(self, name, *options, **more):
        """tandem install --json; what it prints."""
        return json.loads(self.install(name, '--json', *options, **more))

    def verdict(self, timeout=180):
        """Wait until tandem-stage has judged this boot; returns its result file."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            result = self.boot.sh('cat /run/tandem/verdict.json')
            if result.code == 0:
                return json.loads(result.text)
            time.sleep(0.5)
        raise self.boot.failed('no verdict within %d s' % timeout)


class Appliance:
    """A machine with one disk, kept between boots: up() boots it until its multi-user system answers."""

    def __init__(self, folder, **options):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.folder = folder
        self.disk_path = os.path.join(folder, 'disk.img')
        self.machine = None
        self.options = options
        self.stick_path = None

    def with_disk(self, **images):
        disk(self.disk_path, **images)
        self.machine = vm.Machine(self.folder, self.disk_path, **self.options)
        return self

    def with_copy(self, disk_path, variables):
        """A copy of a disk and of a variable store, as another machine left them."""
        host('cp', '--sparse=always', disk_path, self.disk_path)
        shutil.copy(variables, os.path.join(self.folder, 'vars.fd'))
        self.machine = vm.Machine(self.folder, self.disk_path, **self.options)
        return self

    def with_stick(self, **files):
        self.stick_path = stick(os.path.join(self.folder, 'usb.stick'), **files)
        return self

    def power_on(self, **options):
        """One qemu process; see vm.Machine.boot()."""
        extra = ([self.stick_path] if self.stick_path else []) + list(options.pop('extra_disks', []))
        return self.machine.boot(extra_disks=extra, **options)

    def variables(self):
        """The variable store, while the power is off."""
        return efivars.Store(self.machine.variables)

    def on_esp(self, path):
        """A file on the EFI system partition, while the power is off."""
        return esp_file(self.disk_path, path)

    def up(self, ready_s=vm.BOOT_S, **options):
        return Up(self.power_on(**options), ready_s)

    def again(self, up, **options):
        """Orderly reboot of a running appliance, and through whatever resets follow, until it is up again."""
        up.boot.reboot()
        return self.settle(**options)

    def settle(self, boots=6, **options):
        """Boot until the system comes up; a boot that ends in a reset is followed by the next one, as on real hardware."""
        for _ in range(boots):
            boot = self.power_on(**options)
            try:
                return Up(boot)
            except vm.Failed:
                if boot.process.poll() is None:
                    raise
                boot.cut()
        raise vm.Failed('the machine did not come up in %d boots; logs in %s' % (boots, self.folder))
