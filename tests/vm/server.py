"""An ordinary server as a test sees it: a plain Debian with Tandem installed, its disk mounted read-write as a whole, started by
Debian's own initramfs; PostgreSQL is installed. Made once by scripts/mkappliance --plain. Needs root, as that does."""
import os
import shutil

import appliance
import vm

IMAGE = os.path.join(appliance.IMAGES, 'plain')
STICK = appliance.STICK
WORDS = ('root=UUID=2f6d6c1a-5d0e-4e1b-9a52-000000000001 rw console=ttyS0 quiet panic=-1 systemd.gpt_auto=0 '
         'systemd.show_status=0 systemd.log_level=warning')


def image():
    """Make the image, and with the first one the key pair."""
    appliance.host(os.path.join(appliance.TOP, 'scripts/mkappliance'), '--plain', '--lean', '--intel', '--test-agent', '-o', IMAGE)


class Server:
    """A machine with one disk, kept between boots; files are on its stick."""

    def __init__(self, folder, files, **options):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.folder = folder
        self.disk = os.path.join(folder, 'disk.img')
        appliance.host('cp', '--sparse=always', os.path.join(IMAGE, 'root.img'), self.disk)
        self.machine = vm.Machine(folder, **options)
        self.stick = appliance.stick(os.path.join(folder, 'usb.stick'), **files)

    def up(self):
        """Power on and wait until the multi-user system answers; the stick is mounted."""
        boot = self.machine.boot(extra_disks=[self.stick], arguments=[
            '-blockdev', 'driver=raw,node-name=root,file.driver=file,file.filename=' + self.disk,
            '-device', 'virtio-blk-pci,drive=root', '-kernel', os.path.join(IMAGE, 'vmlinuz'),
            '-initrd', os.path.join(IMAGE, 'initramfs'), '-append', WORDS])
        boot.ready(2 * vm.BOOT_S)     # twice the work of an appliance: Debian's initramfs, and nothing is left out
        boot.must('mkdir -p %s && mount -o ro $(blkid -t TYPE=erofs -o device) %s' % (STICK, STICK))
        return boot
