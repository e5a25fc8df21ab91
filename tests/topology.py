#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bridges, ports and many devices on a real Linux guest: predicted paths and bus numbers are what the guest sees.

  topology.py BERTH GUEST-FOLDER

BERTH_TOPOLOGIES: how many random topologies (4; BERTH_SEED shifts them). BERTH_SLOW=1: guests of 200 devices instead of 40, and
those that need more than the usual slots.
"""
import os
import random
import re
import sys
import time

import world as w
from world import GUEST, SLOW, Failed, check

BOOT_LIMIT = 1500 if SLOW else 240
MAC = "52:54:00:00:%02x:%02x"


class World(w.World):
    """A guest whose serial port goes to a file."""

    def __init__(self, machine):
        super().__init__()
        self.machine, self.took = machine, 0
        self.serial = os.path.join(self.folder, "serial.log")
        self.cmdline = "console=ttyS0 quiet panic=-1"

    def disk(self, number):
        name = os.path.join(self.folder, "disk%d" % number)
        with open(name, "wb") as image:
            image.truncate(1 << 20)
        letters = chr(97 + number // 26 - 1) + chr(97 + number % 26) if number >= 26 else chr(97 + number)
        return ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/>"
                "<target dev='vd%s' bus='virtio'/></disk>" % (name, letters))

    def define(self, devices):
        root = "pci-root" if self.machine == "pc" else "pcie-root"
        """Returns what was noted."""
        answer = self.run("define", "-", text=(
            "<domain type='qemu'><name>topology</name><memory unit='MiB'>768</memory><vcpu>1</vcpu><os>"
            "<type arch='x86_64' machine='%s'>hvm</type><kernel>%s</kernel><initrd>%s</initrd>"
            "<cmdline>%s</cmdline></os><features><acpi/></features><devices>"
            "<controller type='pci' index='0' model='%s'/><controller type='usb' model='none'/>%s"
            "<serial type='file'><source path='%s'/></serial></devices></domain>" % (
                self.machine, os.path.join(GUEST, "vmlinuz"), os.path.join(GUEST, "initramfs.gz"),
                self.cmdline, root,
                "".join(devices), self.serial)))
        check(answer.returncode == 0, "define: exit status %d: %s", answer.returncode, answer.stderr)
        return answer.stderr

    def boot(self):
        """Predicted and seen: (path, bus) of every function, and of each MAC."""
        if os.path.exists(self.serial):
            os.unlink(self.serial)
        begin = time.monotonic()
        self.berth("start", "topology")
        rows = self.rows("devices", "topology")
        text = ""
        while "BERTH-GUEST end" not in text:
            check(time.monotonic() - begin < BOOT_LIMIT, "the guest did not answer within %d s; its serial port: %s", BOOT_LIMIT,
                  text[-500:])
            time.sleep(0.2)
            if os.path.exists(self.serial):
                with open(self.serial, errors="replace") as lines:
                    text = lines.read()
        self.took = time.monotonic() - begin
        self.run("destroy", "topology")  # it may have powered off by itself
        seen, macs = {}, {}
        for line in re.findall(r"BERTH-GUEST (path=.*)", text):
            fact = dict(word.split("=", 1) for word in line.split())
            seen.setdefault(fact["path"], set()).add(int(fact["bus"]))
            if fact["mac"] != "-":
                macs[fact["mac"]] = (fact["path"], int(fact["bus"]))
        return rows, seen, macs

    @staticmethod
    def in_guest(path, rows):
        """What is on an expander bus has a root of its own in the guest: a path from there, on pc behind QEMU's hidden bridge."""
        for row in rows:
            if row["kind"].endswith("-expander-bus") and path.startswith(row["path"] + "/"):
                return ("00.0/" if row["kind"] == "pci/pci-expander-bus" else "") + path[len(row["path"]) + 1:]
        return path

    def compare(self):
        """Boots; every device must be where it was predicted. Returns the place of each MAC."""
        rows, seen, macs = self.boot()
        wrong, places = [], {}
        for row in rows:
            if row["state"] in ("moved", "missing", "extra"):
                wrong.append("%s %s is %s in QEMU" % (row["device"], row["identity"], row["state"]))
            if not row["path"] or int(row["bus"]) < 0:
                continue
            place = (self.in_guest(row["path"], rows), int(row["bus"]))
            if place[1] not in seen.get(place[0], ()):
                wrong.append("%s %s: predicted %s on bus %d, the guest says bus %s" % (
                    row["device"], row["identity"] or row["kind"], place[0], place[1], seen.get(place[0])))
            if row["identity"].startswith("mac="):
                mac = row["identity"][4:]
                places[mac] = place
                if macs.get(mac) != place:
                    wrong.append("%s: predicted %s, the guest saw %s" % (mac, place, macs.get(mac)))
        if wrong:
            raise Failed("%d differences: %s" % (len(wrong), "; ".join(wrong[:12])))
        return places


def pci(model, index, place="", target=""):
    return "<controller type='pci' index='%d' model='%s'>%s%s</controller>" % (index, model, target, address(place))


def address(place):
    if not place:
        return ""
    bus, slot, function = place[:3]
    more = " multifunction='on'" if len(place) > 3 else ""
    return "<address type='pci' bus='0x%02x' slot='0x%02x' function='0x%x'%s/>" % (bus, slot, function, more)


def nic(number, place="", model="virtio"):
    return "<interface type='user'><mac address='%s'/><model type='%s'/>%s</interface>" % (
        MAC % (number >> 8, number & 255), model, address(place))


def added_bridge(world):
    """A bridge added to a guest with nested bridges renumbers nobody."""
    if world.machine == "pc":
        old = [pci("pci-bridge", 1, (0, 5, 0)), pci("pci-bridge", 2, (1, 4, 0)), pci("pci-bridge", 3, (0, 9, 0)),
               nic(1, (1, 2, 0)), nic(2, (2, 7, 0)), nic(3, (3, 1, 0)), nic(4)]
        new = [pci("pci-bridge", 4), nic(5)]
    else:
        old = [pci("pcie-root-port", 1, (0, 3, 0, 1)), pci("pcie-root-port", 2, (0, 3, 1)), pci("pcie-to-pci-bridge", 3, (1, 0, 0)),
               pci("pci-bridge", 4, (3, 5, 0)), pci("pcie-switch-upstream-port", 5, (2, 0, 0)),
               pci("pcie-switch-downstream-port", 6, (5, 0, 0)), pci("pcie-switch-downstream-port", 7, (5, 3, 0)),
               nic(1, (3, 2, 0), "e1000"), nic(2, (4, 7, 0), "e1000"), nic(3, (6, 0, 0)), nic(4, (7, 0, 0)), nic(5)]
        new = [pci("pcie-root-port", 20), pci("pcie-switch-upstream-port", 21), pci("pcie-switch-downstream-port", 22), nic(6),
               nic(7, "", "e1000")]
    world.define(old)
    before = world.compare()
    notes = world.define(old + new)
    if "shift" in notes:
        raise Failed("the growth shifts bus numbers: %s" % notes)
    after = world.compare()
    for mac, place in before.items():
        if after.get(mac) != place:
            raise Failed("%s moved from %s to %s" % (mac, place, after.get(mac)))


class Forest:
    """A random topology with written places; neither indexes nor the document's order are those of the walk."""

    def __init__(self, dice, machine):
        self.dice, self.machine = dice, machine
        self.devices, self.nics, self.bridges = [], 0, 0

    def bridge(self, model, place, target=""):
        self.bridges += 1
        self.devices.append(pci(model, self.bridges, place, target))
        return self.bridges

    def endpoint(self, bus, slot):
        self.nics += 1
        self.devices.append(nic(self.nics, (bus, slot, 0)))

    def conventional(self, bus, depth):
        for slot in self.dice.sample(range(1, 31), self.dice.randint(1, 3)):
            if depth > 0 and self.dice.random() < 0.5:
                self.conventional(self.bridge("pci-bridge", (bus, slot, 0)), depth - 1)
            else:
                self.endpoint(bus, slot)

    def port(self, bus, depth):
        kind = self.dice.random()
        if kind < 0.25 and depth > 0:
            up = self.bridge("pcie-switch-upstream-port", (bus, 0, 0))
            for slot in self.dice.sample(range(0, 31), self.dice.randint(1, 3)):
                self.port(self.bridge("pcie-switch-downstream-port", (up, slot, 0)), depth - 1)
        elif kind < 0.5 and depth > 0:
            self.conventional(self.bridge("pcie-to-pci-bridge", (bus, 0, 0)), 1)
        elif kind < 0.85:
            self.endpoint(bus, 0)

    def grow(self):
        slots = self.dice.sample(range(3, 27), 5)
        if self.dice.random() < 0.5:
            number = self.dice.choice([0x40, 0x80, 0xc0])
            expander = self.bridge("pci-expander-bus" if self.machine == "pc" else "pcie-expander-bus", (0, slots.pop(), 0),
                                   "<target busNr='%d'/>" % number)
            if self.machine == "pc":
                self.conventional(expander, 1)
            else:
                self.port(self.bridge("pcie-root-port", (expander, 0, 0)), 1)
        if self.machine == "pc":
            self.conventional(0, 2)
            return self.devices
        for slot in slots[:4]:
            many = self.dice.random() < 0.4
            functions = [0] + self.dice.sample(range(1, 8), 2) if many else [0]
            for function in functions:
                place = (0, slot, function) + ((1,) if many and function == 0 else ())
                self.port(self.bridge("pcie-root-port", place), 2)
        return self.devices


def random_topology(world, seed):
    devices = Forest(random.Random(seed), world.machine).grow()
    random.Random(seed).shuffle(devices)
    world.define(devices)
    world.compare()


# One virtual CPU has about 200 interrupt vectors; the serial port, too, needs one.
FEW_VECTORS = " pci=nomsi pcie_ports=compat"


def many(world, number):
    """NICs, disks and random number generators, none with an address: firmware finishes, and the guest lists all of them."""
    world.cmdline += FEW_VECTORS
    devices = [nic(i) for i in range(number - number // 4)]
    devices += [world.disk(i) for i in range(number // 8)]
    devices += ["<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"] * (number - len(devices))
    world.define(devices)
    places = world.compare()
    if len(places) != number - number // 4:
        raise Failed("%d NICs of %d" % (len(places), number - number // 4))


def packed(world, number):
    """More NICs than there can be ports."""
    world.cmdline += FEW_VECTORS
    world.define([nic(i) for i in range(number)])
    world.compare()


def points():
    for machine in ("pc", "q35"):
        yield "%s: a bridge added to nested bridges renumbers nobody" % machine, machine, added_bridge, ()
    seed = int(os.environ.get("BERTH_SEED", "1"))
    for i in range(int(os.environ.get("BERTH_TOPOLOGIES", "4"))):
        machine = ("pc", "q35")[i % 2]
        yield "%s: random topology %d is seen as predicted" % (machine, seed + i), machine, random_topology, (seed + i,)
    for machine in ("pc", "q35"):
        number = 200 if SLOW else 40
        yield "%s: %d devices are all seen where recorded" % (machine, number), machine, many, (number,)
    if SLOW:
        yield "pc: 59 NICs, where libvirt gives up", "pc", packed, (59,)
        yield "q35: 252 NICs, with a switch", "q35", packed, (252,)


def in_a_world(machine, test, arguments):
    if not all(os.path.exists(os.path.join(GUEST, name)) for name in ("vmlinuz", "initramfs.gz")):
        raise w.Skip("no guest image (tools/guest-image.py makes it)")
    begin = time.monotonic()
    with World(machine) as world:
        test(world, *arguments)
        print("# %.1f s; the last boot %.1f s" % (time.monotonic() - begin, world.took), flush=True)


if __name__ == "__main__":
    sys.exit(w.tap([(name, in_a_world, (machine, test, arguments)) for name, machine, test, arguments in points()]))
