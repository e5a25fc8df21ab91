#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job on a real QEMU and a real Linux guest.

  demo.py --berth BERTH --guest FOLDER [--machine pc|q35] [--tap]

A guest of two NICs and a disk is defined from XML without a single address, started, and asked where its devices are. Then the
first NIC is removed, a third one is added, the first one is put back, each followed by a boot. Nothing that stays may move, and
what comes back must come back to its place: as recorded, as QEMU has it and as the guest sees it. Once by editing the definition
that berth wrote, once with the XML written from scratch, in another order and without addresses each time.
FOLDER holds vmlinuz and initramfs.gz (tools/guest-image.py). Exit status 1 at any difference.
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

FIRST, SECOND, THIRD = "52:54:00:aa:00:01", "52:54:00:aa:00:02", "52:54:00:aa:00:03"
MODELS = {FIRST: "virtio", SECOND: "e1000", THIRD: "virtio"}
STEPS = [("two NICs and a disk", [FIRST, SECOND]), ("the first NIC removed", [SECOND]), ("a third NIC added", [SECOND, THIRD]),
         ("the first NIC put back", [FIRST, SECOND, THIRD])]
BOOT_LIMIT = 180


class Difference(Exception):
    pass


def kvm_works(guest):
    """A /dev/kvm that exists may still hang: a short boot with a time limit tells."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    qemu = os.environ.get("BERTH_QEMU", "qemu-system-x86_64")
    with tempfile.TemporaryDirectory() as folder:
        serial = os.path.join(folder, "serial")
        try:
            subprocess.run([qemu, "-accel", "kvm", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial",
                            "file:" + serial, "-kernel", os.path.join(guest, "vmlinuz"), "-initrd",
                            os.path.join(guest, "initramfs.gz"), "-append", "console=ttyS0 quiet panic=-1"], timeout=20,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with open(serial, errors="replace") as lines:
                return "BERTH-GUEST end" in lines.read()
        except (subprocess.TimeoutExpired, OSError):
            return False


class Demo:
    def __init__(self, berth, guest, machine, accel, work, quiet):
        self.berth_path, self.guest, self.machine, self.accel, self.work = berth, guest, machine, accel, work
        self.quiet = quiet
        self.serial = os.path.join(work, "serial.log")
        self.disk = os.path.join(work, "disk.img")
        with open(self.disk, "wb") as image:
            image.truncate(16 << 20)
        self.places = {}

    def say(self, text=""):
        if not self.quiet:
            print(text, flush=True)

    def berth(self, *words, text=None):
        command = [self.berth_path, "--state", os.path.join(self.work, "state")] + list(words)
        answer = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if answer.returncode:
            raise Difference("%s: exit status %d: %s" % (" ".join(words), answer.returncode, answer.stderr.strip()))
        return answer.stdout

    def nic(self, mac):
        return ("    <interface type='user'>\n      <mac address='%s'/>\n      <model type='%s'/>\n    </interface>\n"
                % (mac, MODELS[mac]))

    def plain(self, name, macs, shuffle):
        """A definition without an address, as a manager would write it; with shuffle, its devices in another order."""
        devices = [self.nic(mac) for mac in macs]
        devices.append("    <disk type='file' device='disk'>\n      <driver name='qemu' type='raw'/>\n      <source file='%s'/>\n"
                       "      <target dev='vda' bus='virtio'/>\n    </disk>\n" % self.disk)
        devices.append("    <serial type='file'>\n      <source path='%s'/>\n    </serial>\n" % self.serial)
        if shuffle:
            random.Random("%s %s" % (name, macs)).shuffle(devices)
        return ("<domain type='%s'>\n  <name>%s</name>\n  <memory unit='MiB'>256</memory>\n  <vcpu>1</vcpu>\n  <os>\n"
                "    <type arch='x86_64' machine='%s'>hvm</type>\n    <kernel>%s</kernel>\n    <initrd>%s</initrd>\n"
                "    <cmdline>console=ttyS0 quiet panic=-1</cmdline>\n  </os>\n  <features>\n    <acpi/>\n  </features>\n"
                "  <devices>\n%s  </devices>\n</domain>\n"
                % (self.accel, name, self.machine, os.path.join(self.guest, "vmlinuz"),
                   os.path.join(self.guest, "initramfs.gz"), "".join(devices)))

    def edited(self, name, macs):
        """The definition as berth wrote it, with NICs cut out or put in."""
        document = self.berth("dumpxml", name)
        pieces = re.split(r"([ \t]*<interface .*?</interface>\n)", document, flags=re.S)
        kept = [p for p in pieces if "<interface " not in p or any(mac in p for mac in macs)]
        document = "".join(kept)
        new = [self.nic(mac) for mac in macs if mac not in document]
        return document.replace("  </devices>", "".join(new) + "  </devices>", 1)

    def rows(self, name):
        return list(json.loads(self.berth("devices", name, "--json")).values())[0]

    def boot(self, name):
        """Starts the guest; returns what berth and QEMU say, and what the guest saw."""
        if os.path.exists(self.serial):
            os.unlink(self.serial)
        self.berth("start", name)
        rows = self.rows(name)
        deadline = time.monotonic() + BOOT_LIMIT
        text = ""
        while "BERTH-GUEST end" not in text and time.monotonic() < deadline:
            time.sleep(0.1)
            if os.path.exists(self.serial):
                with open(self.serial, errors="replace") as lines:
                    text = lines.read()
        if "BERTH-GUEST end" not in text:
            raise Difference("the guest did not answer within %d s; its serial port: %s" % (BOOT_LIMIT, text[-500:]))
        seen = {}
        for line in re.findall(r"BERTH-GUEST (path=.*)", text):
            fact = dict(word.split("=", 1) for word in line.split())
            fact["bus"] = int(fact["bus"])
            if fact["mac"] != "-":
                seen["mac=" + fact["mac"]] = fact
            elif fact["block"] != "-":
                seen["disk"] = fact
        while self.berth("domstate", name).strip() == "running":
            if time.monotonic() > deadline:
                raise Difference("the guest did not power off")
            time.sleep(0.1)
        return rows, seen

    def compare(self, rows, seen, macs):
        """One table a boot; every place must be the same in the record, in QEMU, in the guest, and as before."""
        self.say("  %-26s %-10s %-34s %-17s %-22s %s" % ("device", "kind", "recorded", "QEMU has it", "guest saw", ""))
        wrong, met = [], set()
        for row in rows:
            key = "disk" if row["device"] == "disk" else row["identity"]
            if row["device"] not in ("disk", "interface"):
                if row["state"] not in ("ok", "builtin", "-", "", None):
                    wrong.append("%s %s: recorded %s, QEMU has %s" % (row["device"], row["identity"], row["address"], row["actual"]))
                continue
            met.add(key)
            guest = seen.get(key)
            place = (row["path"], row["bus"])
            saw = (guest["path"], guest["bus"]) if guest else None
            fine = row["address"] == row["actual"] and (place[0], int(place[1])) == saw
            before = self.places.setdefault(key, place)
            if before != place:
                fine = False
                wrong.append("%s moved from %s to %s" % (key, before, place))
            if not fine:
                wrong.append("%s: recorded %s, QEMU has %s, guest saw %s" % (key, place, row["actual"], saw))
            self.say("  %-26s %-10s %-34s %-17s %-22s %s" % (
                row["identity"], row["kind"], "%s = %s" % (row["address"], row["path"]), row["actual"],
                "%s bus %d" % saw if saw else "nothing", "ok" if fine else "DIFFERS"))
        missing = ({"mac=" + mac for mac in macs} | {"disk"}) - met
        if missing:
            wrong.append("not in the table: %s" % ", ".join(sorted(missing)))
        self.say()
        if wrong:
            raise Difference("; ".join(wrong))

    def run(self, scratch):
        name = "%s-%s" % (self.machine, "scratch" if scratch else "edited")
        self.places = {}
        for number, (title, macs) in enumerate(STEPS):
            document = self.plain(name, macs, scratch) if scratch or number == 0 else self.edited(name, macs)
            self.berth("define", "-", text=document)
            self.say("%s, boot %d: %s" % (name, number + 1, title))
            if number == 0 and not scratch:
                self.say("-- what came out of the plain XML:")
                self.say(self.berth("dumpxml", name))
            ET.fromstring(self.berth("dumpxml", name))
            self.compare(*self.boot(name), macs)
        self.berth("undefine", name)
        return len(STEPS)

    def end(self):
        """Leaves nothing behind, also after a failure."""
        for name in ("%s-edited" % self.machine, "%s-scratch" % self.machine):
            subprocess.run([self.berth_path, "--state", os.path.join(self.work, "state"), "destroy", name],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--berth", required=True)
    parser.add_argument("--guest", required=True)
    parser.add_argument("--machine", choices=["pc", "q35"], action="append")
    parser.add_argument("--tap", action="store_true", help="no tables: one test point for each machine and way of editing")
    arguments = parser.parse_args()
    guest = os.path.abspath(arguments.guest)
    machines = arguments.machine or ["pc", "q35"]
    points = [(machine, scratch) for machine in machines for scratch in (False, True)]
    if arguments.tap:
        print("1..%d" % len(points))
    accel = "kvm" if kvm_works(guest) else "qemu"
    print("%sthe guest runs under %s" % ("# " if arguments.tap else "", "KVM" if accel == "kvm" else "TCG (no working KVM here)"), flush=True)
    boots, failed = 0, 0
    for number, (machine, scratch) in enumerate(points, 1):
        name = "%s, the XML %s" % (machine, "written from scratch" if scratch else "edited")
        work = tempfile.mkdtemp(prefix="berth-demo-")
        demo = Demo(os.path.abspath(arguments.berth), guest, machine, accel, work, arguments.tap)
        try:
            boots += demo.run(scratch)
            if arguments.tap:
                print("ok %d - %s: nothing moves in %d boots" % (number, name, len(STEPS)), flush=True)
        except Difference as difference:
            failed += 1
            if arguments.tap:
                print("not ok %d - %s\n# %s" % (number, name, str(difference).replace("\n", "\n# ")), flush=True)
            else:
                print("demo: %s: %s" % (name, difference), file=sys.stderr)
        finally:
            demo.end()
    if not failed and not arguments.tap:
        print("%d boots: every device where it is recorded, as QEMU has it and as the guest saw it; nothing moved" % boots)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
