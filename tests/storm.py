#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A storm of devices that come and go in a running Linux guest. Prints TAP.

  storm.py BERTH GUEST

After each round QEMU itself (asked without berth) has every device where it is recorded, and nothing else; every fifth round the
guest is saved, goes on in another QEMU, and is asked, too. In the end a cold start has what is left where it was. BERTH_SLOW=1: 100 rounds on each machine
instead of 6, and the guest is asked after the cold start, too. BERTH_TEST_SEED sets the seed.
"""
import os
import random
import re
import socket
import sys
import time

from world import (GUEST, SEED, SLOW, Failed, Skip, World, ask, attach, back_ends, channel, check, detach, disk, kill, machine_domain,
                   nic, rng, scsi, supervisors, tap, usb, usb_disk, verified, wait_for)

ROUNDS = 100 if SLOW else 6
BOOT_LIMIT = 300
UNPLUG_LIMIT = "60"
MEMORY = ("  <maxMemory slots='4' unit='MiB'>1024</maxMemory>\n"
          "  <cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu>\n")
DIMM = "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>"
# Bytes of a disk image beyond 1 MiB tell the guest which disk it is.
SECTOR = 512


class Guest:
    """The Linux guest at the other end of a serial port."""

    def __init__(self, path):
        self.path, self.connection, self.text = path, None, ""

    def connect(self):
        deadline = time.monotonic() + 10
        while True:
            self.connection = socket.socket(socket.AF_UNIX)
            try:
                return self.connection.connect(self.path)
            except OSError:
                check(time.monotonic() < deadline, "the guest's serial port cannot be reached")
                time.sleep(0.1)

    def read_until(self, word, seconds):
        deadline = time.monotonic() + seconds
        while word not in self.text:
            self.connection.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                piece = self.connection.recv(65536)
            except socket.timeout as late:
                raise Failed("the guest said no '%s' within %d s, but: %s" % (word, seconds, self.text[-400:])) from late
            check(piece, "the guest's serial port was closed")
            self.text += piece.decode(errors="replace")
        said, self.text = self.text.split(word, 1)
        return said

    def look(self, wish=""):
        """What the guest sees, once it has done what it is told: {kind: [(path below /sys/devices, word)]}."""
        self.connection.sendall(wish.encode() + b"\n")
        seen = {}
        for line in self.read_until("BERTH-GUEST end", 60).splitlines():
            words = line.strip().split(" ", 3)
            if words[0] == "BERTH-GUEST" and len(words) > 2:
                seen.setdefault(words[1], []).append((words[2], words[3] if len(words) > 3 else ""))
        return seen


# The record against QEMU, asked without berth

def pci_tree(devices, path, found):
    """{qdev id: path from the root bus}, as QEMU's PCI devices say."""
    for device in devices:
        here = path + ["%02x.%x" % (device["slot"], device["function"])]
        if device.get("qdev_id"):
            found[device["qdev_id"]] = "/".join(here)
        pci_tree(device.get("pci_bridge", {}).get("devices", []), here, found)
    return found


def qom(world, device, name):
    return ask(world, {"execute": "qom-get", "arguments": {"path": "/machine/peripheral/" + device, "property": name}})


def place_in_qemu(world, row):
    """The numbers at the end of an address, as the device itself says in QEMU."""
    family = row["address"].split()[0]
    if family == "drive":
        return [qom(world, row["id"], name) for name in ("channel", "scsi-id", "lun")]
    if family == "usb":
        return qom(world, row["id"], "port")
    if family == "virtio-serial":
        return [qom(world, row["id"], "nr")]
    return [qom(world, row["id"], "slot")]


def place_recorded(row):
    family, numbers = row["address"].split()
    parts = re.split("[:.]", numbers)
    if family == "usb":
        return numbers.split(":", 1)[1]
    if family == "drive":
        return [int(n) for n in parts[1:]]
    return [int(parts[-1] if family == "virtio-serial" else parts[0], 16 if family == "dimm" else 10)]


def qemu_equals_record(world, rows):
    buses = ask(world, {"execute": "query-pci"})
    pci = pci_tree([device for bus in buses for device in bus["devices"]], [], {})
    listed = ask(world, {"execute": "qom-list", "arguments": {"path": "/machine/peripheral"}})
    there = {p["name"] for p in listed if p["type"].startswith("child<")}
    recorded = {r["id"]: r for r in rows if r["address"] and r["id"]}
    expected = {name for name, row in recorded.items() if row["path"] and name in there}
    check(set(pci) == expected, "PCI functions: recorded %s, QEMU has %s" % (sorted(expected - set(pci)), sorted(set(pci) - expected)))
    more = there - {r["id"] for r in rows}
    check(not more, "QEMU has more: %s" % sorted(more))
    for name, row in recorded.items():
        if name not in there:
            # What the chipset has itself is in no list of what was added.
            check(row["path"].startswith(("1f.", "01.")) and "/" not in row["path"], "QEMU does not have %s" % row)
        elif row["path"]:
            check(pci[name] == row["path"], "%s is recorded at %s, QEMU has it at %s" % (name, row["path"], pci[name]))
        else:
            actual = place_in_qemu(world, row)
            check(actual == place_recorded(row), "%s is recorded at %s, QEMU says %s" % (name, row["address"], actual))


# The record against the guest

def guest_path(path):
    """slot.function from the root bus down of a path below /sys/devices."""
    return "/".join(re.findall(r"/[0-9a-f]{4}:[0-9a-f]{2}:([0-9a-f]{2}\.[0-7])", path))


def usb_port(path):
    """'1-2.3' → '2.3': the port in the path of a USB device or interface."""
    return re.findall(r"/\d+-([\d.]+)(?=[:/]|$)", path)[-1]


def guest_equals_record(seen, rows, sectors):
    controllers = {}
    for row in rows:
        if row["identity"].startswith("controller="):
            controllers[row["identity"][len("controller="):]] = row["path"]
    expected, actual = set(), set()
    for row in rows:
        family, _, numbers = row["address"].partition(" ")
        if row["path"]:
            expected.add(("pci", row["path"]))
        if row["device"] == "interface":
            expected.add(("net", row["path"], row["identity"][4:]))
        elif row["device"] == "disk":
            size = sectors[row["identity"].split(":")[-1]]
            if family == "pci":
                expected.add(("block", row["path"], "", size))
            elif family == "drive":
                number, _, target, unit = numbers.split(":")
                expected.add(("block", controllers["scsi:" + number], "%s:%s" % (target, unit), size))
            else:
                number, port = numbers.split(":")
                expected.add(("block", controllers["usb:" + number], "port " + port, size))
        elif row["device"] == "channel":
            expected.add(("port", controllers["virtio-serial:" + numbers.split(":")[0]], row["identity"].split(":")[-1]))
        elif row["device"] == "input" and family == "usb":
            number, port = numbers.split(":")
            expected.add(("usb", controllers["usb:" + number], port))
    for path, _ in seen.get("pci", []):
        actual.add(("pci", guest_path("/" + path)))
    for path, mac in seen.get("net", []):
        actual.add(("net", guest_path("/" + path), mac))
    for path, size in seen.get("block", []):
        scsi_place = re.search(r"/target\d+:\d+:\d+/\d+:\d+:(\d+:\d+)/", path)
        where = "port " + usb_port(path) if "/usb" in path else scsi_place.group(1) if scsi_place else ""
        actual.add(("block", guest_path("/" + path), where, int(size)))
    for path, name in seen.get("port", []):
        actual.add(("port", guest_path("/" + path), name))
    disks = {(place[1], place[2][5:]) for place in actual if place[0] == "block" and place[2].startswith("port ")}
    for path, _ in seen.get("usb", []):
        where = (guest_path("/" + path), usb_port(path) if re.search(r"/\d+-[\d.]+$", path) else "")
        if where[1] and where not in disks:
            actual.add(("usb",) + where)
    # The chipset's own functions are recorded only where a document may name them.
    extra = {place for place in actual - expected if not (place[0] == "pci" and re.fullmatch(r"(00|01|1f)\.\d", place[1]))}
    check(not expected - actual, "the guest does not see %s; it has %s besides" % (sorted(expected - actual), sorted(extra)))
    check(not extra, "the guest has more: %s" % sorted(extra))
    blocks = len(seen.get("memory", []))
    dimms = len([r for r in rows if r["device"] == "memory"])
    check(blocks == 2 + dimms, "the guest has %d blocks of memory, with %d DIMMs" % (blocks, dimms))


# The storm

def places(rows):
    """Without where memory begins, which is QEMU's choice at each start, and known of a guest that was saved."""
    return {(r["device"], r["kind"], r["identity"]): re.sub("^(dimm \\d+):.*", "\\1", r["address"]) for r in rows if r["address"]}


class Storm:
    def __init__(self, world, machine, chance):
        self.world, self.machine, self.chance = world, machine, chance
        self.sectors = {}
        pool = [nic(n, model) for n, model in enumerate(["virtio", "virtio", "virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"], 1)]
        pool += [self.disk(disk, name) for name in ("vda", "vdb", "vdc", "sda", "sdb", "sdi", "sdk")]
        pool += [self.disk(usb_disk, name) for name in ("sdx", "sdy")]
        pool += [channel(n) for n in range(3)] + [rng(), DIMM, "<input type='tablet' bus='usb'/>", "<input type='mouse' bus='virtio'/>"]
        pool += [scsi(4), "<controller type='virtio-serial' index='2'/>", "<controller type='usb' index='1' model='qemu-xhci'/>"]
        pool += ["<controller type='scsi' index='5' model='%s'/>" % ("vmpvscsi" if machine == "pc" else "lsisas1078")]
        self.pool, self.there, self.stays = pool, set(), set()
        self.story = []

    def disk(self, make, name):
        xml = make(self.world, name)
        self.sectors[name] = 2048 + len(self.sectors) + 1
        os.truncate(os.path.join(self.world.folder, name + ".img"), self.sectors[name] * SECTOR)
        return xml

    def change(self):
        """One device comes or goes."""
        at = self.chance.randrange(len(self.pool))
        xml = self.pool[at]
        if at in self.there:
            flags = ["--live", "--config"] if at in self.stays else ["--live"]
            self.story.append("detach %s %s" % (xml, flags))
            detach(self.world, xml, *flags, "--timeout", UNPLUG_LIMIT)
            self.there.discard(at)
            self.stays.discard(at)
            return
        flags = ["--live", "--config"] if self.chance.random() < 0.8 else ["--live"]
        self.story.append("attach %s %s" % (xml, flags))
        answer = self.world.run("attach-device", "guest", "-", *flags, text=xml)
        if answer.returncode == 1 and "--pcie-ports" in answer.stderr:
            self.story.append("no room")
            return
        check(answer.returncode == 0, "attach %s: exit status %d: %s" % (xml, answer.returncode, answer.stderr))
        self.there.add(at)
        if "--config" in flags:
            self.stays.add(at)

    def domain(self, serial):
        more = ("  <os><type arch='x86_64' machine='%s'>hvm</type><kernel>%s/vmlinuz</kernel><initrd>%s/initramfs.gz</initrd>"
                "<cmdline>console=ttyS1 quiet berth.ask</cmdline></os>\n" % (self.machine, GUEST, GUEST))
        bridge = ["<controller type='pci' model='pcie-to-pci-bridge'/>"] if self.machine == "q35" else []
        text = machine_domain(self.machine, bridge + ["<serial type='unix'><source mode='bind' path='%s'/></serial>" % serial,
                                                      nic(0, "virtio"), scsi(), usb()], MEMORY)
        start_os, end_os = text.index("  <os>"), text.index("</os>\n") + 6
        return text[:start_os] + more + text[end_os:]

    def boot(self, serial):
        """Starts the guest and waits until it answers."""
        self.world.berth("start", "guest")
        guest = Guest(serial)
        guest.connect()
        guest.read_until("BERTH-GUEST ready", BOOT_LIMIT)
        return guest

    def settle(self, guest, rows):
        """The guest needs a moment for what has just come."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return guest_equals_record(guest.look(), rows, self.sectors)
            except Failed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def saved(self, serial):
        """The guest is saved and goes on in another QEMU, where everything is where it was."""
        before, path = places(verified(self.world)), os.path.join(self.world.folder, "saved")
        self.story.append("save and restore")
        self.world.berth("save", "guest", path)
        self.world.berth("restore", path)
        os.unlink(path)
        after = places(verified(self.world))
        check(after == before, "before %s\nafter %s", before, after)
        guest = Guest(serial)
        guest.connect()
        return guest

    def rage(self, rounds):
        serial = os.path.join(self.world.folder, "serial")
        self.world.berth("define", "-", text=self.domain(serial))
        guest = self.boot(serial)
        self.settle(guest, verified(self.world))
        for number in range(1, rounds + 1):
            for _ in range(self.chance.randint(1, 3)):
                self.change()
            rows = verified(self.world)
            qemu_equals_record(self.world, rows)
            if number % 5 == 0:
                guest.connection.close()
                guest = self.saved(serial)
            if number % 5 == 0 or number == rounds:
                self.settle(guest, rows)
        hot = places(rows)
        left = {self.pool[at] for at in self.there - self.stays}
        for xml in left:
            detach(self.world, xml, "--live", "--timeout", UNPLUG_LIMIT)
        staying = places(verified(self.world))
        check(all(hot[name] == place for name, place in staying.items()), "something moved at the end")
        self.world.berth("destroy", "guest")
        self.world.berth("start", "guest", "--paused")
        cold = places(verified(self.world))
        check(cold == staying, "hot %s\ncold %s" % (staying, cold))
        if SLOW:
            self.world.berth("destroy", "guest")
            guest = self.boot(serial)
            rows = verified(self.world)
            qemu_equals_record(self.world, rows)
            self.settle(guest, rows)


def storm(machine):
    if not (GUEST and os.path.exists(os.path.join(GUEST, "vmlinuz"))):
        raise Skip("no guest kernel (tools/guest-image.py fetches one)")
    with World() as world:
        tempest = Storm(world, machine, random.Random("%d %s" % (SEED, machine)))
        begun = time.monotonic()
        try:
            tempest.rage(ROUNDS)
        except Failed as problem:
            raise Failed("seed %d: %s\nafter (the last 40):\n%s" % (SEED, problem, "\n".join(tempest.story[-40:]))) from problem
        print("# seed %d, %s: %d rounds, %d changes, %.0f s" % (SEED, machine, ROUNDS, len(tempest.story), time.monotonic() - begun))


def slot_of(guest, kind, word):
    """Where the guest has the device that says word, as an address without its function."""
    path = next(path for path, said in guest.look()[kind] if said == word)
    return [part for part in path.split("/") if part.count(":") == 2 and "." in part][-1].split(".")[0]


def ejected(machine):
    """A guest switches slots and memory off by itself: what was there is recorded as gone, and comes back to its place."""
    with World() as world:
        tempest = Storm(world, machine, random.Random(SEED))
        serial = os.path.join(world.folder, "serial")
        world.berth("define", "-", text=tempest.domain(serial))
        guest = tempest.boot(serial)
        card, drive = nic(1, "virtio"), tempest.disk(disk, "sda")
        for xml in (card, drive, DIMM):
            attach(world, xml, "--live", "--config")
        tempest.settle(guest, verified(world))
        full, back = places(verified(world)), back_ends(world)
        told = lambda: [row["went"] for row in world.rows("history", "guest") if row["command"] == "guest"]
        sectors = str(tempest.sectors["sda"])
        for again, kind, word, lost, watched in ((card, "net", "52:54:00:00:01:01", {"interface"}, True),
                                                 (drive, "block", sectors, {"controller", "disk"}, True),
                                                 (drive, "block", sectors, {"controller", "disk"}, False),
                                                 (DIMM, "memory", "memory", {"memory"}, True),
                                                 (DIMM, "memory", "memory", {"memory"}, False)):
            before = len(told())
            if not watched:
                kill(*supervisors(world))
            guest.look("eject " + (word if kind == "memory" else slot_of(guest, kind, word)))
            if watched:
                wait_for(lambda: len(told()) == before + len(lost), 30, "the eject is recorded")
            gone = set(full) - set(places(verified(world)))
            check({device for device, _, _ in gone} == lost, "gone: %s", gone)
            check(len(told()) == before + len(lost) and all(told()), "history: %s", told())
            attach(world, again, "--live")
            check(places(verified(world)) == full, "it came back elsewhere: %s", places(verified(world)))
            check(back_ends(world) == back, "back ends: %s, before %s", back_ends(world), back)
            tempest.settle(guest, verified(world))


def tests():
    for machine in ("pc", "q35"):
        yield "a guest ejects by itself: %s" % machine, ejected, (machine,)
    for machine in ("pc", "q35"):
        yield "%s: %d rounds of devices that come and go" % (machine, ROUNDS), storm, (machine,)


if __name__ == "__main__":
    sys.exit(tap(tests()))
