#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What changes about guests and stays: media, links, vCPUs, memory, whole definitions; and drift. Prints TAP.

  change.py BERTH [GUEST]

GUEST: folder with vmlinuz and initramfs.gz (tools/guest-image.py) for what needs a guest that obeys.
"""
import json
import os
import sys
import time

from world import (GUEST, MOVER, QEMU, Skip, World, ask, attach, back_ends, check, detach, disk, locked, lying, machine_domain, nic, places, rng, scsi,
                   start, tap, usb, usb_disk, verified, wait_for)


def image(world, name, size=1 << 20):
    path = os.path.join(world.folder, name)
    with open(path, "wb") as out:
        out.truncate(size)
    return path


def cdrom(source=None, target="sda", bus="sata"):
    medium = "<source file='%s'/>" % source if source else ""
    return "<disk type='file' device='cdrom'>%s<target dev='%s' bus='%s'/><readonly/></disk>" % (medium, target, bus)


def floppy(source=None):
    medium = "<source file='%s'/>" % source if source else ""
    return "<disk type='file' device='floppy'>%s<target dev='fda' bus='fdc'/></disk>" % medium


def medium(world, device):
    """What QEMU has in the drive; None: nothing."""
    drive = [d for d in ask(world, {"execute": "query-block"}) if d.get("qdev") == device][0]
    return drive["inserted"]["file"] if "inserted" in drive else None


def tray_is_open(world, device):
    return [d for d in ask(world, {"execute": "query-block"}) if d.get("qdev") == device][0].get("tray_open")


def refuses(world, status, word, *words, text=None):
    answer = world.run(*words, text=text)
    check(answer.returncode == status and word in answer.stderr,
          "%s: exit status %d, not %d: %s" % (" ".join(words), answer.returncode, status, answer.stderr))


def media(drive, device, target):
    """A medium comes, is replaced and goes, in the running guest and in the definition as asked."""
    with World() as world:
        one, two = image(world, "one.img", 1474560), image(world, "two.img", 1474560)
        start(world, "pc", [drive(one)])
        nodes = back_ends(world)
        world.berth("change-media", "guest", target, two)
        check(medium(world, device) == two, "QEMU has %s" % medium(world, device))
        check(one in world.berth("dumpxml", "guest"), "the definition has changed, too")
        check(back_ends(world) == nodes, "block nodes: %s, before %s" % (back_ends(world), nodes))
        refuses(world, 2, "already", "change-media", "guest", target, one, "--insert")
        world.berth("change-media", "guest", target, "--eject", "--live", "--config")
        check(medium(world, device) is None, "there is something in it")
        check("<source" not in world.berth("dumpxml", "guest"), "the definition still has it")
        refuses(world, 2, "no medium", "change-media", "guest", target, "--eject")
        refuses(world, 1, "nowhere", "change-media", "guest", target, "/nowhere.iso", "--insert")
        check(medium(world, device) is None, "something came")
        world.berth("change-media", "guest", target, one, "--insert", "--config")
        check(medium(world, device) is None, "the running guest has it")
        world.berth("change-media", "guest", target, two, "--insert", "--live")
        refuses(world, 1, "nowhere", "change-media", "guest", target, "/nowhere.iso")
        check(medium(world, device) == two, "what was in it is gone: %s" % medium(world, device))
        verified(world)
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        check(medium(world, device) == one, "after a start: %s" % medium(world, device))
        refuses(world, 3, "there is none", "change-media", "guest", "sdz", one)


def tray():
    """What the guest does with its tray is recorded, also while nobody listens."""
    with World() as world:
        one = image(world, "one.iso")
        start(world, "q35", [cdrom(one)])
        ask(world, {"execute": "blockdev-open-tray", "arguments": {"id": "sata0-0-0"}})
        wait_for(lambda: "tray='open'" in world.berth("dumpxml", "guest", "--live"), 10, "the open tray is recorded")
        check("tray" not in world.berth("dumpxml", "guest"), "the definition has a tray")
        world.berth("change-media", "guest", "sda", one)
        check(not tray_is_open(world, "sata0-0-0"), "the tray is open")
        check("tray=" not in world.berth("dumpxml", "guest", "--live"), "it is still recorded")
        told = [(r["command"], r["changed"]) for r in world.rows("history", "guest") if r["revision"] is None]
        check(told[0] == ("guest", ["disk 'sda': target/@tray='open'"])
              and told[-1] == ("change-media", ["disk 'sda': no target/@tray"]), "history: %s" % told)
        verified(world)


def updates():
    """update-device changes what can change, and refuses the rest with the reason."""
    with World() as world:
        one, two = image(world, "one.iso"), image(world, "two.iso")
        start(world, "q35", [cdrom(one), nic(0, "virtio"), disk(world, "vda")])
        before = places(verified(world))
        world.berth("update-device", "guest", "-", "--live", "--config", text=cdrom(two))
        check(medium(world, "sata0-0-0") == two and two in world.berth("dumpxml", "guest"), "the medium has not changed")
        refuses(world, 4, "only the medium", "update-device", "guest", "-",
                text=disk(world, "vda").replace("vda.img", "other.img"))
        refuses(world, 4, "cannot be changed", "update-device", "guest", "-", text=nic(0, "e1000e"))
        refuses(world, 3, "no such", "update-device", "guest", "-", text=nic(5, "virtio"))
        rows = world.rows("update-device", "guest", "-", "--dry-run", text=cdrom(one))
        check(len(rows) == 1 and medium(world, "sata0-0-0") == two, "a dry run: %s" % rows)
        world.berth("update-device", "guest", "-", "--config", text=nic(0, "e1000e"))
        check(places(verified(world)) == before, "something moved")
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        check(places(verified(world)) == before, "after a start: %s\nbefore: %s" % (places(verified(world)), before))


def one_after_another():
    """What one step of an update brings, the next ones can use."""
    with World() as world:
        start(world, "q35", [nic(0, "virtio")])
        hub = "<controller type='usb' index='1' model='qemu-xhci'/>"
        mouse = "<input type='mouse' bus='usb'><address type='usb' bus='1' port='1'/></input>"
        text = machine_domain("q35", [mouse, hub, nic(0, "virtio"), usb_disk(world, "sda")])
        rows = world.rows("update", "guest", "-", text=text)
        check([(row["change"], row["when"]) for row in rows] == [("attach", "now")] * 3, "%s" % rows)
        check("usb 1:1" in [row["actual"] for row in verified(world)], "the mouse is elsewhere")
        check(world.berth("update", "guest", "-", text=text) == "", "something is left")


def links():
    with World() as world:
        start(world, "q35", [nic(0, "virtio").replace("</interface>", "<link state='down'/></interface>"), nic(1, "e1000e")])
        mac = "52:54:00:00:01:%02x"
        get = lambda number, *flags: world.berth("domif-getlink", "guest", mac % number, *flags).split()[1]
        check([get(0), get(1)] == ["down", "up"], "at start: %s %s" % (get(0), get(1)))
        world.berth("domif-setlink", "guest", mac % 0, "up")
        check([get(0), get(0, "--config")] == ["up", "down"], "after setlink")
        world.berth("domif-setlink", "guest", mac % 1, "down", "--live", "--config")
        check([get(1), get(1, "--config")] == ["down", "down"], "after setlink of both")
        world.berth("update-device", "guest", "-", text=nic(1, "e1000e"))
        check(get(1) == "up", "after update-device")
        refuses(world, 2, "up or down", "domif-setlink", "guest", mac % 1, "sideways")
        attach(world, nic(4, "virtio").replace("</interface>", "<link state='down'/></interface>"))
        check(get(4) == "down", "after attach-device")
        verified(world)


def link_meanwhile():
    """What somebody else changes of the same device's definition while a change waits for its turn stays."""
    with World() as world:
        start(world, "q35", [nic(0, "virtio")])
        with locked(world):
            job = world.begin("domif-setlink", "guest", "52:54:00:00:01:00", "down", "--live", "--config")
            time.sleep(1)
            check(job.poll() is None, "it has not waited")
            more = nic(0, "virtio").replace("</interface>", "<driver queues='2'/></interface>")
            world.berth("update-device", "guest", "-", "--config", text=more)
        _, said = job.communicate(timeout=60)
        check(job.returncode == 0, said)
        defined = world.berth("dumpxml", "guest")
        defined = defined[defined.index("<interface"):defined.index("</interface>")]
        check("queues='2'" in defined and "<link state='down'/>" in defined, "it is defined so: %s" % defined)
        verified(world)


def place_taken_meanwhile():
    """A device is in QEMU when its place in the definition has gone to another one: it says so, and what runs is recorded."""
    with World() as world:
        lies = lying(world)
        start(world, "pc", [nic(0, "virtio")])
        new = world.file("new.xml", nic(1, "virtio"))
        place = world.rows("attach-device", "guest", new, "--live", "--config", "--dry-run")[0]["address"]
        world.file("lies/script", json.dumps({"monitor": "control", "command": "device_add", "lie": "late"}))
        job = world.begin("attach-device", "guest", new, "--live", "--config")
        wait_for(lambda: "device_add" in open(lies + "/log").read(), 20, "QEMU is given it")
        other = nic(2, "virtio").replace("</interface>", "<address type='pci' bus='0' slot='0x%s'/></interface>" % place.split(":")[2][:2])
        world.berth("define", "-", text=machine_domain("pc", [nic(0, "virtio"), other]))
        _, said = job.communicate(timeout=60)
        check(job.returncode != 0 and "is attached while the guest runs, but its definition stays as it is: " in said, "%d: %s", job.returncode, said)
        check("01:01" not in world.berth("dumpxml", "guest"), "it is defined, too")
        os.unlink(lies + "/script")
        check("mac=52:54:00:00:01:01" in places(verified(world)), "it is not recorded")
        check(world.rows("history", "guest")[-1]["command"] == "attach-device", "%s", world.rows("history", "guest"))


def link_killed(differs):
    """The next command ends what a killed one has begun; a device that is defined otherwise than what runs stays defined so."""
    with World() as world:
        lies = lying(world)
        start(world, "q35", [nic(0, "virtio")])
        if differs:
            world.berth("update-device", "guest", "-", "--config", text=nic(0, "virtio").replace("</interface>", "<driver queues='2'/></interface>"))
        script = world.file("lies/script", json.dumps({"monitor": "control", "command": "set_link", "lie": "never"}))
        job = world.begin("domif-setlink", "guest", "52:54:00:00:01:00", "down", "--live", "--config")
        wait_for(lambda: "set_link" in open(lies + "/log").read(), 20, "QEMU is asked")
        os.unlink(script)
        job.kill()
        job.communicate()
        verified(world)
        get = lambda *flags: world.berth("domif-getlink", "guest", "52:54:00:00:01:00", *flags).split()[1]
        check(("queues='2'" in world.berth("dumpxml", "guest")) == differs, "its queues are lost: %s" % world.berth("history", "guest"))
        check(get() == "down", "the running guest's is %s" % get())
        check(get("--config") == ("up" if differs else "down"), "the definition's is %s" % get("--config"))


def whole(machine):
    """update carries out what can be done now, and says what comes with the next start."""
    with World() as world:
        one, two = image(world, "one.iso"), image(world, "two.iso")
        drive = cdrom(one, "sdd") if machine == "q35" else cdrom(one, "hdc", "ide")
        base = [scsi(), disk(world, "vda"), disk(world, "sda"), nic(0, "virtio"), drive, usb()]
        start(world, machine, base, VCPUS)
        before = places(verified(world))
        new = machine_domain(machine, [scsi(), disk(world, "vda"), disk(world, "sdb"), nic(0, "virtio").replace(
            "</interface>", "<link state='down'/></interface>"), drive.replace(one, two), usb(), nic(2, "virtio"),
            "<sound model='ich6'/>"], VCPUS.replace("'2'>4", "'3'>4"))
        revision = world.berth("dumpxml", "guest")
        dry = world.rows("update", "guest", "-", "--dry-run", text=new)
        check(world.berth("dumpxml", "guest") == revision and places(verified(world)) == before, "a dry run changed something")
        rows = world.rows("update", "guest", "-", text=new)
        check(rows == dry, "dry run: %s\ndone: %s" % (dry, rows))
        when = {(r["change"], r["device"].split(" ")[0], r["when"]) for r in rows}
        for step in (("detach", "disk", "now"), ("attach", "disk", "now"), ("attach", "interface", "now"), ("update", "disk", "now"),
                     ("update", "interface", "now"), ("update", "vcpus", "now"), ("attach", "sound", "next start")):
            check(step in when, "%s is missing in %s" % (step, rows))
        check(all(r["why"] for r in rows if r["when"] == "next start"), "no reason: %s" % rows)
        after = places(verified(world))
        check("target=scsi:sda" not in after and "target=scsi:sdb" in after, "disks: %s" % after)
        check(all(after[k] == v for k, v in before.items() if k in after), "something moved: %s %s" % (before, after))
        check(len(ask(world, {"execute": "query-cpus-fast"})) == 3, "vCPUs")
        check({r["when"] for r in world.rows("update", "guest", "-", text=new)} == {"next start"}, "done twice")
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        cold = places(verified(world))
        check(all(cold[k] == v for k, v in after.items()), "after a start: %s\nbefore: %s" % (cold, after))
        check(world.rows("update", "guest", "-", text=new) == [], "it is not as it was told to be")
        refuses(world, 5, "is of 'other'", "update", "guest", "-", text=new.replace("<name>guest", "<name>other"))
        refuses(world, 4, "", "update", "guest", "-", text="<domain")


def what_stays():
    """update does not tell of what stays, graphics and sound included, and tells of each letter that QEMU is given."""
    with World() as world:
        devices = [scsi(), disk(world, "sda").replace("</disk>", "<serial>AB</serial></disk>"), "<video><model type='vga'/></video>",
                   "<graphics type='vnc' port='-1' autoport='yes'/>", "<graphics type='vnc' socket='%s/vnc'/>" % world.folder,
                   "<sound model='ich6'/>", "<audio id='1' type='none'/>"]
        start(world, "pc", devices)
        text = machine_domain("pc", devices)
        tells = lambda new: [(r["change"], r["id"]) for r in world.rows("update", "guest", "-", "--dry-run", text=new)]
        for new, told in ((text, []),
                          (text.replace("<video>", "<!-- as it was -->\n<video>"), []),
                          (text.replace(">AB<", "> AB <"), [("update", "scsi0-0-0-0")]),
                          (text.replace("autoport='yes'", "autoport='yes' passwd='x'"), [("update", "graphics0")]),
                          (text.replace("/vnc'", "/other'"), [("update", "graphics1")]),
                          (text.replace(devices[3], ""), [("detach", "graphics0")]),
                          (text.replace("<video>", "<graphics type='egl-headless'/><video>"), [("attach", "graphics0")])):
            check(tells(new) == told, "%s: %s", told, tells(new))


VCPUS = "  <vcpu current='2'>4</vcpu>\n  <cpu><topology sockets='2' dies='1' cores='2' threads='1'/></cpu>\n"


def vcpus():
    """vCPUs come, are recorded, and are there after a start if the definition was meant."""
    with World() as world:
        start(world, "q35", [], VCPUS)
        count = lambda *flags: int(world.berth("vcpucount", "guest", *flags))
        there = lambda: len(ask(world, {"execute": "query-cpus-fast"}))
        check([count("--live"), count("--config"), there()] == [2, 2, 2], "at start")
        world.berth("setvcpus", "guest", "3")
        last = world.rows("history", "guest")[-1]
        check((last["revision"], last["command"], last["changed"]) == (None, "setvcpus", ["vcpus: 3, before 2"]), "history: %s" % last)
        check([count("--live"), count("--config"), there()] == [3, 2, 3], "after 3")
        world.berth("setvcpus", "guest", "4", "--live", "--config")
        check([count("--live"), count("--config"), there()] == [4, 4, 4], "after 4 of both")
        verified(world)
        refuses(world, 1, "places for 4", "setvcpus", "guest", "5")
        refuses(world, 2, "--maximum", "setvcpus", "guest", "5", "--config")
        world.berth("setvcpus", "guest", "1", "--config")
        refuses(world, 2, "--config", "setvcpus", "guest", "8", "--maximum", "--live")
        refuses(world, 4, "topology", "setvcpus", "guest", "8", "--maximum", "--config")
        check(len(world.berth("vcpucount", "guest").splitlines()) == 4, "vcpucount")
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        check([count("--live"), there()] == [1, 1], "after a start: %s %s" % (count("--live"), there()))


def vcpus_of_a_real_guest():
    """A Linux guest lets go of vCPUs."""
    with World() as world:
        boot(world, "q35", [], VCPUS)
        world.berth("setvcpus", "guest", "4")
        check(len(ask(world, {"execute": "query-cpus-fast"})) == 4, "they did not come")
        world.berth("setvcpus", "guest", "2", "--timeout", "60")
        check(len(ask(world, {"execute": "query-cpus-fast"})) == 2, "they did not go")
        check(world.berth("vcpucount", "guest", "--live").strip() == "2", "they are still recorded")
        refuses(world, 4, "from the start", "setvcpus", "guest", "1")
        verified(world)


def memory_of_a_real_guest():
    """A Linux guest takes, and gives back, as much of a virtio-mem device as update-device says; it keeps it over save and restore."""
    with World() as world:
        memory = ("<memory model='virtio-mem'><target><size unit='MiB'>1024</size><node>0</node><block unit='MiB'>2</block>"
                  "<requested unit='MiB'>%d</requested></target></memory>")
        boot(world, "q35", [memory % 128], "  <maxMemory slots='4' unit='MiB'>4096</maxMemory>\n"
             "  <cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu>\n")
        has = lambda: ask(world, {"execute": "query-memory-devices"})[0]["data"]["size"] >> 20
        wait_for(lambda: has() == 128, 60, "the guest takes what it is given")
        for size, flags in ((512, []), (256, ["--live", "--config"]), (0, []), (384, [])):
            world.berth("update-device", "guest", "-", *flags, text=memory % size)
            wait_for(lambda: has() == size, 60, "the guest has %d MiB" % size)
            verified(world)
        path = os.path.join(world.folder, "saved")
        world.berth("save", "guest", path)
        world.berth("restore", path)
        check(has() == 384, "after a restore it has %d MiB" % has())
        verified(world)
        world.berth("update-device", "guest", "-", text=memory % 128)
        wait_for(lambda: has() == 128, 60, "the guest gives it back")
        refuses(world, 4, "more than its <size>", "update-device", "guest", "-", text=memory % 2048)
        refuses(world, 4, "no multiple", "update-device", "guest", "-", text=memory % 127)
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        wanted = ask(world, {"execute": "query-memory-devices"})[0]["data"]["requested-size"] >> 20
        check(wanted == 256, "after a start it is asked to take %d MiB" % wanted)


def boot(world, machine, devices, more=""):
    """Starts the Linux guest and waits until it is up."""
    if not (GUEST and os.path.exists(os.path.join(GUEST, "vmlinuz"))):
        raise Skip("no guest kernel (tools/guest-image.py fetches one)")
    serial = os.path.join(world.folder, "serial.log")
    text = machine_domain(machine, ["<serial type='file'><source path='%s'/></serial>" % serial] + devices, more)
    text = text.replace("</type></os>", "</type><kernel>%s/vmlinuz</kernel><initrd>%s/initramfs.gz</initrd>"
                        "<cmdline>console=ttyS1 berth.stay</cmdline></os>" % (GUEST, GUEST))
    world.berth("define", "-", text=text)
    world.berth("start", "guest")
    wait_for(lambda: os.path.exists(serial) and "BERTH-GUEST end" in open(serial, errors="replace").read(), 180, "the guest is up")


def drifts(world, state, **what):
    """verify has one row that is not ok: in that state, and with what is given."""
    answer = world.run("verify", "guest", "--json")
    wrong = [r for r in list(json.loads(answer.stdout).values())[0] if r["state"] not in ("", "ok")]
    check(answer.returncode == 5 and len(wrong) == 1 and wrong[0]["state"] == state and
          all(wrong[0][k] == v for k, v in what.items()), "exit status %d: %s" % (answer.returncode, wrong))


def qmp(world, command, **arguments):
    ask(world, {"execute": command, "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}})


def drift(machine):
    """Whatever somebody does behind berth's back, verify sees it."""
    with World() as world:
        one, two = image(world, "one.iso"), image(world, "two.iso")
        start(world, machine, [scsi(), usb(), disk(world, "sda"), cdrom(one, "sdb", "scsi"), "<input type='tablet' bus='usb'/>"], VCPUS)
        verified(world)
        qmp(world, "device_add", driver="usb-mouse", id="mouse", bus="usb.0")
        drifts(world, "extra", id="mouse")
        qmp(world, "device_del", id="mouse")
        qmp(world, "device_add", driver="usb-mouse", bus="usb.0", port="4")
        drifts(world, "extra")
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        qmp(world, "device_del", id="input0")
        drifts(world, "missing", id="input0")
        qmp(world, "device_add", driver="usb-mouse", id="input0", bus="usb.0", port="1")
        drifts(world, "wrong model", id="input0", actual="usb-mouse")
        qmp(world, "device_del", id="input0")
        qmp(world, "device_add", driver="usb-tablet", id="input0", bus="usb.0", port="3")
        drifts(world, "moved", id="input0", actual="usb 0:3")
        qmp(world, "device_del", id="input0")
        qmp(world, "device_add", driver="usb-tablet", id="input0", bus="usb.0", port="1")
        verified(world)
        qmp(world, "blockdev-open-tray", id="scsi0-0-0-1")
        qmp(world, "blockdev-remove-medium", id="scsi0-0-0-1")
        qmp(world, "blockdev-close-tray", id="scsi0-0-0-1")
        drifts(world, "wrong medium", id="scsi0-0-0-1", actual="empty")
        world.berth("change-media", "guest", "sdb", two)
        verified(world)
        free = [c for c in ask(world, {"execute": "query-hotpluggable-cpus"}) if "qom-path" not in c][-1]
        qmp(world, "device_add", driver=free["type"], id="more", **{k.replace("-", "_"): v for k, v in free["props"].items()})
        drifts(world, "extra", device="vcpus", actual="3 vcpus")


# A QEMU that gives half of the memory of the first module.
LESS = """#!/usr/bin/env python3
import os, sys
os.execv(%r, [%r] + [a.replace('"memdimm0","size":268435456', '"memdimm0","size":134217728') for a in sys.argv[1:]])
"""


def drift_of_memory(machine):
    """Memory that is gone, is another, in another slot, or asked back: by what query-memory-devices says."""
    with World() as world:
        memory = ("<memory model='dimm'><target><size unit='MiB'>256</size><node>0</node></target></memory>",
                  "<memory model='virtio-mem'><target><size unit='MiB'>512</size><node>0</node><block unit='MiB'>2</block>"
                  "<requested unit='MiB'>64</requested></target></memory>")
        nvdimm = image(world, "nvdimm", 256 << 20)
        kept = ("<memory model='nvdimm'><source><path>%s</path></source><target><size unit='MiB'>256</size><node>0</node><label>"
                "<size unit='KiB'>128</size></label></target></memory>" % nvdimm)
        more = ("  <maxMemory slots='8' unit='MiB'>4096</maxMemory>\n"
                "  <cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu>\n")
        start(world, machine, list(memory) + [kept], more)
        verified(world)
        qmp(world, "qom-set", path="/machine/peripheral/dimm1", property="requested-size", value=128 << 20)
        drifts(world, "wrong size", id="dimm1", actual="128 MiB")
        world.berth("update-device", "guest", "-", text=memory[1].replace(">64<", ">32<"))
        verified(world)
        check("<requested unit='MiB'>32<" in world.berth("dumpxml", "guest", "--live"), "it is not recorded")
        qmp(world, "object-add", qom_type="memory-backend-ram", id="more", size=128 << 20)
        qmp(world, "device_add", driver="pc-dimm", id="more0", memdev="more")
        drifts(world, "extra", id="more0")
        world.berth("destroy", "guest")
        # Nobody lets go of memory while no guest runs: another QEMU has less of it, or has it elsewhere, from the start.
        world.berth("start", "guest", "--paused", qemu=world.file("less", LESS % (QEMU, QEMU), 0o755))
        drifts(world, "wrong size", id="dimm0", actual="128 MiB")
        world.berth("destroy", "guest")
        answer = world.run("start", "guest", "--paused", qemu=world.file("moved", MOVER % ("dimm0", {"slot": 5}, QEMU, QEMU), 0o755))
        check(answer.returncode == 5 and "dimm 5" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))


def own_view():
    """With a guest up, what it finds on its PCI buses is compared, too."""
    with World() as world:
        boot(world, "q35", [nic(0, "virtio"), scsi(), disk(world, "sda")])
        verified(world)
        seen = ask(world, {"execute": "query-pci"})[0]["devices"]
        check(any(d.get("pci_bridge", {}).get("devices") for d in seen), "the guest has numbered no bus: %s" % seen)


def examined(world, *words):
    answer = world.run("doctor", *words, "--json")
    return answer.returncode, {f["check"]: f for f in list(json.loads(answer.stdout).values())[0]}


def doctor(machine):
    """What doctor says is left is what attach takes, and no more."""
    with World() as world:
        more = VCPUS + "  <maxMemory slots='3' unit='MiB'>2048</maxMemory>\n"
        more = more.replace("<cpu>", "<cpu><numa><cell id='0' cpus='0-3' memory='256' unit='MiB'/></numa>")
        emulator = "<emulator>%s</emulator>" % QEMU
        start(world, machine, [emulator, scsi(), usb(), disk(world, "sda"), "<controller type='virtio-serial' index='0'/>"], more)
        status, found = examined(world, "guest")
        free = {k[5:]: int(v["value"].split()[0]) for k, v in found.items() if k.startswith("free ")}
        check(status == 0 and free["memory slots"] == 3 and free["vCPU places"] == 2 and free["SCSI units"] == 6
              and free["USB ports"] == 4, "%d: %s" % (status, found))
        sort = "PCI Express ports" if machine == "q35" else "conventional PCI slots"
        model = "e1000e" if machine == "q35" else "rtl8139"
        for number in range(free[sort]):
            attach(world, nic(number, model))
        refuses(world, 1, "place", "attach-device", "guest", "-", text=nic(200, model))
        for number in range(free["USB ports"]):
            attach(world, usb_disk(world, "sd" + "mnopqrstuvwxyz"[number]))
        refuses(world, 1, "", "attach-device", "guest", "-", text="<input type='tablet' bus='usb'/>")
        status, found = examined(world, "guest")
        check(found["free " + sort]["value"] == "0" and found["free " + sort]["advice"], "afterwards: %s" % found)
        check(found["free USB ports"]["value"] == "0", "afterwards: %s" % found)
        qmp(world, "device_del", id="scsi0-0-0-0")
        status, found = examined(world, "guest")
        check(status == 5 and found["drift"]["state"] == "problem", "drift: %d %s" % (status, found))
        world.berth("destroy", "guest")
        status, found = examined(world, "guest")
        check(status == 0 and found["free memory slots"]["value"] == "3", "shut off: %d %s" % (status, found))
        status, found = examined(world)
        check(status == 0 and found["QEMU"]["state"] == "ok" and "KVM" in found, "the host: %d %s" % (status, found))


def free_scsi(world):
    return int(examined(world, "guest")[1]["free SCSI units"]["value"].split()[0])


def scsi_units(machine, models, free):
    """As many SCSI disks as doctor counts can be plugged in until one more would need another controller."""
    with World() as world:
        bridge = "<controller type='pci' model='pcie-to-pci-bridge'/>"
        # Its name is that of another unit than it has.
        odd = disk(world, "sdz").replace("'sdz'", "'xvdg'").replace("</disk>", "<address type='drive' controller='0' unit='1'/></disk>")
        start(world, machine, [bridge] * (machine == "q35") + ["<controller type='scsi' model='%s'/>" % m for m in models] + [odd])
        attach(world, disk(world, "sda"))
        detach(world, disk(world, "sda"))
        check(free_scsi(world) == free - 1, "%d units are free, not %d, with one kept", free_scsi(world), free - 1)
        for plugged, letter in enumerate("abcdefghijklmnopqrstuvwxy"):
            answer = world.run("attach-device", "guest", "-", "--dry-run", "--json", text=disk(world, "sd" + letter))
            if answer.returncode != 0 or "controller=scsi" in answer.stdout:
                break
            attach(world, disk(world, "sd" + letter))
            check(free_scsi(world) == free - plugged - 1, "%d are free after %d of %d", free_scsi(world), plugged + 1, free)
        check(plugged == free, "%d of %d could be plugged in: %s", plugged, free, answer.stderr)


def first_unit_alone():
    """Of a controller of which QEMU has but the first unit, doctor counts one."""
    with World() as world:
        start(world, "pc", ["<controller type='scsi' model='vmpvscsi'/>"])
        check(free_scsi(world) == 1, "%d are free", free_scsi(world))
        attach(world, disk(world, "sda"))
        check(free_scsi(world) == 0, "%d are free after that", free_scsi(world))
        refuses(world, 1, "lun", "attach-device", "guest", "-", text=disk(world, "sdb"))


def tests():
    yield "pc: media of a cdrom", media, (lambda s=None: cdrom(s, "hdc", "ide"), "ide0-1-0", "hdc")
    yield "pc: media of a floppy", media, (floppy, "fdc0-0-0", "fda")
    yield "a guest's own eject is recorded", tray, ()
    yield "update-device", updates, ()
    yield "update: a device on a controller that comes before it", one_after_another, ()
    yield "links go up and down", links, ()
    for differs in (False, True):
        yield "a link whose change is killed%s" % (", and whose device is defined otherwise" if differs else ""), link_killed, (differs,)
    yield "a place that is taken while its device comes", place_taken_meanwhile, ()
    yield "a link changes after somebody else has changed its device", link_meanwhile, ()
    yield "pc: drift is seen", drift, ("pc",)
    yield "q35: drift is seen", drift, ("q35",)
    for machine in ("pc", "q35"):
        yield "%s: drift of memory is seen" % machine, drift_of_memory, (machine,)
    yield "a guest's own view of PCI", own_view, ()
    yield "pc: doctor counts what can be plugged", doctor, ("pc",)
    yield "q35: doctor counts what can be plugged", doctor, ("q35",)
    for machine, models, free in (("pc", ["virtio-scsi"], 6), ("q35", ["virtio-scsi", "lsilogic"], 13), ("pc", ["lsisas1068"], 1)):
        yield "%s: doctor counts SCSI units (%s)" % (machine, ", ".join(models)), scsi_units, (machine, models, free)
    yield "doctor counts SCSI units (vmpvscsi)", first_unit_alone, ()
    yield "vCPUs come", vcpus, ()
    yield "a new definition that changes little", what_stays, ()
    yield "pc: a whole new definition", whole, ("pc",)
    yield "q35: a whole new definition", whole, ("q35",)
    yield "a real guest lets go of vCPUs", vcpus_of_a_real_guest, ()
    yield "a real guest lets go of memory", memory_of_a_real_guest, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
