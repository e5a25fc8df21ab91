#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests whose state goes elsewhere, on a real QEMU: saved, restored, moved to another store. Prints TAP.

  move.py BERTH [GUEST]

GUEST: folder with vmlinuz and initramfs.gz (tools/guest-image.py) for what needs a guest that counts.
"""
import hashlib
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from world import (BAD_INPUT, BERTH, CONFLICT, GUEST, SLOW, USAGE, Failed, Skip, World, ask, attach, channel, check, detach, disk, domain, kill, locked, machine_domain, nic, peripherals,
                   places, qemus, rng, scsi, start, supervisors, tap, usb, usb_disk, verified, wait_for)

COUNT = 'b=/bin/busybox; i=0; while :; do echo COUNT $i; i=$((i+1)); $b sleep 0.2; done'
# The same, and which CPUs it has, all of which it puts to work.
CPUS = COUNT.replace('i=0;', 'i=0; $b mkdir -p /sys; $b mount -t sysfs s /sys; cd /sys/devices/system/cpu;').replace(
    '$b sleep', 'for c in cpu[1-9]/online; do echo 1 &gt; $c; done; echo CPUS $($b cat online); $b sleep')


def some_devices(world, machine):
    return [usb(), scsi(), nic(0, "virtio"), nic(1, "e1000e" if machine == "q35" else "e1000"), disk(world, "vda"), disk(world, "sda"),
            usb_disk(world, "sdx"), rng(), channel(0), "<input type='tablet' bus='usb'/>"]


def counting(world, machine, serial, script=COUNT, more=""):
    """A domain whose guest counts on its serial port: only who has its memory knows what comes next."""
    if not (GUEST and os.path.exists(os.path.join(GUEST, "vmlinuz"))):
        raise Skip("no guest kernel (tools/guest-image.py fetches one)")
    text = machine_domain(machine, ["<serial type='file'><source path='%s' append='on'/></serial>" % serial] + some_devices(world, machine),
                          more)
    boot = ("<kernel>%s/vmlinuz</kernel><initrd>%s/initramfs.gz</initrd><cmdline>console=ttyS0 rdinit=/bin/busybox -- sh -c \"%s\""
            "</cmdline></os>" % (GUEST, GUEST, script))
    return text.replace("</os>", boot)


def counts(serial):
    if not os.path.exists(serial):
        return []
    with open(serial, errors="replace") as lines:
        return [int(n) for n in re.findall(r"COUNT (\d+)\r?\n", lines.read())]


def cpus(serial):
    """What the guest has said last about its CPUs."""
    with open(serial, errors="replace") as lines:
        return ([""] + re.findall(r"CPUS (\S+)\r?\n", lines.read()))[-1]


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


def vcpus_that_came():
    """Virtio devices have as many queues as there were vCPUs from the start; these stay those."""
    with World() as world:
        path = os.path.join(world.folder, "vda.img")
        with open(path, "wb") as image:
            image.truncate(1 << 20)
        start(world, "q35", ["<disk type='file'><source file='%s'/><target dev='vda' bus='virtio'/></disk>" % path],
              "  <vcpu current='1'>3</vcpu>\n")
        world.berth("setvcpus", "guest", "2")
        world.berth("restore", saved(world))
        check(world.berth("vcpucount", "guest", "--live", "--active").split() == ["2"], "the vCPU that came is not there")
        verified(world)
        world.berth("setvcpus", "guest", "3")
        world.berth("managedsave", "guest")
        world.berth("start", "guest")
        verified(world)


def vcpus_that_came_migrate(config):
    """Where the guest is defined, its definition says how many there are from the start: what came since comes along. The same where
    --xml says so."""
    with World() as world, World() as other:
        text = machine_domain("q35", [nic(0, "virtio"), disk(world, "vda")], "  <vcpu current='1'>4</vcpu>\n")
        world.berth("define", "-", text=text)
        other.berth("define", "-", text=world.berth("dumpxml", "guest"))
        world.berth("start", "guest")
        world.berth("setvcpus", "guest", "3", "--live", *config)
        incoming = Incoming(other)
        world.berth("migrate", "guest", "--to", incoming.uri)
        count = lambda where, *which: where.berth("vcpucount", "guest", *which, "--active").strip()
        check((count(other, "--live"), count(other, "--config")) == ("3", "1"), "there: %s" % other.berth("vcpucount", "guest"))
        check(len(ask(other, {"execute": "query-cpus-fast"})) == 3, "QEMU has other vCPUs")
        verified(other)
        other.berth("setvcpus", "guest", "4", "--live")
        path = saved(other)
        incoming.ended(0)
        more = other.file("more.xml", text.replace(">4<", ">5<"))
        answer = other.run("restore", path, "--xml", more)
        check(answer.returncode == 5 and "vcpus '4' there, '5' here" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        other.berth("restore", path, "--xml", other.file("guest.xml", text))
        check((count(other, "--live"), count(other, "--config")) == ("4", "1"), "restored: %s" % other.berth("vcpucount", "guest"))
        verified(other)


def can_bypass(folder):
    """Whether the file system there knows direct I/O."""
    try:
        os.close(os.open(os.path.join(folder, "probe"), os.O_RDWR | os.O_CREAT | os.O_DIRECT))
        return True
    except OSError:
        return False


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
        past = ["--bypass-cache"] if can_bypass(world.folder) else []
        path = saved(world, "--paused", *past)
        last = counts(serial)
        other = os.path.join(world.folder, "other.img")
        os.rename(os.path.join(world.folder, "vda.img"), other)
        xml = world.file("other.xml", text.replace("vda.img", "other.img"))
        world.berth("restore", path, "--xml", xml, "--running", *past)
        same_rows(before, verified(world))
        check(other in str(ask(world, {"execute": "query-block"})), "it has another image")
        goes_on(serial, last)
        world.berth("destroy", "guest")


def flipped(file, at):
    return file[:at] + bytes([file[at] ^ 1]) + file[at + 1:]


def form_1(file):
    """The same as berth wrote it before the state had a checksum."""
    front = re.match(rb"berth-save 2\n(head \w+\nmanifest (\w+)\nstate \w+\n)state-sha256 \w+\nsha256 \w+\n", file)
    head, size = int(file[18:34], 16), int(front.group(2), 16)
    manifest = file[front.end():front.end() + size]
    front = b"berth-save 1\n%ssha256 %s\n" % (front.group(1), hashlib.sha256(front.group(1) + manifest).hexdigest().encode())
    return (front + manifest).ljust(head, b"\n") + file[head:]


def bad_files():
    """What is no whole saved guest of this form is told by name, and nothing changes."""
    with World() as world:
        start(world, "pc", [nic(0)])
        path = saved(world)
        with open(path, "rb") as file:
            good = file.read()
        head = int(re.search(rb"head ([0-9a-f]+)", good).group(1), 16)
        memory = good.index(b"SeaBIOS", head)  # QEMU itself does not see that it is another one
        before = [world.guests(), world.berth("dumpxml", "guest"), world.rows("history", "guest")]
        for bytes_, status, says in ((b"", 4, "no saved guest"), (b"<domain/>", 4, "no saved guest"), (good[:100], 4, "truncated"),
                                     (good[:head], 4, "truncated"), (good[:-1], 4, "truncated"), (good + b"x", 4, "damaged"),
                                     (good.replace(b"berth-save 2", b"berth-save 3"), 4, "knows up to 2"),
                                     (good.replace(b"52:54:00", b"52:54:01"), 4, "checksum"),
                                     (good.replace(b"\nstate 0", b"\nstate 1", 1), 4, "damaged"),
                                     (good[:head] + b"XEVM" + good[head + 4:], 4, "no state of QEMU"),
                                     (good.replace(b"\nstate-sha256 ", b"\nstate-sha256 0", 1), 4, "damaged"),
                                     (good[:head + 100] + bytes(len(good) - head - 100), 4, "checksum of its state"),
                                     (flipped(good, head + 8), 4, "checksum of its state"),
                                     (flipped(good, memory), 4, "checksum of its state"),
                                     (flipped(good, len(good) - 1), 4, "checksum of its state"),
                                     (form_1(flipped(good, head + 8)), 1, "QEMU cannot take this state")):
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
        for text in (form_1(good), good):
            with open(path, "wb") as file:
                file.write(text)
            world.berth("restore", path)
            verified(world)
            world.berth("destroy", "guest")


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


def settled(world, wanted="running"):
    """wanted or "gone"; None while it is neither: somebody sees to that, or whoever was killed has told it to quit."""
    if not qemus(world):
        return "gone"
    try:
        return wanted if status(world) == wanted else None
    except (Failed, OSError, TypeError, ValueError):
        return None


def nameless_files(folder):
    """Whether the file system there knows files without a name."""
    try:
        os.close(os.open(folder, os.O_RDWR | os.O_TMPFILE, 0o600))
        return True
    except OSError:
        return False


def killed():
    """save killed with -9 or interrupted: the guest runs on, or is saved."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest")
        path = os.path.join(world.folder, "saved")
        for number, signals in enumerate([signal.SIGKILL] * 6 + [signal.SIGINT, signal.SIGTERM] * 3):
            job = world.begin("save", "guest", path)
            time.sleep(0.02 + 0.015 * number)
            job.send_signal(signals)
            _, errors = job.communicate(timeout=30)
            if wait_for(lambda: settled(world), 10, "QEMU runs on, or has ended") == "gone":
                check(os.path.exists(path), "neither guest nor file: %s" % errors)
                wait_for(lambda: world.state("guest") == "shut off", 10, "the end of QEMU, of which the last is still to come")
                world.berth("restore", path)
            left = [n for n in os.listdir(world.folder) if n.startswith(".berth-")]
            check(not left or not nameless_files(world.folder), "a file was left: %s" % left)
            if os.path.exists(path):
                os.unlink(path)
        verified(world)


def reason(world):
    return world.berth("domstate", "guest", "--reason").strip()


def status(world):
    return ask(world, {"execute": "query-status"})["status"]


def kept_by_run(world):
    """What is in run folders beside monitors and log."""
    usual = ("events.qmp", "control.qmp", "qemu.log")
    return [n for _, _, names in os.walk(os.path.join(world.state_folder, "run")) for n in names
            if n not in usual and not n.endswith(".lock")]


def killed_in_sync(words, sync, paused, alone):
    """Kills a save with -9 while it is in its sync number sync; with alone, there is no supervisor. Yields the world then."""
    if shutil.which("strace") is None:
        raise Skip("no strace")
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest", *(["--paused"] if paused else []))
        path = os.path.join(world.folder, "saved")
        words = words + ([path] if words[0] == "save" else [])
        log = world.file("trace", "")
        os.mkdir(world.state_folder + "/save", 0o700)  # whose making is synced, too
        trace = subprocess.Popen(["strace", "-o", log, "-e", "trace=fsync", "-e",
                                  "inject=fsync:delay_enter=60000000:when=%d" % sync, BERTH] + words,
                                 env=world.environment, stderr=subprocess.PIPE, text=True)

        def in_sync():
            """The command, once it is in that sync."""
            check(trace.poll() is None, "it has ended: %s", trace.stderr.read() if trace.poll() is not None else "")
            with open("/proc/%d/task/%d/children" % (trace.pid, trace.pid)) as children:
                pids = [int(n) for n in children.read().split()]
            with open(log) as lines:
                return pids if lines.read().count("fsync(") == sync else None

        command = wait_for(in_sync, 30, "the sync")
        # Who is traced does not end while its tracer sleeps.
        kill(*(supervisors(world) if alone else []), *command, trace.pid)
        trace.communicate(timeout=30)
        yield world


def killed_before(words, paused, alone):
    """Its file has no name yet: the guest goes on, and nothing is left."""
    for world in killed_in_sync(words, 1, paused, alone):
        path = os.path.join(world.folder, "saved")
        if not alone and not paused:
            wait_for(lambda: status(world) == "running", 10, "the supervisor lets it go on")
        wanted = "paused" if paused else "running"
        wait_for(lambda: world.state("guest") == wanted, 10, "the guest is %s" % wanted)
        check(status(world) in ("postmigrate" if paused else "running",), "QEMU: %s" % status(world))
        check(not os.path.exists(path), "there is a file")
        wait_for(lambda: kept_by_run(world) == [], 10, "nothing is kept of it: %s" % kept_by_run(world))
        verified(world)
        check(words[0] == "save" or os.listdir(world.state_folder + "/save") == [], "something is left")
        world.berth("suspend" if not paused else "resume", "guest")
        wait_for(lambda: world.state("guest") == ("running" if paused else "paused"), 10, "it can be resumed or suspended")
        world.berth(*words, *([path] if words[0] == "save" else []))


def killed_after(words, paused, alone):
    """Its file is there: the guest ends."""
    with World() as world:
        last = 3 if nameless_files(world.folder) else 2
    for world in killed_in_sync(words, last, paused, alone):
        wait_for(lambda: world.state("guest") == "shut off", 10, "the guest ends")
        check(reason(world) == "shut off (saved)", reason(world))
        check(not qemus(world) and kept_by_run(world) == [], "it is kept: %s, %s" % (qemus(world), kept_by_run(world)))
        world.berth("restore", os.path.join(world.folder, "saved")) if words[0] == "save" else world.berth("start", "guest")
        check(world.state("guest") == ("paused" if paused else "running"), "it is %s" % world.state("guest"))
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


def other_name(name):
    """A file whose guest is called what no guest can be called."""
    with World() as world:
        start(world, "pc", [nic(0)])
        path = saved(world)
        with open(path, "rb") as file:
            whole = form_1(file.read().replace(b"name 5\nguest\n", b"name 5\n%s\n" % name, 1))
        with open(path, "wb") as file:
            file.write(whole)
        world.berth("undefine", "guest")
        world.fails(BAD_INPUT, ["the name of its guest"], "restore", path)
        check(world.guests() == [] and not qemus(world), "there is %s", world.guests())


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


def managed():
    """A state that berth keeps is what the next start goes on with, once; it can be thrown away, and protects its guest."""
    with World() as world:
        start(world, "pc", [nic(0, "virtio"), disk(world, "vda")])
        attach(world, nic(1, "virtio"))
        before = verified(world)
        kept = lambda: [n for n in os.listdir(world.state_folder + "/save") if n.endswith(".save")]
        world.berth("managedsave", "guest")
        check(world.state("guest") == "shut off" and len(kept()) == 1, "there is no file")
        check(world.run("undefine", "guest").returncode == 5, "a guest with a state was undefined")
        world.berth("start", "guest")
        same_rows(before, verified(world))
        check(world.state("guest") == "paused" and kept() == [], "it is %s, and there is %s" % (world.state("guest"), kept()))
        for words, there in (((), 2), (("--paused",), 2), (("--force-boot",), 1)):
            check(world.run("managedsave", "guest", "--running").returncode == 0, "it cannot be saved again")
            world.berth("start", "guest", *words)
            rows = [r for r in verified(world) if r["device"] == "interface"]
            check(len(rows) == there, "%s: it has %d interfaces" % (words, len(rows)))
            check(world.state("guest") == ("paused" if words == ("--paused",) else "running"), "it is %s" % world.state("guest"))
            check(kept() == [], "%s: the state is still there" % (words,))
        world.berth("managedsave", "guest")
        check("Removed" in world.berth("managedsave-remove", "guest") and kept() == [], "it was not removed")
        check("no managed save" in world.berth("managedsave-remove", "guest"), "it was removed twice")
        check(world.run("managedsave", "guest").returncode == 2, "a guest that does not run was saved")
        world.berth("undefine", "guest")


def damaged():
    """A managed state that cannot be used is told, and the guest does not boot without being asked to."""
    with World() as world:
        start(world, "pc", [nic(0)])
        world.berth("managedsave", "guest")
        path = [os.path.join(world.state_folder, "save", n) for n in os.listdir(world.state_folder + "/save")][0]
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) - 1)
        answer = world.run("start", "guest")
        check(answer.returncode == 4 and "truncated" in answer.stderr and path in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(not qemus(world) and os.path.exists(path), "something happened")
        world.berth("start", "guest", "--force-boot", "--paused")
        check(not os.path.exists(path), "the state is still there")


def kept(world):
    """The files of managed states."""
    folder = os.path.join(world.state_folder, "save")
    return [os.path.join(folder, name) for name in os.listdir(folder)]


def changed_meanwhile(how):
    """A start that waits for other commands goes on with what there is then: it does not boot past a state, nor use one twice."""
    with World() as world:
        start(world, "pc", [nic(0)])
        world.berth("managedsave", "guest")
        path = kept(world)[0]
        aside = os.path.join(world.folder, "aside")
        shutil.copy(path, aside)
        left = path + ".used"
        if how == "used, and an older one is left":
            shutil.copy(path, left)  # by a start that was killed
        if how == "saved":
            os.unlink(path)
        with locked(world):
            job = world.begin("start", "guest", "--paused")
            time.sleep(1)
            check(job.poll() is None, "it has not waited")
            if how.startswith("used"):
                os.unlink(path)
            else:
                os.rename(aside, path)
        _, said = job.communicate(timeout=60)
        check(job.returncode == CONFLICT and "managed state" in said, "%d: %s" % (job.returncode, said))
        check(not qemus(world) and sorted(kept(world)) == {"used": [], "used, and an older one is left": [left]}.get(how, [path]), "there is %s" % kept(world))


def other_state():
    """What would make a managed state worthless does not happen by the way."""
    with World() as world:
        drive = disk(world, "vda")
        start(world, "pc", [nic(0), drive])
        path = saved(world)
        world.berth("start", "guest", "--paused")
        world.berth("managedsave", "guest")
        state = kept(world)
        world.fails(CONFLICT, ["managed state", "managedsave-remove"], "restore", path)
        world.fails(USAGE, "--force-boot", "start", "guest", "--reset-nvram")
        image = os.path.join(world.folder, "vda.img")
        os.rename(image, image + ".away")
        world.run("start", "guest", "--force-boot", "--paused")
        check(not qemus(world) and kept(world) == state, "there is %s" % kept(world))
        os.rename(image + ".away", image)
        store = sqlite3.connect(os.path.join(world.state_folder, "berth.db"), isolation_level=None)
        store.execute("BEGIN IMMEDIATE")
        world.fails(CONFLICT, "try again", "start", "guest", "--force-boot", "--paused")
        store.close()
        check(not qemus(world) and kept(world) == state, "there is %s" % kept(world))
        world.berth("start", "guest", "--force-boot", "--paused")
        check(kept(world) == [], "the state is still there")


def consoles():
    """A console's port is left to QEMU at start; whatever comes and goes then, it keeps that one while the guest runs, saved or not."""
    console = "<console type='pty'><target type='virtio'/></console>"
    places = lambda rows: {r["identity"]: r["actual"] for r in rows if r["device"] in ("channel", "console")}
    with World() as world:
        devices = [nic(0), channel(0), console, channel(1), console]
        start(world, "q35", devices)
        first = places(verified(world))
        check(sorted(first.values()) == ["virtio-serial 0:0:%d" % n for n in range(4)], "places: %s", first)
        detach(world, channel(0))
        attach(world, channel(2))
        attach(world, console)
        before = places(verified(world))
        check(len(before) == 5 and len(set(before.values())) == 5, "places: %s", before)
        check(all(before[i] == first[i] for i in before if i in first), "moved: %s, %s", first, before)
        definition = world.berth("dumpxml", "guest")
        check("virtio-serial" not in "".join(re.findall("<console.*?</console>", definition, re.S)), "the definition has a place")
        world.berth("restore", saved(world))
        check(places(verified(world)) == before, "moved: %s", places(verified(world)))
        detach(world, channel(2))
        detach(world, console.replace("/></c", "/><alias name='console2'/></c"))
        attach(world, channel(0))
        world.berth("restore", saved(world), "--xml", world.file("guest.xml", definition))
        check(places(verified(world)) == first, "moved: %s", places(verified(world)))


def renamed_meanwhile():
    """A guest that was undefined, and defined again by another name, while a restore waited for its turn is not the one that was saved."""
    with World() as world:
        start(world, "pc", [nic(0)])
        definition, path = world.berth("dumpxml", "guest"), saved(world)
        with locked(world):
            job = world.begin("restore", path)
            time.sleep(1)
            waiting = supervisors(world)[0]
            os.kill(waiting, signal.SIGSTOP)
        world.berth("undefine", "guest")
        world.berth("define", "-", text=definition.replace("<name>guest<", "<name>other<"))
        os.kill(waiting, signal.SIGCONT)
        _, said = job.communicate(timeout=60)
        check(job.returncode == CONFLICT and "other" in said, "%d: %s" % (job.returncode, said))
        check(not qemus(world) and world.state("other") == "shut off", "it runs: %s" % world.guests())


def memory(machine):
    """Modules that came while the guest ran are at its start again where QEMU had put them: what it has in them is nowhere else."""
    more = "<maxMemory slots='4' unit='MiB'>1024</maxMemory><cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu>"
    dimm = "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>"
    virtio = ("<memory model='virtio-mem'><target><size unit='MiB'>128</size><node>0</node><block unit='MiB'>2</block>"
              "<requested unit='MiB'>64</requested></target></memory>")
    begins = lambda world: {m["data"]["id"]: m["data"].get("memaddr", m["data"].get("addr"))
                            for m in ask(world, {"execute": "query-memory-devices"})}
    with World() as world:
        start(world, machine, [nic(0)], more)
        for module in (dimm, virtio, dimm):
            attach(world, module, "--live", "--config")
        before = begins(world)
        check(len(set(before.values())) == 3 and min(before.values()) >= 1 << 32, "they begin at %s", before)
        definition = world.berth("dumpxml", "guest")
        world.berth("restore", saved(world))
        check(begins(world) == before, "before %s, after %s", before, begins(world))
        verified(world)
        world.berth("restore", saved(world), "--xml", world.file("guest.xml", definition))
        check(begins(world) == before, "before %s, after %s", before, begins(world))
        check("base=" not in world.berth("dumpxml", "guest"), "the definition says where they begin")


def not_used_up(resumed):
    """A start that is killed once its guest is recorded, before it has used up the state, leaves both: only one of them goes on."""
    with World() as world:
        start(world, "pc", [nic(0)])
        world.berth("managedsave", "guest")
        path = kept(world)[0]
        shutil.copy(path, os.path.join(world.folder, "copy"))
        world.berth("start", "guest", "--paused")
        kill(*supervisors(world))
        os.rename(os.path.join(world.folder, "copy"), path)
        if resumed:
            world.berth("resume", "guest")
            check(kept(world) == [], "the guest runs, and its state is kept: %s" % kept(world))
            return
        kill(*qemus(world))
        check(world.state("guest") != "paused" and kept(world) == [path], "the guest has not run, and its state is lost")
        world.berth("start", "guest", "--paused")
        check(reason(world) == "paused (restored)" and kept(world) == [], "%s, %s" % (reason(world), kept(world)))


def durable(words):
    """That a state is not there any more is on disk before anybody relies on it: a loss of power must not bring it back."""
    if shutil.which("strace") is None:
        raise Skip("no strace")
    with World() as world:
        start(world, "pc", [nic(0)])
        world.berth("managedsave", "guest")
        path, log = kept(world)[0], world.file("calls", "")
        trace = subprocess.Popen(["strace", "-f", "-y", "-o", log, "-e", "trace=rename,unlink,fsync", BERTH] + words, env=world.environment,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def synced():
            with open(log) as lines:
                calls = lines.read()
            at = calls.find('("%s"' % path)
            return at >= 0 and re.search(r"fsync\(\d+<%s>" % re.escape(os.path.dirname(path)), calls[at:])

        # Of start, strace follows the supervisor.
        wait_for(lambda: synced() or (words[0] != "start" and trace.poll() is not None), 60, "its folder is synced")
        trace.kill()  # what it has followed goes on without it
        trace.wait()
        check(synced() and kept(world) == [], "it is still there, or its folder is not synced")


def undefine_killed():
    """undefine killed with -9 does not leave a managed state without its guest: the next guest of that uuid would go on with it."""
    if shutil.which("strace") is None:
        raise Skip("no strace")
    with World() as world:
        start(world, "pc", [nic(0)])
        world.berth("managedsave", "guest")
        path, log = kept(world)[0], world.file("calls", "")
        trace = subprocess.Popen(["strace", "-o", log, "-P", path, "-e", "trace=unlink", "-e", "inject=unlink:delay_enter=60000000", BERTH,
                                  "undefine", "guest", "--managed-save"], env=world.environment, stderr=subprocess.DEVNULL)

        def removing():
            with open(log) as lines, open("/proc/%d/task/%d/children" % (trace.pid, trace.pid)) as children:
                return [int(n) for n in children.read().split()] if "unlink(" in lines.read() else None

        kill(*wait_for(removing, 30, "the removal of the state"), trace.pid)
        trace.wait()
        check(kept(world) == [] or world.guests() != [], "there is a state, and no guest")
        world.berth("undefine", "guest", "--managed-save")
        check(kept(world) == [] and world.guests() == [], "something is left: %s" % kept(world))


# A QEMU that, if it is to take in a state, says so in a file and waits for another; takes both and QEMU twice.
LATE = """#!/usr/bin/env python3
import os, sys, time
if "-incoming" in sys.argv:
    open(%r, "w").close()
    while not os.path.exists(%r):
        time.sleep(0.05)
os.execv(%r, [%r] + sys.argv[1:])
"""


class Late:
    """The QEMU of @world from now on, until it may go on."""

    def __init__(self, world):
        self.begun, self.go = (os.path.join(world.folder, name) for name in ("late-begun", "late-go"))
        qemu = world.environment["BERTH_QEMU"]
        world.environment["BERTH_QEMU"] = world.file("late-qemu", LATE % (self.begun, self.go, qemu, qemu), 0o755)

    def wait(self):
        wait_for(lambda: os.path.exists(self.begun), 60, "QEMU is started")

    def let_go(self):
        open(self.go, "w").close()


def defined_meanwhile():
    """A definition that was made while a guest came that the store did not know outlives that guest, if it does not come."""
    with World() as world:
        start(world, "pc", [nic(0)])
        definition = world.berth("dumpxml", "guest")
        path = saved(world)
        world.berth("undefine", "guest")
        with open(path, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last ^ 1]))
        late = Late(world)
        for again in (False, True):
            job = world.begin("restore", path)
            late.wait()
            if again:
                world.berth("define", "-", text=definition.replace("</devices>", nic(1) + "</devices>"))
            late.let_go()
            _, said = job.communicate(timeout=60)
            check(job.returncode == 4 and "checksum" in said, "%d: %s" % (job.returncode, said))
            check(len(world.guests()) == again, "there is %s" % world.guests())
            for name in (late.begun, late.go):
                os.unlink(name)
        check(nic(1)[20:50] in world.berth("dumpxml", "guest"), "it is defined otherwise")


def redefined_there():
    """A guest learns at the destination where things were; a definition that was made there meanwhile stays, and learns it, too."""
    with World() as world, World() as other:
        world.berth("define", "-", text=domain("pc", [nic(0), nic(1)]))
        place = places(world.rows("devices", "guest"))["mac=52:54:00:00:01:01"]
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest", "--paused")
        definition = world.berth("dumpxml", "guest")
        other.berth("define", "-", text=definition)
        late = Late(other)
        incoming = Incoming(other)
        job = world.begin("migrate", "guest", "--to", incoming.uri)
        late.wait()
        other.berth("define", "-", text=definition.replace("</domain>", "<description>new</description></domain>"))
        late.let_go()
        _, said = job.communicate(timeout=60)
        check(job.returncode == 0, said)
        check("<description>new<" in other.berth("dumpxml", "guest"), "the definition is lost: %s" % other.berth("history", "guest"))
        verified(other)
        end(other, incoming)
        other.berth("define", "-", text=domain("pc", [nic(2), nic(1), nic(0)]))
        check(places(other.rows("devices", "guest"))["mac=52:54:00:00:01:01"] == place, "it is not where it was")


def never_recorded(words):
    """A supervisor that is killed once QEMU has the state, before that is recorded, leaves a QEMU that has not run: it is ended."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest")
        path = saved(world)
        store = sqlite3.connect(os.path.join(world.state_folder, "berth.db"), isolation_level=None)
        store.execute("BEGIN IMMEDIATE")
        job = world.begin("restore", path)
        wait_for(lambda: settled(world, "paused") == "paused", 30, "QEMU has the state")
        kill(*supervisors(world))
        store.execute("ROLLBACK")
        store.close()
        job.communicate(timeout=60)
        world.berth(*words, *([path] if words[0] == "restore" else []))
        check(len(qemus(world)) == (words[0] == "restore"), "there is %s" % qemus(world))
        check(world.state("guest") == ("running" if words[0] == "restore" else "shut off"), "it is %s" % world.state("guest"))


# Migration

class Incoming:
    """A destination that waits: run --incoming in another store."""

    def __init__(self, world, *words, uri=None, guest="guest"):
        self.world = world
        self.uri = uri or "unix:" + os.path.join(world.folder, "incoming")
        self.job = world.begin("run", "--incoming", self.uri, *words, *([guest] if guest else []))
        if self.uri.startswith("unix:"):
            wait_for(lambda: os.path.exists(self.uri[5:]) or self.job.poll() is not None, 10, "the destination listens")
        else:
            time.sleep(0.5)

    def ended(self, status, says=""):
        _, errors = self.job.communicate(timeout=30)
        check(self.job.returncode == status and says in errors, "destination: %d: %s" % (self.job.returncode, errors))
        check(not os.path.exists(self.uri[5:]), "its socket was left")


def end(world, incoming):
    """A destination that took over runs until its guest ends."""
    check(incoming.job.poll() is None, "the destination has ended")
    world.berth("destroy", "guest")
    incoming.ended(0)


def port():
    import socket
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def migrated(machine, tcp):
    """Every device is where it was, on the other side with its own files; what is gone is remembered there, too."""
    with World() as world, World() as other:
        definition = machine_domain(machine, some_devices(world, machine) + [nic(5, "virtio")])
        world.berth("define", "-", text=definition)
        other.berth("define", "-", text=world.berth("dumpxml", "guest").replace(world.folder, other.folder))
        for name in ("vda", "sda", "sdx"):
            disk(other, name) if name != "sdx" else usb_disk(other, name)
        gone_place = places(world.rows("devices", "guest"))["mac=52:54:00:00:01:05"]
        world.berth("define", "-", text=machine_domain(machine, some_devices(world, machine)))
        other.berth("define", "-", text=world.berth("dumpxml", "guest").replace(world.folder, other.folder))
        other.berth("forget", "guest")
        world.berth("start", "guest")
        before, there = verified(world), peripherals(world)
        incoming = Incoming(other, uri="tcp:127.0.0.1:%d" % port() if tcp else None)
        world.berth("migrate", "guest", "--to", incoming.uri, *(["--live", "--verbose"] if tcp else []))
        check(world.state("guest") == "shut off" and not qemus(world), "it still runs here: %s" % world.state("guest"))
        check(other.state("guest") == "running", "there it is %s" % other.state("guest"))
        same_rows(before, verified(other))
        check(peripherals(other) == there, "QEMU has other devices there")
        check(other.folder in str(ask(other, {"execute": "query-block"})), "it has the other side's files")
        attach(other, nic(6, "virtio"))
        detach(other, disk(other, "sda"))
        end(other, incoming)
        again = some_devices(other, machine) + [nic(7, "virtio"), nic(5, "virtio")]
        other.berth("define", "-", text=machine_domain(machine, again))
        after = places(other.rows("devices", "guest"))
        check(after["mac=52:54:00:00:01:05"] == gone_place, "the place of a device that was gone before was not moved along: %s, %s"
              % (after["mac=52:54:00:00:01:05"], gone_place))
        check(all(after[k] == v for k, v in places(before).items()), "something moved: %s\n%s" % (places(before), after))


def real_guest_migrates(machine):
    """A Linux guest counts on at the other side, and back again, live, with the CPU that came meanwhile."""
    with World() as world, World() as other:
        serial = os.path.join(world.folder, "serial.log")
        world.berth("define", "-", text=counting(world, machine, serial, CPUS, "  <vcpu current='1'>3</vcpu>\n"))
        world.berth("start", "guest")
        wait_for(lambda: counts(serial)[-1:] > [3], 180, "the guest counts")
        world.berth("setvcpus", "guest", "2")
        wait_for(lambda: cpus(serial) == "0-1", 60, "the guest has its second CPU")
        before = verified(world)
        incoming = Incoming(other)
        last = counts(serial)
        world.berth("migrate", "guest", "--to", incoming.uri, "--live", "--timeout", "20")
        goes_on(serial, last)
        check(cpus(serial) == "0-1", "the guest has the CPUs %s" % cpus(serial))
        same_rows(before, verified(other))
        other.berth("setvcpus", "guest", "3")
        wait_for(lambda: cpus(serial) == "0-2", 60, "the guest has its third CPU")
        before = verified(other)
        back = Incoming(world, "--paused")
        other.berth("migrate", "guest", "--to", back.uri)
        check(world.state("guest") == "paused", "it is %s" % world.state("guest"))
        incoming.ended(0)
        last = counts(serial)
        world.berth("resume", "guest")
        goes_on(serial, last)
        check(cpus(serial) == "0-2", "the guest has the CPUs %s" % cpus(serial))
        world.berth("setvcpus", "guest", "1", "--timeout", "60")
        wait_for(lambda: cpus(serial) == "0", 60, "the guest has let go of its CPUs")
        end(world, back)


def refused_there():
    """A destination with other hardware refuses, each difference by name, before any state is sent; the guest runs on here."""
    with World() as world, World() as other:
        world.berth("define", "-", text=domain("pc", [nic(0, "virtio"), nic(1, "e1000")]))
        world.berth("start", "guest")
        uuid = world.guests()[0]["uuid"]
        same = world.berth("dumpxml", "guest")
        machine = re.search("machine='(.*?)'", same).group(1)
        for text, says in ((domain("pc", [nic(0, "virtio"), nic(1, "e1000")]), "uuid"),
                           (same.replace("e1000", "rtl8139"), "model 'e1000' there, 'rtl8139' here"),
                           (same.replace("slot='0x03'", "slot='0x0d'"), "moved: address"),
                           (same.replace(machine, "pc-i440fx-7.1"), "machine '%s' there" % machine),
                           (same.replace("</devices>", rng() + "</devices>"), "rng 0 added"),
                           (same.replace("</devices>", "<controller type='usb' index='3' model='ich9-ehci1'/></devices>"), "usb 3 added")):
            other.berth("define", "-", text=text)
            incoming = Incoming(other)
            answer = world.run("migrate", "guest", "--to", incoming.uri)
            check(answer.returncode == 5 and says in answer.stderr, "%s: %d: %s" % (says, answer.returncode, answer.stderr))
            incoming.ended(5, says)
            check(not qemus(other), "QEMU runs there")
            check(ask(world, {"execute": "query-status"})["status"] == "running", "it does not run on here")
            other.berth("undefine", "guest")
        incoming = Incoming(other, guest="else")
        check(world.run("migrate", "guest", "--to", incoming.uri).returncode == 5, "another guest was expected")
        incoming.ended(5, "expected")
        incoming = Incoming(other, uri="tcp:127.0.0.1:%d" % port())
        answer = world.run("migrate", "guest", "--to", incoming.uri)
        check(answer.returncode == 4 and "not defined" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        incoming.ended(4)
        check(other.guests() == [], "something was defined there")
        path = other.file("guest.xml", same.replace("<name>guest</name>", "<name>guest</name>").replace("</devices>", nic(3) + "</devices>"))
        incoming = Incoming(other, "--xml", path)
        check(world.run("migrate", "guest", incoming.uri).returncode == 5, "another domain was taken")
        incoming.ended(5, "52:54:00:00:01:03 added")
        check(world.run("migrate", "guest", "--to", "unix:%s/none" % other.folder).returncode == 3, "nobody listens")
        for uri in ("tcp:192.0.2.1:99", "tcp:127.0.0.1", "http://x", "unix:"):
            check(world.run("migrate", "guest", "--to", uri).returncode == 2, uri)
        check(world.state("guest") == "running" and uuid, "it is %s" % world.state("guest"))
        verified(world)


class Puppet:
    """A destination that says what the test wants it to."""

    def __init__(self, world):
        self.path = os.path.join(world.folder, "puppet")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.job = world.begin("migrate", "guest", "--to", "unix:" + self.path)
        self.listener.settimeout(30)
        self.peer = self.listener.accept()[0]
        self.peer.settimeout(30)
        self.hear(b"O")

    def exactly(self, length):
        data = b""
        while len(data) < length:
            more = self.peer.recv(length - len(data))
            check(more, "the source has gone: %s", self.job.communicate(timeout=30)[1] if not more else "")
            data += more
        return data

    def hear(self, wanted):
        """Waits for a message."""
        while True:
            head = self.exactly(5)
            self.exactly(int.from_bytes(head[1:], "big"))
            if head[:1] == wanted:
                return

    def say(self, letter, text=b""):
        self.peer.sendall(letter + len(text).to_bytes(4, "big") + text)

    def close(self):
        self.peer.close()
        self.listener.close()


def source_killed(when, alone):
    """migrate killed with -9: up to the word that gives the guest away it goes on here; from then on nobody lets it go on."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest")
        puppet = Puppet(world)
        puppet.say(b"A")
        if when != "at the begin":
            puppet.hear(b"F")
        if when == "after GO":
            puppet.say(b"L")
            puppet.hear(b"G")
        kill(*(supervisors(world) if alone else []), puppet.job.pid)
        puppet.job.communicate(timeout=30)
        puppet.close()
        if when == "after GO":
            for _ in range(20):
                check(world.state("guest") == "paused" and status(world) == "postmigrate", "it goes on: %s" % status(world))
                time.sleep(0.1)
            world.berth("resume", "guest")
        elif not alone:
            wait_for(lambda: status(world) == "running", 10, "the supervisor lets it go on")
        wait_for(lambda: world.state("guest") == "running", 10, "the guest runs")
        check(status(world) == "running", "QEMU: %s" % status(world))
        wait_for(lambda: "leaving" not in kept_by_run(world), 10, "nothing is kept of it")
        check(when == "after GO" or kept_by_run(world) == [], "%s is kept" % kept_by_run(world))
        verified(world)
        saved(world)


def never_stopped():
    """A guest that was refused before it stopped is what it was, since then."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest")
        before = world.guests()[0]
        time.sleep(1.1)
        puppet = Puppet(world)
        puppet.say(b"E", b"5 no")
        _, errors = puppet.job.communicate(timeout=30)
        puppet.close()
        check(puppet.job.returncode != 0 and "guest 'guest' runs on: the other side: no" in errors, errors)
        check(reason(world) == "running (booted)" and world.guests()[0] == before, "%s\n%s" % (before, world.guests()[0]))


def source_qemu_killed():
    """A guest that ends on its way is not said to be there."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest")
        puppet = Puppet(world)
        kill(*qemus(world))
        puppet.say(b"A")
        _, errors = puppet.job.communicate(timeout=30)
        puppet.close()
        check(puppet.job.returncode == 1 and "guest 'guest' has ended: " in errors, errors)
        wait_for(lambda: world.state("guest") == "crashed", 10, "the end")


def undefined_there():
    """A guest that is not defined at the destination is defined there as it was here; with --xml as that says."""
    with World() as world, World() as other:
        world.berth("define", "-", text=domain("q35", [nic(0, "virtio"), nic(1, "virtio"), disk(world, "vda")]))
        world.berth("start", "guest", "--paused")
        attach(world, nic(2, "virtio"))
        before, definition = verified(world), world.berth("dumpxml", "guest")
        incoming = Incoming(other, guest=None)
        world.berth("migrate", "guest", "--to", incoming.uri)
        same_rows(before, verified(other))
        check(other.state("guest") == "paused" and other.berth("dumpxml", "guest") == definition, "it is defined otherwise")
        world.berth("undefine", "guest")
        text = domain("q35", [nic(2, "virtio"), disk(world, "vda"), nic(1, "virtio"), nic(0, "virtio")])
        back = Incoming(world, "--xml", world.file("guest.xml", text))
        other.berth("migrate", "guest", "--to", back.uri)
        incoming.ended(0)
        same_rows(before, verified(world))
        end(world, back)


def broken(number):
    """One side killed or interrupted at some instant: the guest runs on at exactly one place, or is paused where it was."""
    with World() as world, World() as other:
        text = machine_domain("pc", [nic(0, "virtio"), disk(world, "vda"), usb()])
        world.berth("define", "-", text=text)
        other.berth("define", "-", text=world.berth("dumpxml", "guest"))
        world.berth("start", "guest")
        incoming = Incoming(other)
        job = world.begin("migrate", "guest", "--to", incoming.uri, *(["--live", "--bandwidth", "1"] if number % 2 else []))
        time.sleep(0.05 + 0.04 * number)
        victim, how = [(incoming.job, signal.SIGKILL), (job, signal.SIGKILL), (job, signal.SIGTERM), (None, signal.SIGKILL)][number % 4]
        if victim:
            victim.send_signal(how)
        else:
            for pid in qemus(other):
                os.kill(pid, how)
        _, errors = job.communicate(timeout=60)
        time.sleep(0.5)
        here, there = world.state("guest"), other.state("guest")
        if job.returncode == 0:
            check(here == "shut off", "it was moved, and is %s here" % here)
        elif here == "paused":
            check("left paused here" in errors or (victim is job and how == signal.SIGKILL), "it is paused here: %s" % errors)
        else:
            wait_for(lambda: world.state("guest") == "running", 10, "it runs on here (%s): %s" % (here, errors))
            check(there != "running", "it runs on both sides")
            wait_for(lambda: not qemus(other) or incoming.job.poll() is not None, 20, "the other side lets go")
            verified(world)
            check(ask(world, {"execute": "query-status"})["status"] == "running", "QEMU does not run on")
        if incoming.job.poll() is None:
            other.run("destroy", "guest")
            incoming.job.terminate()
        incoming.job.communicate(timeout=30)
        for pid in qemus(other):
            os.kill(pid, signal.SIGKILL)


def tests():
    for machine in ("pc", "q35"):
        yield "%s: a restored guest has every device where it was" % machine, round_trip, (machine,)
    for machine in ("pc", "q35") if SLOW else ("pc",):
        yield "%s: a real guest goes on after save and restore" % machine, real_guest, (machine,)
    yield "vCPUs that came stay after a restore", vcpus_that_came, ()
    for config in ([], ["--config"]):
        yield "vCPUs that came migrate%s" % ("".join(", " + c for c in config)), vcpus_that_came_migrate, (config,)
    yield "files that are no saved guests", bad_files, ()
    yield "no space: the guest runs on", no_space, ()
    yield "save killed and interrupted", killed, ()
    for words in (["save", "guest"], ["managedsave", "guest"]):
        for paused, alone in ((False, False), (False, True), (True, False)):
            how = words[0] + (" of a paused guest" if paused else "") + " killed" + (", its supervisor, too" if alone else "")
            yield how + ": before its file is there, the guest goes on", killed_before, (words, paused, alone)
            yield how + ": once its file is there, the guest ends", killed_after, (words, paused, alone)
    yield "other hardware is refused by name", refused, ()
    yield "a saved guest that is not defined any more", undefined, ()
    for name in (b"a/b/c", b"a\nb\nc"):
        yield "a saved guest that is called %r" % name, other_name, (name,)
    yield "a device on its way out", bound, ()
    yield "consoles keep the ports that QEMU gave them", consoles, ()
    for machine in ("pc", "q35"):
        yield "%s: memory is where it was" % machine, memory, (machine,)
    yield "a managed state is used once", managed, ()
    yield "a managed state that is damaged", damaged, ()
    for how in ("saved", "used", "used, and an older one is left", "saved again"):
        yield "a start waits, and the guest's state is %s meanwhile" % how, changed_meanwhile, (how,)
    yield "a restore waits, and the guest gets another name meanwhile", renamed_meanwhile, ()
    yield "nothing else is started beside a managed state", other_state, ()
    for resumed in (True, False):
        yield "a start killed before it has used up the state; its guest %s" % ("is resumed" if resumed else "ends"), not_used_up, (resumed,)
    for words in (["start", "guest"], ["start", "guest", "--force-boot", "--paused"], ["managedsave-remove", "guest"]):
        yield "%s: the state does not come back" % " ".join(words), durable, (words,)
    yield "undefine killed: no state stays without its guest", undefine_killed, ()
    for words in (["restore"], ["list"]):
        yield "a QEMU that has taken a state in and was never recorded is ended by %s" % words[0], never_recorded, (words,)
    yield "defined while it comes and does not arrive", defined_meanwhile, ()
    yield "defined anew there while it comes", redefined_there, ()
    yield "pc: a migrated guest has every device where it was", migrated, ("pc", False)
    yield "q35: a guest that was migrated live over tcp has, too", migrated, ("q35", True)
    for machine in ("pc", "q35") if SLOW else ("q35",):
        yield "%s: a real guest goes there and comes back" % machine, real_guest_migrates, (machine,)
    yield "other hardware there is refused by name", refused_there, ()
    yield "a guest that is not defined there", undefined_there, ()
    for when in ("at the begin", "before GO", "after GO"):
        for alone in (False, True):
            yield "migrate killed %s%s" % (when, ", its supervisor, too" if alone else ""), source_killed, (when, alone)
    yield "a guest that never stopped", never_stopped, ()
    yield "a source whose QEMU is killed", source_qemu_killed, ()
    for number in range(40 if SLOW else 4):
        yield "a migration that breaks (%d)" % number, broken, (number,)


if __name__ == "__main__":
    sys.exit(tap(tests()))
