#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests whose state goes elsewhere, on a real QEMU: saved, restored, moved to another store. Prints TAP.

  move.py BERTH [GUEST]

GUEST: folder with vmlinuz and initramfs.gz (tools/guest-image.py) for what needs a guest that counts.
"""
import os
import re
import resource
import signal
import sys
import time

from world import (GUEST, Failed, Skip, World, alive, ask, attach, channel, check, detach, disk, domain, machine_domain, nic, parent_of,
                   peripherals, places, qemus, rng, scsi, start, tap, usb, usb_disk, verified, wait_for)

COUNT = 'i=0; while :; do echo COUNT $i; i=$((i+1)); sleep 0.2; done'


def some_devices(world, machine):
    return [usb(), scsi(), nic(0, "virtio"), nic(1, "e1000e" if machine == "q35" else "e1000"), disk(world, "vda"), disk(world, "sda"),
            usb_disk(world, "sdx"), rng(), channel(0), "<input type='tablet' bus='usb'/>"]


def counting(world, machine, serial):
    """A domain whose guest counts on its serial port: only who has its memory knows what comes next."""
    if not (GUEST and os.path.exists(os.path.join(GUEST, "vmlinuz"))):
        raise Skip("no guest kernel (tools/guest-image.py fetches one)")
    text = machine_domain(machine, ["<serial type='file'><source path='%s' append='on'/></serial>" % serial] + some_devices(world, machine))
    boot = ("<kernel>%s/vmlinuz</kernel><initrd>%s/initramfs.gz</initrd><cmdline>console=ttyS0 rdinit=/bin/busybox -- sh -c \"%s\""
            "</cmdline></os>" % (GUEST, GUEST, COUNT))
    return text.replace("</os>", boot)


def counts(serial):
    if not os.path.exists(serial):
        return []
    with open(serial, errors="replace") as lines:
        return [int(n) for n in re.findall(r"COUNT (\d+)\r?\n", lines.read())]


def goes_on(serial, before):
    """The guest counts on where it was; it has not booted again."""
    wait_for(lambda: counts(serial)[-1:] > [before[-1] + 2], 60, "the guest counts on")
    after = counts(serial)
    check(after == list(range(after[-1] + 1)), "it does not go on where it was: %s" % after[-20:])


def same_rows(before, after):
    seen = lambda rows: sorted((r["identity"], r["id"], r["address"], r["actual"], r["path"], r["bus"]) for r in rows)
    check(seen(before) == seen(after), "before %s\nafter %s" % (seen(before), seen(after)))


def saved(world, *flags, name="guest"):
    path = os.path.join(world.folder, "saved")
    world.berth("save", name, path, *flags)
    check(world.state(name) == "shut off", "it is %s after it was saved" % world.state(name))
    return path


def round_trip(machine):
    """Every device, also one that came while it ran, is where it was, with its id."""
    with World() as world:
        start(world, machine, some_devices(world, machine))
        attach(world, nic(2, "virtio"))
        attach(world, disk(world, "sdb"))
        attach(world, nic(3, "virtio"))
        attach(world, disk(world, "sdc"))
        detach(world, disk(world, "sdb"))
        before, there = verified(world), peripherals(world)
        path = saved(world)
        check(not qemus(world), "QEMU still runs")
        check(world.berth("save-image-dumpxml", path).count("<interface") == 4, "the file does not have the hardware that ran")
        world.berth("restore", path)
        same_rows(before, verified(world))
        check(peripherals(world) == there, "QEMU has other devices")
        check(world.state("guest") == "paused", "it was paused, now it is %s" % world.state("guest"))
        attach(world, disk(world, "sdb"))
        check(world.run("restore", path).returncode == 5, "a running guest was restored")
        world.berth("destroy", "guest")


def real_guest(machine):
    """A Linux guest counts on after save and restore, also with other files behind its devices."""
    with World() as world:
        serial = os.path.join(world.folder, "serial.log")
        text = counting(world, machine, serial)
        world.berth("define", "-", text=text)
        world.berth("start", "guest")
        wait_for(lambda: counts(serial)[-1:] > [3], 180, "the guest counts")
        before = verified(world)
        path = saved(world)
        last = counts(serial)
        world.berth("restore", path)
        check(world.state("guest") == "running", "it is %s" % world.state("guest"))
        same_rows(before, verified(world))
        goes_on(serial, last)
        path = saved(world, "--bypass-cache", "--paused")
        last = counts(serial)
        other = os.path.join(world.folder, "other.img")
        os.rename(os.path.join(world.folder, "vda.img"), other)
        xml = world.file("other.xml", text.replace("vda.img", "other.img"))
        world.berth("restore", path, "--xml", xml, "--running", "--bypass-cache")
        same_rows(before, verified(world))
        check(other in str(ask(world, {"execute": "query-block"})), "it has another image")
        goes_on(serial, last)
        world.berth("destroy", "guest")


def bad_files():
    """What is no whole saved guest of this form is told by name, and nothing changes."""
    with World() as world:
        start(world, "pc", [nic(0)])
        path = saved(world)
        with open(path, "rb") as file:
            good = file.read()
        head = int(re.search(rb"head ([0-9a-f]+)", good).group(1), 16)
        before = [world.guests(), world.berth("dumpxml", "guest"), world.rows("history", "guest")]
        for bytes_, status, says in ((b"", 4, "no saved guest"), (b"<domain/>", 4, "no saved guest"), (good[:100], 4, "truncated"),
                                     (good[:head], 4, "truncated"), (good[:-1], 4, "truncated"), (good + b"x", 4, "damaged"),
                                     (good.replace(b"berth-save 1", b"berth-save 2"), 4, "knows up to 1"),
                                     (good.replace(b"52:54:00", b"52:54:01"), 4, "checksum"),
                                     (good.replace(b"\nstate 0", b"\nstate 1", 1), 4, "damaged"),
                                     (good[:head] + b"XEVM" + good[head + 4:], 4, "no state of QEMU"),
                                     (good[:head + 100] + bytes(len(good) - head - 100), 1, "QEMU cannot take this state")):
            with open(path, "wb") as file:
                file.write(bytes_)
            answer = world.run("restore", path)
            check(answer.returncode == status and says in answer.stderr, "%s: %d: %s" % (says, answer.returncode, answer.stderr))
            check(len(answer.stderr.splitlines()) == 1, "not one line: %s" % answer.stderr)
            after = [world.guests(), world.berth("dumpxml", "guest"), world.rows("history", "guest")]
            for guest in before[0] + after[0]:
                guest.pop("since", None)
            check(after == before, "%s: something changed" % says)
            check(not qemus(world), "%s: QEMU still runs" % says)
        check(world.run("restore", path + ".missing").returncode == 3, "a file that is not there")
        with open(path, "wb") as file:
            file.write(good)
        world.berth("restore", path)
        verified(world)


def no_space():
    """A file that cannot be written to its end, or a folder that is not there: the guest runs on, and no file is left."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest")
        path = world.file("saved", "old")
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, limit[1]))
        try:
            answer = world.run("save", "guest", path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        check(answer.returncode == 1 and "runs on" in answer.stderr and path in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(open(path).read() == "old", "the old file is gone")
        check(not [n for n in os.listdir(world.folder) if n.startswith(".berth-")], "something was left: %s" % os.listdir(world.folder))
        check(ask(world, {"execute": "query-status"})["status"] == "running", "QEMU does not run on")
        check(world.state("guest") == "running", "it is %s" % world.state("guest"))
        check(world.run("save", "guest", world.folder + "/none/saved").returncode == 3, "a folder that is not there")
        check(world.run("save", "guest", world.folder).returncode == 2, "a folder")
        check(world.run("save", "none", path).returncode == 3, "a guest that is not there")
        saved(world)


def killed():
    """save killed with -9 or interrupted: the guest runs on."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest")
        path = os.path.join(world.folder, "saved")
        os.mkfifo(path + ".fifo")
        for number, signals in enumerate([signal.SIGKILL] * 6 + [signal.SIGINT, signal.SIGTERM] * 3):
            job = world.begin("save", "guest", path)
            time.sleep(0.02 + 0.015 * number)
            job.send_signal(signals)
            _, errors = job.communicate(timeout=30)
            if job.returncode == 0 or not qemus(world):
                check(os.path.exists(path), "neither guest nor file: %s" % errors)
                os.unlink(path) if qemus(world) else world.berth("restore", path)
                continue
            wait_for(lambda: ask(world, {"execute": "query-status"})["status"] in ("running", "postmigrate"), 10, "QEMU runs on")
            if ask(world, {"execute": "query-status"})["status"] == "postmigrate":
                check(signals == signal.SIGKILL, "it was left paused by signal %d: %s" % (signals, errors))
                ask(world, {"execute": "cont"})
            if os.path.exists(path):
                os.unlink(path)
        verified(world)


def refused():
    """Other hardware is refused, each difference by name; what is not seen from inside may differ."""
    with World() as world:
        start(world, "pc", [nic(0, "virtio"), nic(1, "e1000"), disk(world, "vda")])
        text = world.berth("dumpxml", "guest")
        path = saved(world)
        for old, new, says in (("type='virtio'/>", "type='rtl8139'/>", "model 'virtio' there, 'rtl8139' here"),
                               ("<memory unit='MiB'>256", "<memory unit='MiB'>128", "memory '262144 KiB' there"),
                               ("</devices>", nic(7) + "</devices>", "interface 52:54:00:00:01:07 added"),
                               (nic(1, "e1000").split("><")[1], "mac address='52:54:00:00:01:77'/", "52:54:00:00:01:77"),
                               ("<name>guest<", "<name>other<", "name 'guest' there, 'other' here"),
                               ("bus='0x00' slot='0x03'", "bus='0x00' slot='0x13'", "pci 0000:00:13.0")):
            check(old in text, "%s is not in %s" % (old, text))
            answer = world.run("restore", path, "--xml", "-", text=text.replace(old, new, 1))
            check(answer.returncode == 5 and says in answer.stderr, "%s: %d: %s" % (says, answer.returncode, answer.stderr))
            check(not qemus(world), "QEMU runs")
        check(world.run("restore", path, "--xml", "-", text="<domain>").returncode == 4, "malformed XML")
        check(world.run("restore", path, "--running", "--paused").returncode == 2, "--running --paused")
        world.berth("restore", path, "--xml", "-", text=text.replace("/vda.img", "/./vda.img"))
        verified(world)


def undefined():
    """A saved guest that was undefined meanwhile comes back as it was; a name that another guest has is a conflict."""
    with World() as world:
        start(world, "q35", [nic(0, "virtio"), nic(1, "virtio")])
        world.berth("define", "-", text=machine_domain("q35", [nic(1, "virtio")]))
        before, definition, record = verified(world), world.berth("dumpxml", "guest"), world.rows("devices", "guest")
        path = saved(world)
        world.berth("undefine", "guest")
        world.berth("restore", path)
        same_rows(before, verified(world))
        check(world.berth("dumpxml", "guest") == definition, "it is defined otherwise")
        world.berth("destroy", "guest")
        world.berth("define", "-", text=machine_domain("q35", [nic(1, "virtio"), nic(0, "virtio")]))
        check(places(world.rows("devices", "guest"))["mac=52:54:00:00:01:00"] == places(before)["mac=52:54:00:00:01:00"],
              "the place of a gone device was forgotten")
        world.berth("undefine", "guest")
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        check(world.run("restore", path).returncode == 5, "another guest's name was taken")


def bound():
    """A guest that cannot be moved says so and runs on."""
    with World() as world:
        start(world, "pc", [usb(), nic(0)])
        attach(world, nic(1))
        world.run("detach-device", "guest", "-", "--timeout", "0", text=nic(1))
        answer = world.run("save", "guest", os.path.join(world.folder, "saved"))
        check(answer.returncode == 5 and "unplugged" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(not os.path.exists(os.path.join(world.folder, "saved")), "there is a file")
        verified(world)


def tests():
    for machine in ("pc", "q35"):
        yield "%s: a restored guest has every device where it was" % machine, round_trip, (machine,)
    for machine in ("pc", "q35"):
        yield "%s: a real guest goes on after save and restore" % machine, real_guest, (machine,)
    yield "files that are no saved guests", bad_files, ()
    yield "no space: the guest runs on", no_space, ()
    yield "save killed and interrupted", killed, ()
    yield "other hardware is refused by name", refused, ()
    yield "a saved guest that is not defined any more", undefined, ()
    yield "a device on its way out", bound, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
