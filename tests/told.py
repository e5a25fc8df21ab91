#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a user is told about a guest, and about what is wrong with a device that is to come, to go or to change. Prints TAP.

  told.py [BERTH]     (or BERTH in the environment)
"""
import json
import os
import sys
import time

import world as w
from world import BAD_INPUT, CONFLICT, FAILED, NOT_FOUND, USAGE, World, check

FIRST = "52:54:00:00:01:00"


def written(world, *devices):
    """A definition with each device on a line of its own, from line 7 on."""
    world.berth("define", "-", text=w.domain("q35", list(devices)))


def line_of(world, piece, *flags):
    """The line of dumpxml that has @piece."""
    lines = world.berth("dumpxml", *flags, "guest").splitlines()
    return [n for n, line in enumerate(lines, 1) if piece in line][0]


# ---- mistakes in a device's file ----

def device_file(world, element, name="device.xml"):
    """The element behind a comment of three lines, each of its own elements on a line of its own."""
    return world.file(name, "<!-- what\n     comes\n     -->\n" + element.replace("><", ">\n<") + "\n")


def first_boots(world):
    written(world, w.nic(0).replace("<model", "<boot order='1'/><address type='pci' slot='7'/><model"), w.disk(world, "vda"))


def named_by_its_file(world):
    first_boots(world)
    file = device_file(world, w.nic(1).replace("<model", "<address type='pci' slot='0x40'/><model"))
    for verb in ("attach-device", "detach-device", "update-device"):
        world.fails(BAD_INPUT, ["berth: %s:6: address: slot 0x40 " % file], verb, "guest", file, "--config")
    file = device_file(world, w.nic(1))
    for verb in ("detach-device", "update-device"):
        world.fails(NOT_FOUND, "berth: %s:4: the guest has no such <interface>" % file, verb, "guest", file, "--config")
    file = device_file(world, w.nic(0).replace("<model", "<address type='pci' slot='0x40'/><model"))
    world.fails(BAD_INPUT, "berth: %s:6: address: slot 0x40 " % file, "update-device", "guest", file, "--config")


CLASHES = [
    (lambda world: w.nic(1).replace("<model", "<boot order='1'/><model"),
     "4: interface 52:54:00:00:01:01: has the same boot order as interface %s (dumpxml guest, line %%d)" % FIRST, FIRST),
    (lambda world: w.nic(1).replace("<model", "<address type='pci' slot='7'/><model"),
     "4: interface 52:54:00:00:01:01 wants pci 0000:00:07.0, which interface %s (dumpxml guest, line %%d) has" % FIRST, FIRST),
    (lambda world: w.disk(world, "vda"), "4: target 'vda' is taken already by disk 'vda' (dumpxml guest, line %d)", "'vda'"),
    # A device that comes in front of what it clashes with is still the one that the message is about.
    (lambda world: "<controller type='usb' index='0' model='none'/>", "4: ", None),
]


def clashes(world):
    """The device is named by its file, what is in the guest already by the line that dumpxml shows it in."""
    first_boots(world)
    world.berth("attach-device", "guest", "-", "--config", text="<input type='tablet' bus='usb'/>")
    before = world.berth("dumpxml", "guest")
    for make, says, piece in CLASHES:
        file = device_file(world, make(world))
        tag = {FIRST: "<interface", "'vda'": "<disk"}.get(piece)
        told = says % line_of(world, tag) if tag else says
        world.fails(BAD_INPUT, "berth: %s:%s" % (file, told), "attach-device", "guest", file, "--config")
    check(world.berth("dumpxml", "guest") == before, "the definition has changed")


def clashes_while_it_runs(world):
    written(world, *w.PORTS, w.nic(0).replace("<model", "<address type='pci' bus='1' slot='0'/><model"))
    world.berth("start", "guest", "--paused")
    file = device_file(world, w.nic(1).replace("<model", "<address type='pci' bus='1' slot='0'/><model"))
    line = line_of(world, "<interface", "--live")
    world.fails(BAD_INPUT, ["berth: %s:4: interface 52:54:00:00:01:01 wants" % file, "(dumpxml --live guest, line %d)" % line],
                "attach-device", "guest", file)
    # Only the definition has another device there.
    world.berth("attach-device", "guest", "-", "--config", text=w.disk(world, "vdb"))
    file = device_file(world, w.disk(world, "vdb"))
    world.fails(BAD_INPUT, ["berth: %s:4: target 'vdb' is taken" % file, "(dumpxml guest, line %d)" % line_of(world, "<disk")],
                "attach-device", "guest", file, "--live", "--config")
    check(not [r for r in world.rows("devices", "guest") if r["device"] == "disk"], "a disk came")


# ---- why a device is where it is ----

def why(world, device):
    """(why, revision, command) of the one device that is called so."""
    rows = world.rows("explain", "guest", device)
    check(len(rows) == 1, "%s: %d devices" % (device, len(rows)))
    return rows[0]["why"], rows[0]["revision"], rows[0]["command"]


def reasons(world):
    """The stored definition has all places written down; explain still knows who chose them."""
    fixed = w.nic(0).replace("<model", "<address type='pci' slot='7'/><model")
    sata = w.disk(world, "sda").replace("bus='scsi'", "bus='sata'")
    written(world, *w.PORTS, fixed, w.nic(1), sata)
    world.berth("define", "-", text=world.berth("dumpxml", "guest"))
    check(why(world, FIRST) == ("the domain says so", 1, "define"), "%s" % (why(world, FIRST),))
    check(why(world, "net1") == ("it was the first free place", 1, "define"), "%s" % (why(world, "net1"),))
    check(why(world, "sda") == ("it follows from the target's name", 1, "define"), "%s" % (why(world, "sda"),))
    check(why(world, "memballoon")[0].endswith("; the machine has it, or another device needs it"), "memballoon")
    check(why(world, "0000:00:1f.2")[0].startswith("the machine has it there"), "sata")
    check(world.rows("explain", "guest", "net1") == world.rows("explain", "guest", "52:54:00:00:01:01"), "alias and MAC differ")
    world.fails(NOT_FOUND, "device 'vdz'", "explain", "guest", "vdz")
    # Gone and back, and moved by its user.
    written(world, *w.PORTS, w.nic(1), sata)
    written(world, *w.PORTS, fixed, w.nic(1), sata)
    check(why(world, "net0") == ("the domain says so (in revision 1); it was gone and came back", 3, "define"), "%s" % (why(world, "net0"),))
    written(world, *w.PORTS, fixed, w.nic(1).replace("<model", "<address type='pci' slot='9'/><model"), sata)
    check(why(world, "52:54:00:00:01:01") == ("the domain says so", 4, "define"), "%s" % (why(world, "net1"),))


def reasons_while_it_runs(world):
    """A place that was chosen for the running guest is not its user's choice in the definition."""
    written(world, *w.PORTS, w.nic(0))
    world.berth("start", "guest", "--paused")
    w.attach(world, w.disk(world, "vda"), "--live", "--config")
    check(why(world, "vda") == ("it was the first free place", 2, "attach-device"), "%s" % (why(world, "vda"),))
    w.attach(world, w.nic(2).replace("<model", "<address type='pci' bus='9' slot='0'/><model"), "--live", "--config")
    check(why(world, "52:54:00:00:01:02")[0] == "the domain says so", "%s" % (why(world, "52:54:00:00:01:02"),))


# ---- devices that look alike ----

def by_target(world):
    """Cards without a MAC of the user's are told apart by the host's device, as disks are by their target."""
    tap = "<interface type='ethernet'><target dev='%s' managed='no'/></interface>"
    written(world, w.nic(0), tap % "tapb0", tap % "tapb1")
    w.detach(world, tap % "tapb0", "--config")
    check("tapb1" in world.berth("dumpxml", "guest") and "tapb0" not in world.berth("dumpxml", "guest"), "the other one went")


# ---- two cards with one MAC ----

def one_mac(world):
    """As in libvirt, a second card may have a MAC that is there already: teams have one. Each keeps its place and can be told apart."""
    written(world, *w.PORTS, w.nic(0))
    world.berth("start", "guest", "--paused")
    second = w.nic(0, "e1000e")
    w.attach(world, second, "--live", "--config")
    for rows in (w.verified(world), world.rows("explain", "guest")):
        found = {r["id"]: r["address"] for r in rows if r["device"] == "interface"}
        check(sorted(found) == ["net0", "net1"] and len(set(found.values())) == 2, "%s" % found)
    world.fails(USAGE, "2 devices are like this <interface>; add its <address> or <alias>", "detach-device", "guest", "-", "--live",
                text="<interface type='user'><mac address='%s'/></interface>" % FIRST)
    place = [r["address"] for r in world.rows("explain", "guest", "net1")][0].split(" ")[1]
    bus, slot = place.split(":")[1], place.split(":")[2].split(".")[0]
    w.detach(world, "<interface type='user'><mac address='%s'/><address type='pci' bus='0x%s' slot='0x%s' function='0'/></interface>"
             % (FIRST, bus, slot), "--config")
    check([r["id"] for r in world.rows("explain", "guest", FIRST)] == ["net0"], "the other one went")


# ---- what waits ----

def finding(world, check_name):
    answer = world.run("doctor", "guest", "--json")
    found = [f for f in list(json.loads(answer.stdout).values())[0] if f["check"] == check_name]
    return answer.returncode, [(f["state"], f["value"]) for f in found]


def dominfo(world):
    return {k: v.strip() for k, v in (line.split(":", 1) for line in world.berth("dominfo", "guest").splitlines())}


def pending(world):
    """doctor names the device that is to go, what the next start brings, and a state that waits for it."""
    written(world, *w.PORTS, w.nic(0), w.disk(world, "vda"))
    world.berth("start", "guest", "--paused")
    check(finding(world, "next start") == (0, [("ok", "as it runs")]) and finding(world, "pending change") == (0, []), "at first")
    world.fails(FAILED, "has not let go of it", "detach-device-alias", "guest", "net0", "--live", "--timeout", "1")
    since = time.strftime("%Y-%m-%dT", time.gmtime())
    status, found = finding(world, "pending change")
    check(status == 0 and len(found) == 1 and found[0][0] == "note"
          and found[0][1].startswith("interface %s (net0): unplug requested since %s" % (FIRST, since)), "%s" % found)
    w.detach(world, w.disk(world, "vda"), "--config")
    status, found = finding(world, "next start")
    check(status == 0 and found == [("note", "disk 'vda' removed")], "%s" % found)
    check(dominfo(world)["Managed save"] == "no", "dominfo")
    world.berth("reset", "guest")
    w.wait_for(lambda: finding(world, "pending change")[1] == [], 10, "the request goes with the reset")
    world.berth("managedsave", "guest")
    status, found = finding(world, "managed save")
    check(status == 0 and len(found) == 1 and found[0][0] == "note" and ".save, since %s" % since in found[0][1], "%s" % found)
    check(dominfo(world)["Managed save"] == "yes" and world.rows("dominfo", "guest")[0]["managed_save"] is True, "dominfo")
    world.berth("managedsave-remove", "guest")
    check(finding(world, "managed save") == (0, [("ok", "none")]) and dominfo(world)["Managed save"] == "no", "afterwards")


def virsh_lines(world):
    """dominfo has every line that virsh has, in its order."""
    lines = ["Id", "Name", "UUID", "OS Type", "State", "CPU(s)", "CPU time", "Max memory", "Used memory", "Persistent", "Autostart",
             "Managed save", "Security model", "Security DOI"]
    written(world)
    told = dominfo(world)
    check([k for k in told if k in lines] == lines, "%s" % told)
    check((told["Id"], told["OS Type"], told["State"], told["CPU(s)"], told["Max memory"], told["Persistent"], told["Autostart"])
          == ("-", "hvm", "shut off", "1", "65536 KiB", "yes", "disable"), "%s" % told)


# ---- what users of virsh type ----

def flags(world):
    written(world, *w.PORTS, w.nic(0))
    text = world.berth("dumpxml", "guest")
    check(world.berth("dumpxml", "guest", "--inactive") == text, "dumpxml --inactive")
    check(world.berth("list", "--all", "--table") == world.berth("list", "--all") != "", "list --table")
    for words in (["list", "--table", "--name"], ["list", "--table", "--json"], ["dumpxml", "guest", "--inactive", "--live"]):
        world.fails(USAGE, "", *words)
    world.berth("start", "guest", "--paused", "--force-boot")
    w.attach(world, w.disk(world, "vda"), "--live")
    check(world.berth("dumpxml", "guest", "--inactive") == text != world.berth("dumpxml", "guest", "--live"), "while it runs")
    check(world.berth("list", "--name", "--without-managed-save") == "guest\n", "list --without-managed-save")
    world.berth("destroy", "guest", "--graceful")
    for words in (["guest"], ["guest", "--disable"]):
        world.fails(USAGE, "systemd starts guests of the usual state folder only", "autostart", *words)


def slips(world):
    """An option that is not there: the nearest that is."""
    for words, near in ((["list", "--al"], "--all?"), (["undefine", "x", "--managed-saev"], "--managed-save?"),
                        (["start", "x", "--pasued=1"], "--paused?"), (["--stat", "x", "list"], "--state?")):
        world.fails(USAGE, [near, "--help' shows what there is"], *words)
    check("did you mean" not in world.fails(USAGE, "--xyzzyxyzzy", "list", "--xyzzyxyzzy"), "a far guess")
    check("did you mean" not in world.fails(USAGE, "--timeout", "shutdown", "x", "--timeout"), "the option is there")


def undefined(world):
    """A managed save must be asked for."""
    written(world, *w.PORTS)
    world.berth("start", "guest", "--paused")
    world.berth("managedsave", "guest")
    check(world.berth("list", "--inactive", "--name", "--with-managed-save") == "guest\n", "list --with-managed-save")
    world.fails(CONFLICT, "has a managed state; --managed-save throws it away", "undefine", "guest")
    saved = [os.path.join(folder, name) for folder, _, names in os.walk(world.state_folder) for name in names if name.endswith(".save")]
    check(len(saved) == 1 and world.state("guest") == "shut off", "%s" % saved)
    world.berth("undefine", "guest", "--managed-save")
    check(not os.path.exists(saved[0]) and world.guests() == [], "something is left")
    written(world)
    world.berth("undefine", "guest", "--managed-save")


def validated(world):
    """--validate refuses what start would; without, it is only said."""
    text = w.domain("q35", ["<interface type='direct'><mac address='52:54:00:00:01:00'/><source dev='nowhere0'/></interface>"])
    answer = world.run("define", "-", "--dry-run", text=text)
    check(answer.returncode == 0 and "start will refuse it: " in answer.stderr, "the test is wrong: %s" % answer.stderr)
    why = answer.stderr.split("start will refuse it: ")[1].strip()
    world.fails(BAD_INPUT, why, "define", "-", "--validate", text=text)
    check(world.guests() == [], "it was defined")
    world.berth("define", "-", "--validate", text=w.domain("q35", [w.nic(0)]))
    world.fails(USAGE, "--validate", "define", "--revision", "1", "guest", "--validate")


def updated(world):
    """What update does has its name in history; what it cannot do as things are is told with the line of its FILE."""
    base = [w.usb(), w.scsi()]
    written(world, *w.PORTS, *base, w.usb_disk(world, "sdb"))
    world.berth("start", "guest", "--paused")
    taken = w.usb_disk(world, "sdc").replace("</disk>", "<address type='usb' bus='0' port='1'/></disk>")
    file = world.file("new.xml", w.domain("q35", w.PORTS + base + [taken, w.disk(world, "sdd")]))
    line = [n for n, text in enumerate(open(file), 1) if "'sdc'" in text][0]
    rows = {r["device"]: r for r in world.rows("update", "guest", file, "--dry-run")}
    check(rows["disk 'sdc'"]["when"] == "next start" and rows["disk 'sdd'"]["when"] == "now", "%s" % rows)
    check(rows["disk 'sdc'"]["why"].startswith("%s:%d: disk 'sdc': usb 0:1 is already taken by disk 'sdb' (dumpxml --live guest, line "
                                               % (file, line)), "%s" % rows["disk 'sdc'"])
    check({r["when"] for r in world.rows("update", "guest", file)} == {"now"}, "the place was free by then")
    told = [(r["revision"], r["command"], r["came"], r["went"]) for r in world.rows("history", "guest")][1:]
    check(told[0][:2] == (2, "define") and told[1:] == [(None, "update", [], ["disk target=usb:sdb usb 0:1"]),
                                                        (None, "update", ["disk target=usb:sdc usb 0:1"], []),
                                                        (None, "update", ["disk target=scsi:sdd drive 0:0:0:3"], [])], "%s" % told)


# ---- what QEMU says ----

def why_qemu_died(world):
    """Its error, not what it said of the terminals that it opened before."""
    written(world, "<serial type='pty'/>")
    qemu = world.file("qemu", "#!/bin/sh\ncase \"$*\" in *control.qmp*) set -- \"$@\" -global nonsense.x=1 -device no-such-device;; esac\n"
                      "exec %s \"$@\"\n" % w.QEMU, 0o755)
    world.environment["BERTH_QEMU"] = qemu
    line = world.fails(FAILED, "no-such-device", "start", "guest")
    check("redirected" not in line and "warning" not in line, line)


def rehearsed(world):
    """A rehearsal has a QEMU, which says what the machine's alias stands for."""
    answer = world.run("rehearse", world.file("guest.xml", w.domain("q35", [w.nic(0)])))
    check(answer.returncode == 0 and answer.stderr == "", "%d: %s" % (answer.returncode, answer.stderr))


# ---- history of what ran ----

def lived(world):
    """history tells what came, went and changed while the guest ran, by which command, between the definitions."""
    cdrom = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"
    scsi = w.disk(world, "sdb")
    written(world, *w.PORTS, w.nic(0), cdrom, w.usb(), w.scsi())
    world.berth("start", "guest", "--paused")
    w.attach(world, scsi, "--live")
    stick = w.usb_disk(world, "sdc")
    w.attach(world, stick, "--live", "--config")
    image = world.file("a.iso", "\0" * 4096)
    world.berth("change-media", "guest", "sda", image, "--live")
    world.berth("domif-setlink", "guest", FIRST, "down", "--live")
    w.detach(world, stick, "--live")
    world.fails(FAILED, "", "detach-device", "guest", "-", "--live", "--timeout", "1", text=w.nic(0))
    rows = world.rows("history", "guest")
    told = [(r["revision"], r["command"]) for r in rows]
    check(told == [(1, "define"), (None, "attach-device"), (None, "attach-device"), (2, "attach-device"), (None, "change-media"),
                   (None, "domif-setlink"), (None, "detach-device")], "%s" % told)
    came = [r["came"] for r in rows[1:4]]
    check(came[0] == ["disk target=scsi:sdb drive 0:0:0:1"] and came[1] == came[2] == rows[6]["went"] != [] == rows[6]["came"], "%s" % rows)
    check(rows[4]["changed"] == ["disk 'sda': source/@file='%s'" % image], "%s" % rows[4])
    check(rows[5]["changed"] == ["interface %s: link/@state='down'" % FIRST], "%s" % rows[5])
    check(all(r["when"] for r in rows), "no time")
    table = world.berth("history", "guest").splitlines()
    check(len([line for line in table if line.split()[0] == "live"]) == 5, "%s" % table)
    world.berth("destroy", "guest")
    check([(r["revision"], r["command"]) for r in world.rows("history", "guest")] == told, "the end changed what was")


TESTS = [
    ("a mistake in a device's file is named by its file and line", named_by_its_file),
    ("who clashes with a new device is named by the line of dumpxml", clashes),
    ("the same while the guest runs", clashes_while_it_runs),
    ("two cards may have one MAC", one_mac),
    ("explain tells what first chose each place, and when", reasons),
    ("explain knows what chose the places of hot-plugged devices", reasons_while_it_runs),
    ("doctor names what waits: an unplug, the next start, a managed save", pending),
    ("dominfo has virsh's lines", virsh_lines),
    ("options that users of virsh type", flags),
    ("an option that is not there: the nearest is named", slips),
    ("cards are told apart by the host's device", by_target),
    ("undefine asks what becomes of a managed save", undefined),
    ("define --validate refuses what start would", validated),
    ("history tells what came, went and changed while a guest ran", lived),
    ("what update does, and what it cannot do now", updated),
    ("why QEMU died at start is told without its chatter", why_qemu_died),
    ("rehearse asks its QEMU what a machine alias stands for", rehearsed),
]


def in_a_world(test):
    with World() as world:
        test(world)


if __name__ == "__main__":
    sys.exit(w.tap([(name, in_a_world, (test,)) for name, test in TESTS]))
