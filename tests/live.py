#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices that come and go while guests run, on a real QEMU. Prints TAP.

  live.py BERTH [GUEST]

GUEST: folder with vmlinuz and initramfs.gz (tools/guest-image.py) for what needs a guest that obeys.
"""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

from world import (BAD_INPUT, BERTH, CONFLICT, FAILED, GUEST, PORTS, SEED, Failed, Skip, World, ask, attach, back_ends, channel,
                   check, detach, disk, domain, machine_domain, nic, parent_of, peripherals, places, qemus, rng, scsi, start, tap,
                   usb, usb_disk, verified, wait_for)


def every_kind(machine):
    with World() as world:
        ports = "<controller type='usb' index='0' model='qemu-xhci' ports='8'/>"
        bridges = ["<controller type='pci' model='pcie-to-pci-bridge'/>"] + [PORTS[1]] * 12 if machine == "q35" else []
        start(world, machine, bridges + [ports, scsi(), "<memballoon model='none'/>"],
              "  <maxMemory slots='4' unit='MiB'>1024</maxMemory>\n  <cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu>\n")
        kinds = [nic(0, "virtio"), nic(1, "e1000e" if machine == "q35" else "e1000"), disk(world, "vdb"), disk(world, "sda"),
                 usb_disk(world, "sdx"), rng(), channel(0), "<input type='tablet' bus='usb'/>", "<input type='keyboard' bus='virtio'/>",
                 scsi(3), "<controller type='virtio-serial' index='2'/>", "<controller type='usb' index='4' model='nec-xhci'/>",
                 "<sound model='usb'/>", "<serial type='pty'><target type='usb-serial'><model name='usb-serial'/></target></serial>",
                 "<shmem name='%s'><model type='ivshmem-plain'/><size unit='M'>1</size></shmem>" % os.path.basename(world.folder),
                 "<disk type='file' device='cdrom'><target dev='sdc' bus='scsi'/></disk>",
                 "<crypto model='virtio' type='qemu'><backend model='builtin' queues='1'/></crypto>",
                 "<interface type='ethernet'><mac address='52:54:00:00:02:01'/><target dev='berth%d'/><model type='virtio'/></interface>"
                 % (os.getpid() % 1000000) if os.geteuid() == 0 and os.path.exists("/dev/net/tun") else nic(7, "virtio"),
                 "<redirdev bus='usb' type='tcp'><source mode='bind' host='127.0.0.1' service='0'/></redirdev>"]
        if machine == "pc":
            kinds.append("<watchdog model='i6300esb' action='none'/>")
        kinds += ["<controller type='scsi' index='%d' model='%s'/>" % c
                  for c in enumerate(("lsilogic", "lsisas1068", "lsisas1078", "vmpvscsi", "am53c974"), 4)]
        kinds += [nic(n, m) for n, m in enumerate(("rtl8139", "vmxnet3", "pcnet", "ne2k_pci"), 10)]
        kinds.append("<memory model='virtio-mem'><target><size unit='MiB'>256</size><node>0</node><block unit='MiB'>2</block>"
                     "<requested unit='MiB'>0</requested></target></memory>")
        kinds.append("<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>")
        at = lambda: {r["id"]: r["address"] for r in verified(world) if r["address"]}
        for xml in kinds:
            before = at()
            attach(world, xml)
            after = at()
            check(all(after.get(k) == v for k, v in before.items()), "%s: something moved: %s %s" % (xml, before, after))
            check(len(after) > len(before), "%s: nothing came: %s" % (xml, after))


def refused(machine):
    """What QEMU cannot plug is refused with a reason, and nothing changes."""
    with World() as world:
        start(world, machine, [])
        before = verified(world), peripherals(world)
        for xml, status in (("<video><model type='vga'/></video>", 4), ("<sound model='ich6'/>", 4), ("<memballoon model='virtio'/>", 4),
                            (disk(world, "hda"), 4), ("<controller type='pci' model='%s'/>"
                                                      % ("pcie-root-port" if machine == "q35" else "pci-bridge"), 4),
                            ("<interface type='user'><model type='virtio'/><address type='pci' bus='0' slot='9' function='1'/></interface>", 4),
                            ("<nonsense/>", 4), ("<disk", 4)):
            answer = world.run("attach-device", "guest", "-", text=xml)
            check(answer.returncode in (1, 4, 5) and answer.stderr.startswith("berth: "),
                  "%s: exit status %d: %s" % (xml, answer.returncode, answer.stderr))
        check((verified(world), peripherals(world)) == before, "a refused device left something")


def scsi_one_by_one(machine, controllers):
    """Four SCSI disks plugged one by one are where they are after a cold start, and where a definition with all has them."""
    names = ["sda", "sdb", "sdi", "sdj"]
    with World() as world, World() as other:
        start(world, machine, controllers)
        for name in names:
            attach(world, disk(world, name), "--live", "--config")
        hot = places(verified(world))
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        cold = places(verified(world))
        check(hot == cold, "hot %s\ncold %s" % (hot, cold))
        start(other, machine, controllers + [disk(other, name) for name in names])
        fresh = places(verified(other))
        for name in names:
            key = "target=scsi:" + name
            check(hot[key] == fresh[key], "%s: plugged at %s, defined at %s" % (name, hot[key], fresh[key]))


def unplug_without_guest():
    """SCSI and USB disks go at once, also from a guest that does not run; their back ends go, too, and their places are kept."""
    with World() as world:
        start(world, "pc", [usb(), scsi()])
        nothing = peripherals(world), back_ends(world)
        sda, sdb = disk(world, "sda"), disk(world, "sdb")
        attach(world, sda)
        place = places(verified(world))["target=scsi:sda"]
        detach(world, sda)
        check("target=scsi:sda" not in places(verified(world)), "the disk is still recorded")
        check(back_ends(world) == nothing[1], "back ends were left: %s" % (back_ends(world),))
        check(peripherals(world) == nothing[0], "QEMU has %s" % peripherals(world))
        attach(world, sdb)
        attach(world, sda)
        check(places(verified(world))["target=scsi:sda"] == place, "it came back elsewhere")
        world.berth("detach-device-alias", "guest", "scsi0-0-0-1")
        check(world.run("detach-device-alias", "guest", "scsi0-0-0-1").returncode == 3, "a device went twice")
        check(world.run("detach-device", "guest", "-", text=sdb).returncode == 3, "a device went twice")
        check(world.run("detach-device-alias", "guest", "scsi0").returncode == 5, "a controller went from under its disk")
        attach(world, scsi(7), "--config")
        several = world.run("detach-device", "guest", "-", "--config", text="<controller type='scsi' model='virtio-scsi'/>")
        check(several.returncode == 2 and "2 devices" in several.stderr, "%d: %s" % (several.returncode, several.stderr))
        attach(world, "<controller type='scsi' model='lsilogic'/>", "--config")
        detach(world, "<controller type='scsi' model='lsilogic'/>", "--config")


def silent_guest():
    """A guest that says nothing: the request is on record, its place is taken, and a reset ends it."""
    with World() as world:
        start(world, "pc", [nic(0)])
        attach(world, nic(1))
        answer = world.run("detach-device", "guest", "-", "--timeout", "1", text=nic(1))
        check(answer.returncode == 1 and "has not let go" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(len([r for r in verified(world) if r["device"] == "interface"]) == 2, "its place is not taken any more")
        answer = world.run("attach-device", "guest", "-", text=nic(1))
        check(answer.returncode == 5, "the same device came again: %d: %s" % (answer.returncode, answer.stderr))
        attach(world, nic(3))
        ask(world, {"execute": "system_reset"})
        deadline = time.monotonic() + 10
        while len(peripherals(world)) > 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1.5)
        rows = [r["identity"] for r in verified(world) if r["device"] == "interface"]
        check(len(rows) == len([p for p in peripherals(world) if p.startswith("net")]), "rows: %s" % rows)


# A boot sector that looks at DIMM 0 (QEMU docs/specs/acpi_mem_hotplug) until that is to be ejected, which it notes; then it sees so
# many seconds begin (by the RTC), says by _OST's registers that the ejection has failed, and looks again.
REFUSING = (b"\xfa\xba\x00\x0a\x66\x31\xc0\x66\xef\xb2\x14\xec\xa8\x04\x74\xf1\xb0\x04\xee"
            b"\xb1%c\x84\xc9\x74\x12\x30\xc0\xe6\x70\xe4\x71\x88\xc4\xe4\x71\x38\xe0\x74\xfa\xfe\xc9\xeb\xea"
            b"\xb2\x04\x66\xb8\x03\x00\x00\x00\x66\xef\xb2\x08\x66\xb8\x01\x00\x00\x00\x66\xef\xeb\xc0")
NUMA = "  <maxMemory slots='4' unit='MiB'>1024</maxMemory>\n  <cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu>\n"
DIMM = "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>"


def refusing_guest(seconds):
    """A guest that refuses to give up a DIMM is told at once, by whoever hears it; what runs and the definition keep it."""
    with World() as world:
        image = disk(world, "hda")
        with open(os.path.join(world.folder, "hda.img"), "r+b") as out:
            out.write((REFUSING % seconds).ljust(510, b"\0") + b"\x55\xaa")
        start(world, "pc", [image], NUMA)
        world.berth("resume", "guest")
        attach(world, DIMM, "--live", "--config")
        before = world.berth("dumpxml", "guest"), world.berth("dumpxml", "guest", "--live")
        for scopes in (["--live", "--config"], ["--live"]):
            began = time.monotonic()
            world.fails(FAILED, "refuses to let go", "detach-device", "guest", "-", "--timeout", "60", *scopes, text=DIMM)
            check(time.monotonic() - began < 30, "it was told after %d s" % (time.monotonic() - began))
            after = world.berth("dumpxml", "guest"), world.berth("dumpxml", "guest", "--live")
            check(after == before, "%s: a definition has changed:\n%s", scopes, after)
            time.sleep(0.1)
            with sqlite3.connect(os.path.join(world.state_folder, "berth.db"), timeout=10) as store:
                left = store.execute("SELECT device, state FROM changes").fetchall()
            store.close()
            check(not left, "left: %s" % left)
        verified(world)


def added_controllers(machine):
    """A controller that berth added goes as one that its user wrote: it neither comes back by itself nor is missed."""
    with World() as world:
        start(world, machine, [nic(0), disk(world, "sda"), channel(0)])
        controllers = lambda: {r["id"] for r in verified(world) if r["device"] == "controller"}
        added = ["scsi0", "virtio-serial0"] + ["usb"] * (machine == "q35")
        check(controllers() >= set(added), "there are %s", controllers())
        detach(world, disk(world, "sda"))
        detach(world, channel(0))
        for alias in added:
            world.fails(FAILED, "has not let go", "detach-device-alias", "guest", alias, "--live", "--timeout", "0")
        world.berth("reset", "guest")
        left = lambda: [alias for alias in added if "name='%s'" % alias in world.berth("dumpxml", "guest", "--live")]
        wait_for(lambda: not left(), 10, "the end of the controllers")
        verified(world)
        attach(world, channel(1))
        check(controllers() & set(added) == {"virtio-serial0"}, "there are %s", controllers())
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        check(controllers() >= set(added), "the definition has lost one: %s", controllers())


def lower_controller():
    """A controller that only the number of another one asks for can go while the guest runs, and comes again when it is needed."""
    with World() as world:
        start(world, "pc", [nic(0), disk(world, "sdj")])
        controllers = lambda: {r["id"] for r in verified(world) if r["device"] == "controller" and r["kind"].startswith("scsi")}
        check(controllers() == {"scsi0", "scsi1"}, "there are %s", controllers())
        world.fails(FAILED, "has not let go", "detach-device-alias", "guest", "scsi0", "--live", "--timeout", "0")
        world.berth("reset", "guest")
        wait_for(lambda: "name='scsi0'" not in world.berth("dumpxml", "guest", "--live"), 10, "the end of the controller")
        check(controllers() == {"scsi1"}, "there are %s", controllers())
        attach(world, disk(world, "sdk"))
        check(controllers() == {"scsi1"}, "there are %s", controllers())
        attach(world, disk(world, "sda"))
        check(controllers() == {"scsi0", "scsi1"}, "there are %s", controllers())


def reset_meanwhile():
    """A reset ends the requests of before it, not those that come after, and whoever waits for one of those is told."""
    with World() as world:
        start(world, "pc", [nic(0)])
        attach(world, nic(1))
        world.berth("reset", "guest")
        world.fails(FAILED, "has not let go", "detach-device", "guest", "-", "--timeout", "0", text=nic(1))
        time.sleep(1.5)
        world.fails(CONFLICT, "unplug", "attach-device", "guest", "-", text=nic(1))
        attach(world, nic(2))
        waiting = world.begin("detach-device", "guest", world.file("nic.xml", nic(2)), "--timeout", "30")
        path = os.path.join(world.state_folder, "berth.db")
        count = lambda store, what: store.execute(what + " FROM changes WHERE device = 'net2'").fetchall()
        with sqlite3.connect(path, timeout=10) as store:  # as if QEMU had forgotten it
            wait_for(lambda: count(store, "SELECT *"), 10, "the request")
            time.sleep(0.5)
            store.execute("DELETE FROM changes WHERE device = 'net2'")
        store.close()
        _, said = waiting.communicate(timeout=30)
        check(waiting.returncode == FAILED and "was reset" in said, "%d: %s" % (waiting.returncode, said))


def scopes():
    """--live, --config, --current and --persistent mean what they mean to virsh."""
    with World() as world:
        world.berth("define", "-", text=machine_domain("pc", []))
        check(world.run("attach-device", "guest", "-", "--live", text=nic(0)).returncode == 2, "--live without a running guest")
        attach(world, nic(0))
        check("52:54:00:00:01:00" in world.berth("dumpxml", "guest"), "the definition does not have it")
        world.berth("start", "guest", "--paused")
        attach(world, nic(1))
        check("52:54:00:00:01:01" not in world.berth("dumpxml", "guest"), "the definition has it")
        attach(world, nic(2), "--config")
        live = places(verified(world))
        check("mac=52:54:00:00:01:02" not in live, "the running guest has it")
        attach(world, nic(3), "--persistent", "--config")
        attach(world, nic(2))
        live = places(verified(world))
        world.berth("define", "-", text=world.berth("dumpxml", "guest").replace("<devices>", "<devices>\n    " + nic(1)))
        check(world.run("attach-device", "guest", "-", "--current", "--live", text=nic(4)).returncode == 2, "--current --live")
        detach(world, nic(0), "--config")
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        cold = places(verified(world))
        for number in (1, 2, 3):
            key = "mac=52:54:00:00:01:%02x" % number
            check(live[key] == cold[key], "%s: %s while it ran, %s after" % (key, live[key], cold[key]))
        check("mac=52:54:00:00:01:00" not in cold, "the detached device is still there")


def needed_beside_kept(machine):
    """What a device needs gets one place in both definitions, also where one of them keeps that place for something that is gone."""
    with World() as world:
        start(world, machine, [])
        attach(world, scsi(4), "--config")
        detach(world, scsi(4), "--config")
        attach(world, channel(0), "--live", "--config")
        hot = places(verified(world))
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        cold = places(verified(world))
        check(hot == cold, "hot %s\ncold %s" % (hot, cold))


def beside_its_like(machine):
    """A device that comes to both finds a place that is free in both, beside one like it that only the definition has."""
    tablet = "<input type='tablet' bus='usb'/>"
    with World() as world:
        start(world, machine, [usb()] + ["<controller type='pci' model='pcie-to-pci-bridge'/>"] * (machine == "q35"))
        taken = lambda: {r["address"] for r in verified(world) if r["address"]}
        before = taken()
        for xml in (rng(), tablet, disk(world, "vdb"), nic(1)):
            attach(world, xml, "--config")
        for xml in (rng(), tablet, disk(world, "vdc"), nic(2), rng()):
            attach(world, xml, "--live", "--config")
        hot = taken() - before
        check(len(hot) == 5, "places: %s", hot)
        attach(world, rng())
        world.fails(BAD_INPUT, "vdb", "attach-device", "guest", "-", "--live", "--config", text=disk(world, "vdb"))
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        cold = taken()
        check(hot < cold and len(cold) == len(before) + 9, "hot %s\ncold %s", hot, cold)


def both_full():
    """The last USB ports are the definition's: what comes to both does not get them, what only runs does."""
    with World() as world:
        start(world, "pc", [])
        for name in ("sdx", "sdy"):
            attach(world, usb_disk(world, name), "--config")
        world.fails(FAILED, "no USB port is free", "attach-device", "guest", "-", "--live", "--config", text=usb_disk(world, "sdz"))
        attach(world, usb_disk(world, "sdz"))


def live_only_ends():
    """What only the running guest has is forgotten when it ends."""
    with World() as world:
        start(world, "pc", [nic(0)])
        attach(world, nic(1))
        place = places(verified(world))["mac=52:54:00:00:01:01"]
        attach(world, nic(2), "--config")
        world.berth("destroy", "guest")
        attach(world, nic(3))
        world.berth("start", "guest", "--paused")
        rows = places(verified(world))
        check("mac=52:54:00:00:01:01" not in rows, "it came back by itself")
        check(rows["mac=52:54:00:00:01:02"] != place, "a place that was taken was given away")
        check(rows["mac=52:54:00:00:01:03"] == place, "the place is still kept: %s" % rows)


def no_room():
    """When no port is free, the error says how to get one, and nothing changes."""
    with World() as world:
        world.berth("define", "-", text=domain("q35", [nic(0, "virtio")]))
        world.berth("start", "guest", "--paused")
        attach(world, nic(4, "virtio"))
        before = verified(world), peripherals(world)
        answer = world.run("attach-device", "guest", "-", text=nic(8, "virtio"))
        check(answer.returncode == 1 and "ports" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check((verified(world), peripherals(world)) == before, "something changed")


def usb_rows(world):
    return [r for r in verified(world) if r["address"].startswith("usb ")]


def usb_to_the_last(model, ports):
    """No hub can be plugged: each port is used, kept ones when no other is left; then the error names what makes room."""
    with World() as world:
        start(world, "pc", [usb(model), "<input type='tablet' bus='usb'/>"])
        names = ["sd" + c for c in "mnopqrs"[:ports]]
        for name in names[1:]:
            attach(world, usb_disk(world, name))
        check(len(usb_rows(world)) == ports, "USB devices: %s" % usb_rows(world))
        detach(world, usb_disk(world, names[1]))
        attach(world, usb_disk(world, names[0]), "--live", "--config")
        says = "<controller type='usb'"
        world.fails(FAILED, says, "attach-device", "guest", "-", text=usb_disk(world, names[1]))
        attach(world, "<controller type='usb' model='qemu-xhci'/>")
        attach(world, usb_disk(world, names[1]))
        check(len(usb_rows(world)) == ports + 1, "USB devices: %s" % usb_rows(world))


def kept_usb_ports():
    """Kept ports that are all empty do not keep others out."""
    with World() as world:
        start(world, "pc", [])
        for name in ("sdx", "sdy"):
            attach(world, usb_disk(world, name), "--live", "--config")
            detach(world, usb_disk(world, name), "--live", "--config")
        for name in ("sdv", "sdw"):
            attach(world, usb_disk(world, name), "--live", "--config")
        hot = places(verified(world))
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        check(hot == places(verified(world)), "hot %s" % hot)


def many_at_once(count):
    """Processes attach and detach at once: no place twice, nothing lost."""
    with World() as world:
        start(world, "pc", [usb(), scsi(), "<controller type='virtio-serial' index='0'/>"])
        devices = [disk(world, "sd" + c) for c in "abcdefghijklmnop"[:count // 2]] + [channel(n) for n in range(count - count // 2)]
        script = "for round in 1 2 3; do %s attach-device guest $1 && %s detach-device guest $1 || exit 1; done; %s attach-device guest $1" % (
            (BERTH,) * 3)
        jobs = []
        for number, xml in enumerate(devices):
            path = world.file("device%d.xml" % number, xml)
            jobs.append(subprocess.Popen(["sh", "-c", script, "sh", path], env=world.environment, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True))
        for job in jobs:
            _, errors = job.communicate(timeout=120)
            check(job.returncode == 0, "exit status %d: %s" % (job.returncode, errors))
        rows = [r for r in verified(world) if r["device"] in ("disk", "channel")]
        check(len(rows) == count, "%d of %d devices are there" % (len(rows), count))
        check(len({r["address"] for r in rows}) == count, "an address twice: %s" % rows)


def killed(number):
    """Commands killed with -9 at random instants: the next one sees the truth."""
    chance = random.Random(SEED * 1000 + number)
    with World() as world:
        start(world, "pc", [usb(), scsi()])
        clean = peripherals(world), back_ends(world)
        xml = [disk(world, "sda"), channel(0), usb_disk(world, "sdx"), disk(world, "sdb")]
        files = [world.file("device%d.xml" % n, x) for n, x in enumerate(xml)]
        for _ in range(25):
            path = chance.choice(files)
            job = subprocess.Popen([BERTH, chance.choice(["attach-device", "detach-device"]), "guest", path], env=world.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.random() * 0.06)
            job.kill()
            job.wait()
            rows = [r["id"] for r in verified(world) if r["device"] in ("disk", "channel")]
            there = [p for p in peripherals(world) if p not in clean[0] and not p.startswith("virtio-serial")]
            check(sorted(rows) == sorted(there), "seed %d: recorded %s, QEMU has %s" % (SEED, rows, there))
        for path in files:
            world.run("detach-device", "guest", path)
        check(back_ends(world) == clean[1], "back ends were left: %s" % (back_ends(world),))
        check(not [r for r in verified(world) if r["device"] in ("disk", "channel")], "a device was left")


def killed_with_both(number):
    """Commands that change guest and definition, killed at random instants: the next command finishes both, or neither."""
    chance = random.Random(SEED * 2000 + number)
    with World() as world:
        start(world, "pc", [usb(), scsi()])
        xml = [disk(world, "sda"), channel(0), usb_disk(world, "sdx"), disk(world, "sdb")]
        files = [world.file("device%d.xml" % n, x) for n, x in enumerate(xml)]
        for turn in range(20):
            path = chance.choice(files)
            job = subprocess.Popen([BERTH, chance.choice(["attach-device", "detach-device"]), "guest", path, "--live", "--config"],
                                   env=world.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.random() * 0.08)
            job.kill()
            job.wait()
            runs = {k for k in places(verified(world)) if k.startswith(("target=", "channel="))}
            defined = world.berth("dumpxml", "guest")
            words = {"target=scsi:sda": "sda.img", "target=scsi:sdb": "sdb.img", "target=usb:sdx": "sdx.img",
                     "channel=virtio:org.example.0": "org.example.0"}
            for key, word in words.items():
                check((key in runs) == (word in defined), "seed %d, turn %d: %s: runs: %s, defined: %s"
                      % (SEED, turn, key, key in runs, word in defined))


def without_supervisor():
    """The supervisor killed with -9: devices still come and go."""
    with World() as world:
        start(world, "pc", [usb(), scsi()])
        os.kill(parent_of(qemus(world)[0]), signal.SIGKILL)
        attach(world, disk(world, "sda"))
        detach(world, disk(world, "sda"))
        check("target=scsi:sda" not in places(verified(world)), "it is still recorded")


def real_guest(machine):
    """A Linux guest lets go of PCI devices; afterwards a cold start has the rest where it was."""
    if not (GUEST and os.path.exists(os.path.join(GUEST, "vmlinuz"))):
        raise Skip("no guest kernel (tools/guest-image.py fetches one)")
    with World() as world:
        more = ("  <os><type arch='x86_64' machine='%s'>hvm</type><kernel>%s/vmlinuz</kernel><initrd>%s/initramfs.gz</initrd>"
                "<cmdline>console=ttyS1 berth.stay</cmdline></os>\n" % (machine, GUEST, GUEST))
        serial = os.path.join(world.folder, "serial.log")
        text = machine_domain(machine, ["<serial type='file'><source path='%s'/></serial>" % serial, nic(0, "virtio"), scsi()])
        start_os, end_os = text.index("  <os>"), text.index("</os>\n") + 6
        world.berth("define", "-", text=text[:start_os] + more + text[end_os:])
        world.berth("start", "guest")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if os.path.exists(serial) and "BERTH-GUEST end" in open(serial, errors="replace").read():
                break
            time.sleep(0.5)
        else:
            raise Failed("the guest did not come up")
        chance = random.Random(SEED)
        pool = [nic(n, "virtio") for n in range(1, 5)] + [disk(world, "vd" + c) for c in "bcd"] + [rng(), disk(world, "sda")]
        there, rounds = {}, 24
        for _ in range(rounds):
            at = chance.randrange(len(pool))
            if at in there:
                detach(world, pool[at], "--live", "--config", "--timeout", "30")
                del there[at]
            else:
                attach(world, pool[at], "--live", "--config")
                there[at] = True
            verified(world)
        hot = places(verified(world))
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        cold = places(verified(world))
        check(hot == cold, "hot %s\ncold %s" % (hot, cold))


JOINS = "a NIC joins a bridge while the guest runs"


def bridge():
    """In a network of its own: QEMU's sandbox kills what starts a helper, so the tap device must come ready-made."""
    if os.environ.get("BERTH_BRIDGE"):
        with World() as world:
            start(world, "q35", [])
            xml = "<interface type='bridge'><mac address='52:54:00:00:03:0%d'/><source bridge='%s'/><model type='virtio'/></interface>"
            attach(world, xml % (1, "berthbr"))
            check(os.listdir("/sys/class/net/berthbr/brif"), "nothing is on the bridge")
            answer = world.run("attach-device", "guest", "-", text=xml % (2, "nobridge"))
            check(answer.returncode == 1 and "nobridge" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
            check([r["identity"] for r in verified(world) if r["device"] == "interface"] == ["mac=52:54:00:00:03:01"], "devices")
        return
    prepare = ("mount -t sysfs none /sys && ip link add berthbr type bridge && mkdir -p /etc/qemu && mount -t tmpfs none /etc/qemu &&"
               " echo allow berthbr >/etc/qemu/bridge.conf")
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or subprocess.run(
            ["unshare", "-nm", "sh", "-c", prepare], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip("no network namespace, bridge or /dev/net/tun here")
    again = subprocess.run(["unshare", "-nm", "sh", "-c", prepare + " && exec \"$@\"", "sh", sys.executable] + sys.argv,
                           env=dict(os.environ, BERTH_BRIDGE="1", BERTH_TEST_ONLY=JOINS), stdout=subprocess.PIPE, text=True, timeout=120)
    check(again.returncode == 0 and "ok 1" in again.stdout, again.stdout)


# On q35 no bridge for conventional devices can come while the guest runs.
BRIDGE = "<controller type='pci' model='pcie-to-pci-bridge'/>"
LSI = "<controller type='scsi' index='0' model='lsilogic'/>"
SCSI = {"pc": {"no controller": [], "lsilogic": [LSI], "virtio-scsi": [scsi()]},
        "q35": {"lsilogic": [BRIDGE, LSI], "virtio-scsi": [scsi()]}}


def refused_without_trace(machine):
    """What is refused for the device's own sake leaves no controller behind, which would stay."""
    with World() as world:
        start(world, machine, ["<controller type='pci' model='pcie-to-pci-bridge'/>"] if machine == "q35" else [])
        before, ends = peripherals(world), back_ends(world)
        missing = disk(world, "sdx").replace(".img", ".none")
        stranger = ("<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host7'/><address bus='0' target='0' unit='77'/>"
                    "</source></hostdev>")
        attach(world, disk(world, "sda"), "--config")
        for status, says, words, xml in ((FAILED, "No such file", ["--live"], missing), (BAD_INPUT, "host", ["--live"], stranger),
                                         (BAD_INPUT, "sda", ["--live", "--config"], disk(world, "sda").replace("sda.img", "x.img"))):
            world.fails(status, says, "attach-device", "guest", "-", *words, text=xml)
            check(peripherals(world) == before and back_ends(world) == ends, "%s left %s", says, peripherals(world))
        verified(world)
        attach(world, disk(world, "sdb"), "--live")
        verified(world)


def tests():
    for machine in ("pc", "q35"):
        yield "%s: a device of every kind is plugged" % machine, every_kind, (machine,)
        yield "%s: what cannot be plugged is refused" % machine, refused, (machine,)
        yield "%s: controllers that berth added are unplugged" % machine, added_controllers, (machine,)
    yield "a controller below the one that is used is unplugged", lower_controller, ()
    for machine in ("pc", "q35"):
        for model, controllers in SCSI[machine].items():
            yield ("%s: SCSI disks plugged one by one are where a definition has them (%s)" % (machine, model), scsi_one_by_one,
                   (machine, controllers))
        yield "%s: what a device needs is where the definition has it" % machine, needed_beside_kept, (machine,)
        yield "%s: a device comes to both beside its like" % machine, beside_its_like, (machine,)
    yield "the definition's last places are not given to what comes to both", both_full, ()
    yield "devices that need no guest go at once", unplug_without_guest, ()
    yield "a silent guest", silent_guest, ()
    for seconds in (0, 2):
        yield "a guest that refuses after %d s" % seconds, refusing_guest, (seconds,)
    yield "a reset while an unplug is requested", reset_meanwhile, ()
    yield "live, config, current, persistent", scopes, ()
    for machine in ("pc", "q35"):
        yield "%s: what is refused leaves no controller" % machine, refused_without_trace, (machine,)
    yield "a device of the running guest alone ends with it", live_only_ends, ()
    yield "no free port is an error that helps", no_room, ()
    for model, ports in (("piix3-uhci", 2), ("qemu-xhci", 4)):
        yield "each USB port is used (%s)" % model, usb_to_the_last, (model, ports)
    yield "kept USB ports do not keep others out", kept_usb_ports, ()
    yield JOINS, bridge, ()
    yield "8 processes at once", many_at_once, (8,)
    yield "devices without a supervisor", without_supervisor, ()
    for number in range(4):
        yield "commands killed with -9 (%d)" % number, killed, (number,)
    for number in range(2):
        yield "commands that change both, killed with -9 (%d)" % number, killed_with_both, (number,)
    for machine in ("pc", "q35"):
        yield "%s: a real guest lets go of devices" % machine, real_guest, (machine,)


if __name__ == "__main__":
    sys.exit(tap(tests()))
