"""A virtual machine under UEFI firmware, one qemu process per boot.

A Machine is what stays while the power is off: disks and a variable store. Machine.boot() gives a Boot, one run of qemu
from power-on to the moment the guest resets, powers off, or loses power (cut). qemu runs with -no-reboot, so that a reset
ends it and the next boot is a new process on the same files: exact for EFI variables, which live in the pflash file, and
cheaper than a warm reset. Nothing here needs root, /dev/kvm or a loop device.

The first serial port is the console, kept with times in FOLDER/boot-N.log. On the second one the appliance's test agent
(mkappliance --test-agent) takes commands.
"""
import atexit
import base64
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

FIRMWARE = '/usr/share/OVMF/OVMF_CODE.fd'
EMPTY_VARS = '/usr/share/OVMF/OVMF_VARS.fd'

# An idle machine with two cores is ready 13 s after power-on and answers a command in 0.4 s. A deadline is for what hangs,
# not for what is slow: under load the same steps took six times as long.
BOOT_S = 180
COMMAND_S = 60
TAIL_LINES = 30

running = []
scratch = tempfile.mkdtemp(prefix='tandem-vm-')   # sockets: a path below the work folder may be too long for one


def kill_all():
    """No run may leave a machine behind, whatever ended it."""
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()
    shutil.rmtree(scratch, ignore_errors=True)


atexit.register(kill_all)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def die_with_parent():
    """In the child: SIGKILL when the harness is gone, even when that was killed with SIGKILL itself."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Failed(Exception):
    """Something did not happen. The text ends with the console's last lines."""


class Result:
    """What a command in the guest gave back: exit code and both output streams as one text."""

    def __init__(self, code, text):
        self.code = code
        self.text = text


class Machine:
    """Disks, variable store and hardware of one machine. Paths are used in place, and written to."""

    def __init__(self, folder, disk=None, variables=None, cpus=1, memory_mib=512):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.disk = disk
        self.variables = variables or os.path.join(folder, 'vars.fd')
        if not os.path.exists(self.variables):
            shutil.copy(EMPTY_VARS, self.variables)
        self.cpus = cpus
        self.memory_mib = memory_mib
        self.boots = 0

    def boot(self, extra_disks=(), log_disk=None, log_variables=None, watchdog=None, network=(), arguments=(), counted=False):
        """Power on.

        extra_disks    paths of further disks, in order, read-only when they end in .stick
        log_disk       record every write to the first disk in this file (see writelog.py)
        log_variables  record every write to the variable store in this file
        watchdog       'reset' or 'poweroff': an i6300esb and what it does when nobody pets it
        network        qemu arguments of a network device; none by default, firmware start is faster without
        counted        the guest's time is its instructions, 2 ns each, and not what a busy host makes of it
        """
        self.boots += 1
        timing = ['-accel', 'tcg,thread=single', '-icount', 'shift=1'] if counted else ['-accel', 'tcg,thread=multi']
        command = ['qemu-system-x86_64', '-M', 'pc,pflash0=code,pflash1=vars', *timing, '-cpu', 'max',
                   '-smp', str(self.cpus), '-m', str(self.memory_mib), '-nodefaults', '-display', 'none', '-no-reboot',
                   '-serial', 'stdio',
                   '-blockdev', 'driver=file,node-name=code,read-only=on,filename=' + FIRMWARE]
        command += self._drive('vars', self.variables, log_variables)
        if self.disk:
            command += self._drive('disk0', self.disk, log_disk)
            command += ['-device', 'virtio-blk-pci,drive=disk0,bootindex=0,serial=disk0']
        for number, path in enumerate(extra_disks, 1):
            name = 'disk%d' % number
            command += self._drive(name, path, None, read_only=path.endswith('.stick'))
            command += ['-device', 'virtio-blk-pci,drive=%s,serial=%s' % (name, name)]
        if watchdog:
            command += ['-device', 'i6300esb', '-action', 'watchdog=' + watchdog]
        return Boot(command + list(network) + list(arguments), os.path.join(self.folder, 'boot-%d.log' % self.boots))

    @staticmethod
    def _drive(name, path, log, read_only=False):
        top = name + '-below' if log else name
        mode = ',read-only=on' if read_only else ''
        arguments = ['-blockdev', 'driver=raw,node-name=%s%s,file.driver=file,file.filename=%s' % (top, mode, path)]
        if log:
            open(log, 'wb').close()
            arguments += ['-blockdev', 'driver=file,node-name=%s-log,filename=%s' % (name, log),
                          '-blockdev', 'driver=blklogwrites,node-name=%s,file=%s,log=%s-log,log-sector-size=512'
                          % (name, top, name)]
        return arguments


class Boot:
    """One qemu process. A context manager: leaving it cuts the power if it is still on."""

    def __init__(self, command, log_path):
        self.started = time.monotonic()
        self.log_path = log_path
        self.lines = []            # (seconds since power-on, text)
        self.seen = 0              # lines that console() has passed
        self.changed = threading.Condition()
        self.events = []           # of qemu's monitor
        sockets = tempfile.mkdtemp(dir=scratch)
        agent, monitor = os.path.join(sockets, 'agent'), os.path.join(sockets, 'monitor')
        command = command + ['-chardev', 'socket,id=agent,server=on,wait=off,path=' + agent, '-serial', 'chardev:agent',
                             '-qmp', 'unix:%s,server=on,wait=off' % monitor]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        preexec_fn=die_with_parent)
        running.append(self.process)
        self._agent_ready = False
        self._monitor = self._connect(monitor)
        self._agent = self._connect(agent)
        self._answers = self._agent.makefile('rb')
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read_console, self._read_monitor)]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    # -- what the machine says

    def console(self, pattern, timeout=BOOT_S):
        """Wait for a console line; returns the match. Lines before it are passed over for good."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                while self.seen < len(self.lines):
                    match = re.search(pattern, self.lines[self.seen][1])
                    self.seen += 1
                    if match:
                        return match
                if not self._threads[0].is_alive():
                    raise self.failed('the machine ended before it said /%s/' % pattern)
                if time.monotonic() > deadline:
                    raise self.failed('no /%s/ on the console within %d s' % (pattern, timeout))
                self.changed.wait(0.2)

    def said(self, pattern):
        """The matches of pattern in everything the console has said so far."""
        with self.changed:
            return [match for match in (re.search(pattern, text) for _, text in self.lines) if match]

    def ready(self, timeout=BOOT_S):
        """Wait until multi-user.target is reached; returns the seconds since power-on."""
        self.console(r'TEST-READY', timeout)
        return time.monotonic() - self.started

    def seconds(self):
        """Since power-on."""
        return time.monotonic() - self.started

    def cpu_seconds(self):
        """User and system time of qemu so far; repeats to 10 % on a loaded host, where wall time does not."""
        with open('/proc/%d/stat' % self.process.pid) as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def tail(self):
        with self.changed:
            return ''.join('\n    %7.2f %s' % line for line in self.lines[-TAIL_LINES:])

    def failed(self, what):
        """An exception that says what happened and what the machine said last."""
        return Failed('%s (after %.1f s, log %s)%s' % (what, self.seconds(), self.log_path, self.tail()))

    # -- what the machine is told

    def sh(self, command, timeout=COMMAND_S):
        """Run a shell command as root in the guest."""
        try:
            self._await_agent()
            self._agent.settimeout(timeout)
            self._agent.sendall(base64.b64encode(command.encode()) + b'\n')
            return self._answer()
        except socket.timeout:
            what = 'no answer within %d s to' % timeout if self._agent_ready else 'no test agent came up for'
            raise self.failed('%s: %s' % (what, command)) from None
        except (BrokenPipeError, ConnectionError, EOFError):
            raise self.failed('the machine ended during: %s' % command) from None

    def must(self, command, timeout=COMMAND_S):
        """As sh(), for a command that has to succeed; returns its output."""
        result = self.sh(command, timeout)
        if result.code:
            raise self.failed('exit code %d of: %s\n%s' % (result.code, command, result.text))
        return result.text

    def tell(self, command):
        """Start a command without waiting for an answer: one that ends the machine, or runs until the power is cut."""
        self.sh('(%s) >/dev/ttyS0 2>&1 </dev/null &' % command)

    def ended(self, timeout=BOOT_S):
        """Wait until the guest ends the machine. Returns why: guest-reset, guest-shutdown, guest-panic, or watchdog."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self.failed('the machine is still on after %d s' % timeout) from None
        self._close()
        for event in self.events:
            if event['event'] == 'WATCHDOG':
                return 'watchdog'
        for event in self.events:
            if event['event'] == 'SHUTDOWN':
                return event['data']['reason']
        raise self.failed('qemu ended with %d' % self.process.returncode)

    def reboot(self, timeout=BOOT_S):
        """Orderly reboot from inside; returns when the power is off."""
        self.tell('systemctl reboot')
        return self.ended(timeout)

    def cut(self):
        """Cut the power. What the guest was told is on the disk is on the disk."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._close()

    # -- inside

    def _await_agent(self):
        """The agent says hello when it starts; before that the firmware would read what we send.

        Firmware writes its own text to this port as well, and the kernel may cut that off in mid-line.
        """
        if self._agent_ready:
            return
        self._agent.settimeout(BOOT_S)
        while b'HELLO ' not in (line := self._answers.readline()):
            if not line:
                raise EOFError
        self._agent_ready = True

    def _answer(self):
        while True:
            line = self._answers.readline()
            if not line:
                raise EOFError
            word, *rest = line.split()[:3] or [b'']
            if word == b'OUT' and rest:
                text = base64.b64decode(rest[1]) if len(rest) > 1 else b''
                return Result(int(rest[0]), text.decode('utf-8', 'replace'))

    def _connect(self, path):
        deadline = time.monotonic() + COMMAND_S
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(path)
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                if self.process.poll() is not None:
                    raise Failed('qemu: %s' % self.process.stdout.read().decode('utf-8', 'replace')) from None
                if time.monotonic() > deadline:
                    raise Failed('qemu opens no socket') from None
                time.sleep(0.02)

    def _read_console(self):
        with open(self.log_path, 'w') as log:
            for raw in self.process.stdout:
                text = re.sub(r'\x1b\[[0-9;?=]*[a-zA-Z]|[\x00-\x08\x0e-\x1f]', '', raw.decode('utf-8', 'replace')).strip()
                with self.changed:
                    self.lines.append((self.seconds(), text))
                    self.changed.notify_all()
                log.write('%7.2f %s\n' % self.lines[-1])
                log.flush()

    def _read_monitor(self):
        stream = self._monitor.makefile('rwb', buffering=0)
        try:
            stream.write(b'{"execute":"qmp_capabilities"}\n')
            for line in stream:
                message = json.loads(line)
                if 'event' in message:
                    self.events.append(message)
        except (OSError, ValueError):
            pass   # the machine went away; ended() judges what was heard

    def _close(self):
        for thread in self._threads:
            thread.join(5)
        self._answers.close()
        self._agent.close()
        self._monitor.close()
        self.process.stdout.close()
        if self.process in running:
            running.remove(self.process)
