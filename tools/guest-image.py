#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a tiny Linux guest below FOLDER: a Debian (or Ubuntu) kernel and an initramfs that prints its PCI bus.

  guest-image.py FOLDER      leaves FOLDER/vmlinuz and FOLDER/initramfs.gz

Nothing is installed: the kernel's package is fetched with apt-get download and unpacked below FOLDER. The guest prints, on its
first serial port, one line for each PCI function:

  BERTH-GUEST path=02.0/00.0 bus=1 id=1af4:1041 class=0x020000 mac=52:54:00:00:00:01 block=-

path: slot.function from the root bus down; bus: the number the firmware gave to the bus the function sits on. Then
"BERTH-GUEST end", and it powers off; with "berth.stay" on its command line it stays. With "berth.ask" it stays, too, and then answers
each line that comes on that port with where it sees its devices, by their paths below /sys/devices, and "BERTH-GUEST end":

  BERTH-GUEST pci pci0000:00/0000:00:02.0/0000:01:00.0
  BERTH-GUEST net PATH MAC · block PATH SECTORS · port PATH NAME · input PATH NAME · usb PATH VENDOR:PRODUCT
  BERTH-GUEST memory INDEX        a block of memory, by its number
"""
import glob
import gzip
import os
import shutil
import subprocess
import sys

# Where the driver of a device is a module; loaded by the guest with what they depend on.
MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_scsi", "e1000", "e1000e", "8139cp", "ata_piix", "ahci", "sd_mod",
           "sym53c8xx", "sr_mod", "virtio_mem"]
# The same for what is only plugged while the guest runs.
PLUGGED = ["vmxnet3", "xhci_pci", "usb_storage", "usbhid", "hid_generic", "virtio_input", "virtio_console", "virtio_rng",
           "i6300esb", "mptsas", "megaraid_sas", "vmw_pvscsi", "shpchp"]

INIT = r"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules); do modprobe "$module" 2>/dev/null; done
sleep 1
# The shell's own means only: a process for each value takes minutes with hundreds of devices and an emulated CPU.
first() { found=; for entry in "$@"; do [ -e "$entry" ] && { found=$entry; return; }; done; }
{
for device in /sys/bus/pci/devices/*; do
  path=
  cd -P "$device"
  IFS=/
  for part in $PWD; do
    case $part in
    ????:??:??.?) path="$path${path:+/}${part#????:??:}"; bus=${part#????:}; bus=$((0x${bus%%:*})) ;;
    esac
  done
  unset IFS
  first net/*/address virtio*/net/*/address
  mac=-; [ -n "$found" ] && read -r mac < "$found"
  read -r vendor < vendor; read -r id < device; read -r class < class
  first virtio*/block/* ata*/host*/target*/*/block/* host*/target*/*/block/* virtio*/host*/target*/*/block/*
  block=-; [ -n "$found" ] && block=${found##*/}
  echo "BERTH-GUEST path=$path bus=$bus id=${vendor#0x}:${id#0x} class=$class mac=$mac block=$block"
done
echo "BERTH-GUEST end"
} > /dev/ttyS0
below() { cd -P "$1" 2>/dev/null && below=${PWD#/sys/devices/}; }
answer() {
  for device in /sys/bus/pci/devices/*; do below "$device" && echo "BERTH-GUEST pci $below"; done
  for device in /sys/class/net/*; do
    [ -e "$device/device" ] && below "$device" && read -r word < address && echo "BERTH-GUEST net $below $word"
  done
  for device in /sys/block/*; do
    [ -e "$device/device" ] && below "$device" && read -r word < size && echo "BERTH-GUEST block $below $word"
  done
  for device in /sys/class/virtio-ports/*; do
    [ -e "$device/name" ] && below "$device" && read -r word < name && echo "BERTH-GUEST port $below $word"
  done
  for device in /sys/class/input/input*; do
    [ -e "$device" ] && below "$device" && read -r word < name && echo "BERTH-GUEST input $below $word"
  done
  for device in /sys/bus/usb/devices/*; do
    [ -e "$device/idVendor" ] && below "$device" && read -r word < idVendor && read -r id < idProduct &&
      echo "BERTH-GUEST usb $below $word:$id"
  done
  for device in /sys/devices/system/memory/memory*; do
    [ -e "$device" ] && echo "BERTH-GUEST memory ${device##*/memory}"
  done
  cd /
  echo "BERTH-GUEST end"
}
# Switches the slot off that the device at an address ("0000:04:00") is in, which lets QEMU take the device out; "memory": all DIMMs.
eject() {
  [ "$1" = memory ] && for device in /sys/bus/acpi/devices/PNP0C80:*; do echo 1 > "$device/eject"; done
  for slot in /sys/bus/pci/slots/*; do
    read -r word < "$slot/address" && [ "$word" = "$1" ] && echo 0 > "$slot/power"
  done
}
case $(cat /proc/cmdline) in *berth.ask*)
  for module in $(cat /plugged); do modprobe "$module" 2>/dev/null; done
  exec 3<>/dev/ttyS0
  stty raw -echo <&3
  echo "BERTH-GUEST ready" >&3
  while read -r line <&3; do
    case $line in "eject "*) eject "${line#eject }" ;; esac
    answer >&3
  done ;;
esac
case $(cat /proc/cmdline) in *berth.stay*) while :; do sleep 3600; done ;; esac
sync
poweroff -f
"""


def run(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def kernel_packages():
    """The packages that hold kernel and modules, found through the distribution's metapackage."""
    for meta in ("linux-image-amd64", "linux-image-generic"):
        try:
            lines = run("apt-cache", "depends", meta, stderr=subprocess.DEVNULL).splitlines()
        except subprocess.CalledProcessError:
            continue
        names = [line.split(":", 1)[1].strip() for line in lines if "Depends:" in line]
        names = [name for name in names if name.startswith(("linux-image-", "linux-modules-"))]
        image = [name for name in names if name.startswith("linux-image-")]
        if image:
            # Ubuntu's image package has its modules in a package of their own
            modules = image[0].replace("linux-image-unsigned-", "linux-modules-").replace("linux-image-", "linux-modules-")
            return [image[0]] + ([modules] if meta == "linux-image-generic" else [])
    sys.exit("guest-image: no kernel package found; run apt-get update first")


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    folder = os.path.abspath(sys.argv[1])
    done = [os.path.join(folder, name) for name in ("initramfs.gz", "vmlinuz")]
    if all(os.path.exists(path) and os.path.getmtime(path) > os.path.getmtime(__file__) for path in done):
        return 0
    busybox = shutil.which("busybox")
    if busybox is None or "depmod" not in run(busybox, "--list").split():
        sys.exit("guest-image: busybox with depmod is missing; install busybox-static")
    os.makedirs(folder, exist_ok=True)
    work = os.path.join(folder, "work")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "kernel"))
    try:
        for package in kernel_packages():
            subprocess.run(["apt-get", "-qq", "download", package], cwd=work, check=True, stderr=subprocess.DEVNULL)
        for deb in glob.glob(os.path.join(work, "*.deb")):
            subprocess.run(["dpkg", "-x", deb, os.path.join(work, "kernel")], check=True)
        build(folder, os.path.join(work, "kernel"), os.path.join(work, "initramfs"), busybox)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("guest-image: %s/vmlinuz, %s/initramfs.gz" % (folder, folder))
    return 0


def build(folder, kernel, root, busybox):
    base = kernel if os.path.isdir(os.path.join(kernel, "lib/modules")) else os.path.join(kernel, "usr")
    release = os.listdir(os.path.join(base, "lib/modules"))[0]
    tree = os.path.join(base, "lib/modules", release)
    found = {}
    for path in glob.glob(os.path.join(tree, "kernel/**/*.ko*"), recursive=True):
        found[os.path.basename(path).split(".ko")[0].replace("-", "_")] = path
    # depmod wants all modules to resolve symbols; the guest gets only what its modules need
    subprocess.run([busybox, "depmod", "-b", base, release], check=True, stderr=subprocess.DEVNULL)
    needs = {}
    with open(os.path.join(tree, "modules.dep")) as dep:
        for line in dep:
            name, _, rest = line.partition(":")
            needs[name.strip()] = rest.split()
    relative = {name: os.path.relpath(path, tree) for name, path in found.items()}
    wanted, queue = {}, [relative[name] for name in MODULES + PLUGGED if name in relative]
    while queue:
        path = queue.pop()
        if path not in wanted:
            wanted[path] = needs.get(path, [])
            queue.extend(wanted[path])
    for path in wanted:
        target = os.path.join(root, "lib/modules", release, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(tree, path), target)
    with open(os.path.join(root, "lib/modules", release, "modules.dep"), "w") as dep:
        for path in sorted(wanted):
            dep.write("%s: %s\n" % (path, " ".join(wanted[path])))
    for name in ("bin", "dev"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    shutil.copy(busybox, os.path.join(root, "bin/busybox"))
    for name, modules in (("modules", MODULES), ("plugged", PLUGGED)):
        with open(os.path.join(root, name), "w") as out:
            out.write("\n".join(modules) + "\n")
    with open(os.path.join(root, "init"), "w") as out:
        out.write(INIT)
    os.chmod(os.path.join(root, "init"), 0o755)
    names = run("find", ".", cwd=root)
    archive = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "--owner=0:0"], cwd=root, input=names.encode(),
                             stdout=subprocess.PIPE, check=True).stdout
    for name, data in (("initramfs.gz", gzip.compress(archive, 1)),
                       ("vmlinuz", open(glob.glob(os.path.join(kernel, "boot/vmlinuz-*"))[0], "rb").read())):
        with open(os.path.join(folder, name + ".new"), "wb") as out:
            out.write(data)
        os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))


if __name__ == "__main__":
    sys.exit(main())
