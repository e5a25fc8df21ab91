#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""berth rehearse on a real QEMU: places read back, placeholders told, nothing left behind. Prints TAP.

  rehearse.py BERTH

No guest code runs; nothing that the documents name is there.
"""
import json
import os
import signal
import subprocess
import sys
import time

from world import BERTH, MOVER, QEMU, SLOW, World, alive, check, processes, tap, wait_for

ABSENT = """
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/nowhere/a.qcow2'/><target dev='vda' bus='virtio'/>
      <serial>S1</serial></disk>
    <disk type='network' device='disk'><source protocol='rbd' name='p/i'><host name='192.0.2.1'/></source><target dev='sda' bus='scsi'/></disk>
    <disk type='file' device='cdrom'><source file='/nowhere/b.iso'/><target dev='sdb' bus='sata'/></disk>
    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='nowhere0'/><model type='virtio'/></interface>
    <interface type='network'><mac address='52:54:00:00:00:02'/><source network='nowhere'/><model type='e1000'/></interface>
    <serial type='dev'><source path='/nowhere/tty'/><target type='isa-serial' port='0'/></serial>
    <channel type='unix'><source mode='connect' path='/nowhere/sock'/><target type='virtio' name='org.example.0'/></channel>
    <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
    <graphics type='spice' autoport='yes'/>
    <video><model type='qxl' heads='1'/></video>
    <input type='tablet' bus='usb'/>
    <rng model='virtio'><backend model='random'>/nowhere/random</backend></rng>
"""
HOST = """
    <hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0xfe' slot='0x1f' function='0x7'/></source></hostdev>
    <hostdev mode='subsystem' type='usb'><source><vendor id='0xfffe'/><product id='0xfffe'/></source></hostdev>
    <vsock model='virtio'><cid address='3'/></vsock>
"""
NICS = "".join("<interface type='user'><mac address='52:54:00:00:01:%02x'/><model type='%s'/></interface>" % (n, m)
               for n, m in enumerate(["virtio", "e1000", "e1000"]))

HANGS = """#!/bin/sh
case "$*" in */rehearsal.*) echo $$ >%s; exec sleep 1000;; esac
exec %s "$@"
"""


def rehearsed(world, *words, **more):
    return world.rows("rehearse", *words, **more)


def check_clean(world):
    left = [os.path.join(at, name) for at, _, files in os.walk(world.state_folder) for name in files if "cache" not in at]
    check(not left, "left behind: %s" % left)
    check(not os.path.exists(os.path.join(world.state_folder, "run")), "the run folder is left behind")
    check(not processes(world), "processes are left: %s" % processes(world))


def domain(machine, devices, memory=64):
    return ("<domain type='kvm'><name>guest</name><uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid><memory unit='MiB'>%d</memory>"
            "<os><type arch='x86_64' machine='%s'>hvm</type></os><features><acpi/></features><cpu mode='host-passthrough'/>"
            "<devices>%s</devices></domain>" % (memory, machine, devices))


def nothing_needs_to_be_there(machine):
    with World() as world:
        rows = rehearsed(world, "-", text=domain(machine, ABSENT))
        placed = [r for r in rows if r["address"]]
        wrong = [r for r in placed if r["state"] == "ok" and r["address"] != r["actual"]]
        check(not wrong and len(placed) > 12, "rows: %s" % rows)
        check(not [r for r in rows if r["state"] not in ("ok", "")], "rows: %s" % rows)
        disks = [r for r in rows if r["device"] in ("disk", "interface", "serial", "channel", "rng")]
        check(len(disks) == 9 and all(r["backend"].startswith("null") for r in disks), "back ends: %s" % disks)
        check_clean(world)


def the_hosts_devices_have_placeholders(machine):
    with World() as world:
        rows = rehearsed(world, "-", text=domain(machine, HOST))
        told = {r["backend"] for r in rows if r["device"] in ("hostdev", "vsock")}
        check(told == {"placeholder: vfio-pci", "placeholder: usb-host", "placeholder: vhost-vsock-pci"}, "told: %s" % told)
        check(all(r["state"] == "ok" for r in rows if r["device"] in ("hostdev", "vsock")), "rows: %s" % rows)
        check_clean(world)


def more_memory_than_the_host_has():
    with World() as world:
        rehearsed(world, "-", text=domain("q35", "", memory=900 * 1024))
        check_clean(world)


def a_guest_by_name():
    with World() as world:
        answer = world.run("define", "-", text=domain("q35", NICS))
        check(answer.returncode == 0, answer.stderr)
        before = world.run("dumpxml", "guest").stdout
        rows = rehearsed(world, "guest")
        check(len([r for r in rows if r["device"] == "interface" and r["state"] == "ok"]) == 3, "rows: %s" % rows)
        check(world.run("dumpxml", "guest").stdout == before and world.run("domstate", "guest").stdout.strip() == "shut off",
              "the guest is not as it was")
        check(world.run("rehearse", "nobody").returncode == 3, "a guest that is not there")


def a_moved_device_is_told(machine):
    with World() as world:
        answer = world.run("rehearse", "-", "--json", text=domain(machine, NICS), qemu=world.file("qemu", MOVER % ("net2", {"addr": "0x9"}, QEMU, QEMU), 0o755))
        check(answer.returncode == 5, "exit status %d: %s" % (answer.returncode, answer.stderr))
        moved = [r["id"] for r in json.loads(answer.stdout)["rehearsal"] if r["state"] == "moved"]
        check(moved == ["net2"], "moved: %s" % moved)
        check_clean(world)


def hanging(world):
    pid = os.path.join(world.folder, "pid")
    return pid, world.file("qemu", HANGS % (pid, QEMU), 0o755)


def read_pid(path):
    with open(path) as text:
        return int(text.read())


def the_time_limit_holds():
    with World() as world:
        pid, qemu = hanging(world)
        begun = time.monotonic()
        answer = world.run("rehearse", "-", "--timeout", "2", text=domain("q35", NICS), qemu=qemu)
        check(answer.returncode == 1 and "time limit" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(time.monotonic() - begun < 20, "it took %.1f s" % (time.monotonic() - begun))
        check(not alive(read_pid(pid)), "QEMU is still there")
        check_clean(world)


def a_signal_leaves_nothing():
    with World() as world:
        pid, qemu = hanging(world)
        command = subprocess.Popen([BERTH, "rehearse", "-", "--timeout", "3"], env=dict(world.environment, BERTH_QEMU=qemu),
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        command.stdin.write(domain("q35", NICS))
        command.stdin.close()
        wait_for(lambda: os.path.exists(pid) and os.path.getsize(pid), 30, "QEMU comes up")
        command.send_signal(signal.SIGTERM)
        command.wait(60)
        check(not alive(read_pid(pid)), "QEMU is still there")
        check_clean(world)


def a_killed_rehearsal_is_swept_up():
    with World() as world:
        slow = world.file("qemu", "#!/usr/bin/env python3\nimport os, sys, time\nos.execv(%r, [%r] + sys.argv[1:])\n" % (QEMU, QEMU), 0o755)
        # A process that is gone left a folder.
        gone = subprocess.Popen(["true"])
        gone.wait()
        left = os.path.join(world.state_folder, "run", "rehearsal.%d.1.00000000" % gone.pid)
        os.makedirs(left)
        with open(os.path.join(left, "qemu.log"), "w"):
            pass
        rehearsed(world, "-", text=domain("q35", NICS), qemu=slow)
        check(not os.path.exists(left), "the folder is still there")


def thousand(machine):
    nics = "".join("<interface type='user'><mac address='52:54:00:00:%02x:%02x'/><model type='virtio'/></interface>"
                   % (n // 256, n % 256) for n in range(1000))
    return domain(machine, nics)


def a_thousand_devices(machine):
    """A stress: firmware would not find them all, which is told."""
    with World() as world:
        answer = world.run("rehearse", "-", "--json", "--timeout", "110", text=thousand(machine))
        check(answer.returncode == 0, "exit status %d: %s" % (answer.returncode, answer.stderr))
        check("berth: note: " in answer.stderr and ("firmware" in answer.stderr or "slots" in answer.stderr), answer.stderr)
        rows = [r for r in json.loads(answer.stdout)["rehearsal"] if r["device"] == "interface"]
        wrong = [r for r in rows if r["state"] != "ok" or r["address"] != r["actual"]]
        check(len(rows) == 1000 and not wrong, "%d rows, wrong: %s" % (len(rows), wrong[:3]))
        check(len({r["address"] for r in rows}) == 1000, "an address is there twice")
        check_clean(world)


def the_time_limit_holds_for_a_thousand_devices():
    with World() as world:
        begun = time.monotonic()
        answer = world.run("rehearse", "-", "--timeout", "1", text=thousand("pc"))
        check(answer.returncode == 1 and "time limit" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr[-300:]))
        check(time.monotonic() - begun < 60, "it took %.1f s" % (time.monotonic() - begun))
        check_clean(world)


def what_is_cut_is_told():
    """What TCG's CPUs have no room for, and what QEMU does not take without ACPI."""
    with World() as world:
        text = domain("q35", "<memory model='dimm'><target><size unit='MiB'>64</size><node>0</node></target></memory>")
        text = text.replace("<os>", "<maxMemory slots='4' unit='GiB'>2048</maxMemory><os>").replace("<features><acpi/></features>", "")
        text = text.replace("<cpu mode='host-passthrough'/>",
                            "<cpu mode='host-passthrough'><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>")
        told = [r["backend"] for r in rehearsed(world, "-", text=text) if r["device"] == "domain"]
        check(len(told) == 1 and "<maxMemory> is cut to 512G" in told[0] and "no <acpi/>" in told[0], "told: %s" % told)
        told = [r["backend"] for r in rehearsed(world, "-", text=domain("q35", "", memory=4 << 20)) if r["device"] == "domain"]
        check(len(told) == 1 and "<memory> is cut" in told[0], "told: %s" % told)


def what_cannot_be_is_named():
    with World() as world:
        nic = "<interface type='user'><mac address='52:54:00:00:00:09'/><model type='nosuchcard'/></interface>"
        answer = world.run("rehearse", "-", text=domain("q35", nic))
        check(answer.returncode != 0 and "nosuchcard" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check_clean(world)


MMIO = "<address type='virtio-mmio'/>"
WITHOUT_PCI = {
    "microvm": """
    <disk type='file' device='disk'><source file='/nowhere/a'/><target dev='vda' bus='virtio'/>%(a)s</disk>
    <disk type='file' device='disk'><source file='/nowhere/b'/><target dev='sda' bus='scsi'/></disk>
    <controller type='scsi' index='0' model='virtio-scsi'>%(a)s</controller><controller type='virtio-serial' index='0'>%(a)s</controller>
    <channel type='null'><target type='virtio' name='x'/></channel>
    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='nowhere0'/><model type='virtio'/>%(a)s</interface>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend>%(a)s</rng><input type='tablet' bus='virtio'>%(a)s</input>
    <memballoon model='virtio'>%(a)s</memballoon><serial type='pty'/>""" % {"a": MMIO},
    "isapc": """
    <disk type='file' device='floppy'><source file='/nowhere/f'/><target dev='fda' bus='fdc'/></disk>
    <serial type='pty'/><parallel type='pty'/><sound model='sb16'/>""",
}


def devices_without_pci(machine):
    """Their transports are the machine's own, or its ISA bus: QEMU takes all of them, and drives are where recorded."""
    text = domain(machine, WITHOUT_PCI[machine]).replace("<cpu mode='host-passthrough'/>", "").replace("type='kvm'", "type='qemu'")
    if machine == "isapc":
        text = text.replace("<features><acpi/></features>", "")
    with World() as world:
        rows = rehearsed(world, "-", text=text)
        states = {row["device"] + " " + row["kind"]: row["state"] for row in rows}
        drive = "disk scsi" if machine == "microvm" else "disk fdc"
        check(states[drive] == "ok", "the %s is %r" % (drive, states[drive]))
        check(not set(states.values()) - {"ok", ""}, "states: %s" % states)
        check_clean(world)


def tests():
    for machine in ("pc", "q35"):
        yield "%s: neither files nor networks need to be there" % machine, nothing_needs_to_be_there, (machine,)
        yield "%s: the host's devices have placeholders" % machine, the_hosts_devices_have_placeholders, (machine,)
        yield "%s: a moved device is told" % machine, a_moved_device_is_told, (machine,)
    for machine in ("microvm", "isapc"):
        yield "%s: devices without PCI" % machine, devices_without_pci, (machine,)
    yield "more memory than the host has", more_memory_than_the_host_has, ()
    yield "a thousand devices", a_thousand_devices, ("pc",)
    if SLOW:
        yield "a thousand devices on ports", a_thousand_devices, ("q35",)
    yield "the time limit holds for a thousand devices", the_time_limit_holds_for_a_thousand_devices, ()
    yield "what is cut for a rehearsal is told", what_is_cut_is_told, ()
    yield "a guest by its name", a_guest_by_name, ()
    yield "the time limit holds", the_time_limit_holds, ()
    yield "a signal leaves nothing behind", a_signal_leaves_nothing, ()
    yield "what a killed rehearsal left is swept up", a_killed_rehearsal_is_swept_up, ()
    yield "what cannot be rehearsed is named", what_cannot_be_is_named, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
