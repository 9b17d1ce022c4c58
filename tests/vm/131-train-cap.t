#!/usr/bin/env python3
"""The caps of training (R1, R2, R7) under Debian's kernel, which has project quotas where the kernel of the machine that builds
may have none: tests/root/train-cap.t and train-quota.t in an initramfs of its own, without firmware or disk."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

import tap
import tiny
import vm

MODULES = 'loop ext4 quota_v2 xfs'
PROGRAMS = ('bash env id dirname mktemp mkdir rm mv chmod truncate unshare mount umount mkfs.ext4 mkfs.xfs fallocate du cut grep sed tr timeout '
            'true modprobe insmod sync poweroff')
SCRIPTS = 'train-cap.t train-quota.t'
INIT = '''#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs -o size=90%% tmpfs /tmp
for m in %s; do insmod /modules/$m; done
for t in %s; do echo; echo BEGIN; TANDEM_BUILD=/build TANDEM_BIN=/build/bin /tests/root/$t; echo "END $?"; done
poweroff -f
'''
WAIT_S = 400


def modules_of(kernel):
    """Their files, those that they need first."""
    folder = glob.glob(kernel + '/lib/modules/*')[0]
    needs, order = {}, []
    with open(folder + '/modules.dep') as file:
        for line in file:
            name, _, others = line.partition(':')
            needs[name] = others.split()

    def add(path):
        for other in needs[path]:
            add(other)
        if path not in order:
            order.append(path)
    for word in MODULES.split():
        for path in needs:
            if re.fullmatch(word + r'\.ko(\.[a-z]+)?', os.path.basename(path)):
                add(path)
    return [os.path.join(folder, path) for path in order]


def put(tree, source, target):
    path = tree + target
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(source, path)


def put_program(tree, source, target):
    """With the libraries that it needs, where it looks for them."""
    put(tree, source, target)
    for library in re.findall(r'(/\S+) \(0x', subprocess.run(['ldd', source], capture_output=True, text=True).stdout):
        if not os.path.exists(tree + library):
            put(tree, library, library)


def make_tree(tree, kernel):
    path = os.environ['PATH'] + ':/usr/sbin:/sbin'
    put_program(tree, shutil.which('busybox', path=path), '/bin/busybox')
    for name in PROGRAMS.split():
        found = shutil.which(name, path=path)
        if name in ('true', 'modprobe', 'insmod', 'poweroff') or not found:
            os.symlink('busybox', '%s/bin/%s' % (tree, name))
        else:
            put_program(tree, found, '/bin/' + name)
    os.symlink('busybox', tree + '/bin/sh')
    put_program(tree, '/sbin/mke2fs', '/sbin/mke2fs')
    modules = modules_of(kernel)
    for module in modules:
        put(tree, module, '/modules/' + os.path.basename(module))
    put_program(tree, os.path.join(tiny.BUILD, 'tests/root/test_traincap'), '/build/tests/root/test_traincap')
    put_program(tree, os.path.join(tiny.BUILD, 'bin/tandem-train'), '/build/bin/tandem-train')
    for script in ['ok.sh'] + SCRIPTS.split():
        put(tree, os.path.join(tiny.TOP, 'tests/root', script), '/tests/root/' + script)
    for folder in 'proc sys dev tmp etc'.split():
        os.makedirs(os.path.join(tree, folder))
    tiny.write(tree + '/etc/passwd', 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n')
    tiny.write(tree + '/etc/group', 'root:x:0:\nnogroup:x:65534:\n')
    tiny.write(tree + '/init', INIT % (' '.join(os.path.basename(module) for module in modules), SCRIPTS), 0o755)


def run(folder):
    kernel = tiny.kernel_folder()
    os.mkdir(folder + '/tree')
    make_tree(folder + '/tree', kernel)
    subprocess.run('find . | cpio -o -H newc --quiet >../initramfs', shell=True, cwd=folder + '/tree', check=True)
    command = ['qemu-system-x86_64', '-accel', 'tcg', '-cpu', 'max', '-m', '1800', '-nographic', '-no-reboot', '-nodefaults',
               '-serial', 'stdio', '-kernel', glob.glob(kernel + '/boot/vmlinuz-*')[0], '-initrd', folder + '/initramfs',
               '-append', 'console=ttyS0 quiet panic=-1']
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S, errors='replace',
                          preexec_fn=vm.die_with_parent)
    return done.stdout.replace('\r', '') + done.stderr


def test():
    with tempfile.TemporaryDirectory(prefix='tandem-train-cap-') as folder:
        said = run(folder)
    scripts = re.findall(r'^BEGIN\n(.*?)^END (\d+)', said, re.M | re.S)
    if not tap.equal(len(scripts), len(SCRIPTS.split()), 'the machine runs the tests'):
        tap.diag(said[-3000:])
    for text, code in scripts:
        for bad, name in re.findall(r'^(not )?ok \d+ - (.*)$', text, re.M):
            tap.ok(not bad, name)
        tap.equal(re.findall(r'# (?:skip.*|no \w+ here)', text, re.I), [], 'each file system is there, and nothing is skipped')
        tap.ok(code == '0' and 'not ok' not in text, 'all of it passes', text)


tap.run(test)
