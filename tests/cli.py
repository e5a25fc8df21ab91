#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line: what works, and what every mistake says. Prints TAP.

  cli.py [BERTH]     (or BERTH in the environment)

Each mistake: one line on standard error, the right exit status, file and line where a document is at fault, nothing recorded,
nothing left running.
"""
import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import time

import world as w
from world import BAD_INPUT, BERTH, CONFLICT, FAILED, NOT_FOUND, QEMU, USAGE, check

DOMAIN = """<domain type='qemu'>
  <name>%(name)s</name>
  <memory unit='MiB'>64</memory>
  <os>
    <type arch='x86_64' machine='%(machine)s'>hvm</type>
  </os>
  <devices>
%(devices)s  </devices>
</domain>
"""
NIC = "    <interface type='user'><mac address='52:54:00:00:00:%02x'/><model type='%s'/>%s</interface>\n"


def nic(number, model="virtio", more=""):
    return NIC % (number, model, more)


def domain(devices="", name="guest", machine="pc-i440fx-7.2"):
    return DOMAIN % {"name": name, "machine": machine, "devices": devices}


class World(w.World):
    """Commands run in its folder, in one language; the store does not exist yet."""

    def __init__(self):
        super().__init__()
        self.environment.update(LC_ALL="C.UTF-8", TMPDIR=self.folder, BERTH_QEMU=QEMU or self.path("no-qemu"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w" if isinstance(text, str) else "wb") as out:
            out.write(text)
        os.chmod(self.path(name), mode)
        return name

    def run(self, *words, text=None, qemu=None, **more):
        return subprocess.run([BERTH] + list(words), cwd=self.folder, env=self.environment, input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8", errors="replace", timeout=120, **more)

    def ok(self, *words, text=None):
        return self.berth(*words, text=text)

    def nothing_recorded(self):
        check(not os.path.exists(os.path.join(self.state_folder, "berth.db")), "a store was made")

    def nothing_runs(self):
        deadline = time.monotonic() + 5
        while w.processes(self) and time.monotonic() < deadline:
            time.sleep(0.05)
        check(not w.processes(self), "left running: %s", w.processes(self))
        run = os.path.join(self.state_folder, "run")
        left = [name for name in os.listdir(run) if not name.endswith(".lock")] if os.path.isdir(run) else []
        check(not left, "left in the run folder: %s", left)


def refused(world, text, says, status=BAD_INPUT, verbs=("address", "define")):
    """A document that no verb takes."""
    world.write("a.xml", text)
    for verb in verbs:
        world.fails(status, says, verb, "a.xml")
    world.nothing_recorded()


# ---- documents -----------------------------------------------------------------------------------------------------------

def malformed(world):
    refused(world, "<domain>\n  <name>a</name>\n  <devices>\n</domain>\n", "a.xml:4: ")
    refused(world, "", "a.xml")
    refused(world, "not xml\n", "a.xml:1: ")
    refused(world, b"<domain>\n\xff\xfe</domain>", "a.xml:2: ")
    refused(world, b"<domain>\n<name>a\0b</name></domain>", "a.xml")
    refused(world, "<network>\n</network>\n", "a.xml:1: ")


def doctype(world):
    refused(world, "<?xml version='1.0'?>\n<!DOCTYPE domain [<!ENTITY a 'b'>]>\n<domain><name>&a;</name></domain>\n", "a.xml:2: ")
    refused(world, "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>\n<domain/>\n", "a.xml:1: ")
    lol = "".join("<!ENTITY l%d '%s'>" % (n, "&l%d;" % (n - 1) * 10) for n in range(1, 10))
    refused(world, "<!DOCTYPE d [<!ENTITY l0 'lol'>%s]>\n<domain>&l9;</domain>" % lol, "a.xml:1: ")
    refused(world, "<domain>\n<name>&unknown;</name></domain>\n", "a.xml:2: ")


def huge(world):
    with open(world.path("a.xml"), "w") as out:
        out.write("<domain>\n")
        for _ in range(100):
            out.write("<!-- %s -->\n" % ("x" * (1 << 20)))
        out.write("</domain>\n")
    for verb in ("address", "define"):
        world.fails(BAD_INPUT, "a.xml", verb, "a.xml")
    world.nothing_recorded()


def deep(world):
    refused(world, "<domain>\n" + "<a>" * 100000 + "</a>" * 100000 + "</domain>\n", "a.xml:2: ")
    refused(world, "<domain>\n" + "<a>" * 65 + "</a>" * 65 + "</domain>\n", "a.xml:2: ")


def no_file(world):
    for verb in ("address", "define", "plan"):
        world.fails(NOT_FOUND, "absent.xml", verb, "absent.xml")
        world.fails(FAILED, world.folder, verb, world.folder)
    world.nothing_recorded()


def duplicate_address(world):
    place = "<address type='pci' domain='0' bus='0' slot='5' function='0'/>"
    text = domain("\n" + nic(1, more=place) + nic(2, more=place))
    lines = [str(n) for n, line in enumerate(text.splitlines(), 1) if place in line]
    line = None
    world.write("a.xml", text)
    for verb in ("address", "define"):
        answer = world.run(verb, "a.xml")
        check(answer.returncode in (BAD_INPUT, CONFLICT), "exit status %d", answer.returncode)
        line = answer.stderr.strip()
        check("\n" not in line and all(n in line for n in lines), "both lines are not named: %s", line)
    world.nothing_recorded()


def bad_address(world):
    for attributes in ("slot='0x20'", "slot='-1'", "slot='x'", "slot='5' function='8'", "slot='5' bus='256'", "slot='99999999999999999999'"):
        text = domain("\n" + nic(1, more="<address type='pci' domain='0' bus='0' %s/>" % attributes))
        refused(world, text, "a.xml:9: " if "\n\n" in text else "a.xml:")
    refused(world, domain("\n" + nic(1, more="<address type='nowhere'/>")), "a.xml:")


def duplicate_target(world):
    disk = "    <disk type='file'><source file='/x'/><target dev='vda' bus='virtio'/></disk>\n"
    world.write("a.xml", domain(disk + disk))
    for verb in ("address", "define"):
        answer = world.run(verb, "a.xml")
        check(answer.returncode in (BAD_INPUT, CONFLICT), "exit status %d: %s", answer.returncode, answer.stderr)
        check("vda" in answer.stderr and ":9: " in answer.stderr and "line 8" in answer.stderr, "not named: %s", answer.stderr)
    world.nothing_recorded()


def unknown_model(world):
    """A model that berth does not know is refused where it would be started, at the latest."""
    world.write("a.xml", domain(nic(1, "ne9000")))
    answer = world.run("define", "a.xml")
    if answer.returncode == 0:
        world.fails(BAD_INPUT, ["ne9000", ":8: "], "start", "guest")
        check(world.ok("domstate", "guest").strip() == "shut off", "it runs")
        world.nothing_runs()
    else:
        world.fails(BAD_INPUT, ["ne9000", "a.xml:8: "], "define", "a.xml")
        world.nothing_recorded()


def strange_elements(world):
    """What is not libvirt's is no device, and no words for QEMU."""
    world.write("a.xml", domain(nic(1)))
    world.ok("define", "a.xml")
    world.write("nic.xml", nic(2, "ne9000").strip())
    world.fails(BAD_INPUT, ["ne9000", "nic.xml:1: "], "attach-device", "guest", "nic.xml", "--config")
    world.write("ns.xml", nic(2).strip().replace("<interface ", "<interface xmlns='urn:x' "))
    world.fails(BAD_INPUT, "ns.xml:1: <interface> of another namespace is not a device", "attach-device", "guest", "ns.xml", "--config")
    line = "<qemu:commandline><qemu:arg value='-foo'/></qemu:commandline></domain>"
    world.write("line.xml", domain(nic(1)).replace("</domain>", line))
    world.fails(BAD_INPUT, "<qemu:commandline>: its prefix is not declared", "define", "--validate", "line.xml")
    world.write("many.xml", domain(nic(1), machine="pc").replace("<devices>", "<vcpu>300</vcpu><devices>"))
    world.fails(BAD_INPUT, ["<vcpu>: machine 'pc-i440fx-", "can have 255"], "define", "--validate", "many.xml")
    check(len(world.rows("history", "guest")) == 1, "the definition has changed")


def bad_values(world):
    for mac, word in (("zz", "not a MAC address"), ("03:00:00:00:00:01", "multicast")):
        world.write("a.xml", domain(nic(1)).replace("52:54:00:00:00:01", mac))
        world.fails(BAD_INPUT, ["a.xml:8: ", word], "define", "a.xml")
    world.nothing_recorded()
    for size in ("0", "-5", "1.5", "99999999999999999999", "much"):
        world.write("a.xml", domain(nic(1)).replace(">64</memory>", ">%s</memory>" % size))
        world.fails(BAD_INPUT, ["a.xml:", "<memory>"], "command", "a.xml")


def names(world):
    for name, says in (("a/b", "'/'"), ("a,b", "','"), ("a\nb", "line break"), ("a\tb", "control"), ("", "empty"), ("..", "folder"),
                       ("x" * 10000, "255"), ("ä" * 128, "255"), ("00000000-0000-0000-0000-000000000001", "uuid")):
        world.write("a.xml", domain(name=name))
        world.fails(BAD_INPUT, ["a.xml:2: ", says], "define", "a.xml")
    world.write("a.xml", "<domain>\n</domain>\n")
    world.fails(BAD_INPUT, ["a.xml:1: ", "name"], "define", "a.xml")
    world.write("a.xml", domain().replace("<memory", "<uuid>12</uuid><memory"))
    world.fails(BAD_INPUT, ["a.xml:3: ", "uuid"], "define", "a.xml")
    world.nothing_recorded()


def unknown_machine(world):
    world.write("a.xml", domain(machine="pc-q35-99.9"))
    world.fails(NOT_FOUND, "pc-q35-99.9", "define", "a.xml")
    world.nothing_recorded()


def lost_machine(world):
    """The recorded machine is one that this QEMU no longer has."""
    world.ok("define", "-", text=domain(nic(1)))
    machine = json.loads(world.ok("list", "--all", "--json"))["guests"][0]["machine"]
    older = FAKE.replace("@QEMU@", QEMU).replace("@EDIT@", "text = text.replace('%s', 'pc-i440fx-1.0')" % machine)
    world.write("older", older, 0o755)
    world.environment["BERTH_QEMU"] = world.path("older")
    world.fails(NOT_FOUND, machine, "start", "guest")
    world.nothing_runs()


# ---- QEMU ----------------------------------------------------------------------------------------------------------------

# Hands QMP through and edits what QEMU says; only for the probe, which talks QMP on standard input and output or a socket.
FAKE = """#!/usr/bin/env python3
import os, sys, subprocess, threading, socket
argv = ['@QEMU@'] + sys.argv[1:]
if '-nodefaults' not in argv or 'stdio' not in ' '.join(argv):
    os.execv(argv[0], argv)
child = subprocess.Popen(argv, stdout=subprocess.PIPE)
for text in child.stdout:
    text = text.decode()
    @EDIT@
    sys.stdout.write(text)
    sys.stdout.flush()
sys.exit(child.wait())
"""


def no_qemu(world):
    world.environment["BERTH_QEMU"] = world.path("no-such-qemu")
    world.write("a.xml", domain(nic(1), machine="pc"))
    world.fails(NOT_FOUND, ["'pc'", "no-such-qemu"], "define", "a.xml")
    world.fails(NOT_FOUND, "no-such-qemu", "machines")
    world.fails(NOT_FOUND, "nowhere", "address", "a.xml", "--qemu", world.path("nowhere"))
    world.nothing_recorded()
    world.ok("define", "-", text=domain(nic(1)))
    world.fails(NOT_FOUND, "no-such-qemu", "start", "guest")
    check(world.ok("domstate", "guest").strip() == "shut off", "it runs")
    world.nothing_runs()


def starts_only(world, script):
    """A QEMU that answers the probe, and is @script when a guest is started."""
    world.write("bad", "#!/bin/sh\ncase \"$*\" in *control.qmp*) %s ;; esac\nexec %s \"$@\"\n" % (script, QEMU), 0o755)
    world.environment["BERTH_QEMU"] = world.path("bad")
    world.ok("define", "-", text=domain(nic(1)))


def qemu_dies(world):
    starts_only(world, "echo 'bad: the reason why' >&2; exit 3")
    world.fails(FAILED, ["guest", "the reason why"], "start", "guest")
    world.fails(FAILED, ["guest", "the reason why"], "run", "guest")
    check(world.ok("domstate", "guest").strip() == "shut off", "it runs")
    world.nothing_runs()


def qemu_dies_of_its_options(world):
    disk = "    <disk type='file'><source file='/no/such/image'/><target dev='vda' bus='virtio'/></disk>\n"
    world.ok("define", "-", text=domain(disk))
    world.fails(FAILED, "/no/such/image", "start", "guest")
    check(world.ok("domstate", "guest").strip() == "shut off", "it runs")
    world.nothing_runs()


def qemu_is_silent(world):
    starts_only(world, "exec sleep 1000")
    began = time.monotonic()
    world.fails(FAILED, "guest", "start", "guest")
    check(time.monotonic() - began < 60, "it took %d s", time.monotonic() - began)
    check(world.ok("domstate", "guest").strip() == "shut off", "it runs")
    world.nothing_runs()


def probe_dies(world):
    world.write("bad", "#!/bin/sh\necho 'bad: no probe today' >&2\nexit 1\n", 0o755)
    world.environment["BERTH_QEMU"] = world.path("bad")
    world.write("a.xml", domain(nic(1)))
    world.fails(FAILED, "no probe today", "define", "a.xml")
    world.fails(FAILED, "no probe today", "machines")
    world.nothing_recorded()


def probe_talks_garbage(world):
    world.write("bad", "#!/bin/sh\nhead -c 100000 /dev/urandom\nexit 0\n", 0o755)
    world.environment["BERTH_QEMU"] = world.path("bad")
    world.write("a.xml", domain(nic(1)))
    world.fails(FAILED, "bad", "define", "a.xml")
    world.nothing_recorded()


# ---- the command line ----------------------------------------------------------------------------------------------------

def usage(world):
    check("Usage:" in world.ok() and "define" in world.ok("--help"), "no help")
    check(world.ok("--version").startswith("berth "), "no version")
    world.fails(USAGE, ["defin", "define"], "defin")
    world.fails(USAGE, "xyzzy", "xyzzy")
    world.fails(USAGE, "--nonsense", "define", "--nonsense")
    world.fails(USAGE, "--nonsense", "--nonsense")
    for words in (["define"], ["define", "a", "b"], ["list", "a"], ["start"], ["dumpxml", "a", "--revision", "x"],
                  ["dumpxml", "a", "--revision", "-1"], ["dumpxml", "a", "--revision", "0"], ["define", "-", "--json"],
                  ["list", "--name", "--json"], ["shutdown", "a", "--timeout", "-1"], ["command", "-", "--format", "poem"],
                  ["address", "-", "--record", "a", "--previous", "b"]):
        world.fails(USAGE, "", *words, text=domain())
    for verb in ("address", "plan", "command", "define", "undefine", "list", "dumpxml", "history", "forget", "start", "run",
                 "shutdown", "destroy", "domstate", "dominfo", "devices", "verify", "machines", "reboot", "reset", "suspend", "resume",
                 "domiflist", "domblklist", "domid", "domname", "domuuid", "domdisplay", "vncdisplay", "autostart",
                 "console", "ttyconsole"):
        check("berth " + verb in world.ok(verb, "--help"), "%s has no help", verb)
    world.nothing_recorded()


def no_guest(world):
    for verb in ("undefine", "dumpxml", "history", "forget", "start", "run", "shutdown", "destroy", "domstate", "dominfo",
                 "devices", "verify", "command", "reboot", "reset", "suspend", "resume", "domiflist", "domblklist", "domid", "domname",
                 "domuuid", "domdisplay", "vncdisplay", "autostart",
                 "console", "ttyconsole"):
        world.fails(NOT_FOUND, "absent", verb, "absent")
    check(world.ok("list", "--all") == "", "there is something")
    check(json.loads(world.ok("list", "--all", "--json")) == {"guests": []}, "not an empty list")
    check(not os.path.exists(world.state_folder), "a folder was made")


def not_running(world):
    world.ok("define", "-", text=domain(nic(1)))
    for verb in ("destroy", "shutdown", "verify"):
        world.fails(USAGE, ["guest", "not running"], verb, "guest")


def closed_pipe(world):
    world.ok("define", "-", text=domain("".join(nic(n) for n in range(20))))
    end = subprocess.run("'%s' dumpxml guest | head -c 1; exit 0" % BERTH, shell=True, env=world.environment, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE)
    check(end.stderr == b"", "said %r", end.stderr)
    for words in (["dumpxml", "guest"], ["start", "--help"], ["help", "start"]):
        with open("/dev/full", "w") as full:
            end = subprocess.run([BERTH] + words, env=world.environment, stdout=full, stderr=subprocess.PIPE)
        check(end.returncode == FAILED and end.stderr.count(b"\n") == 1, "%s: %d: %r", words, end.returncode, end.stderr)


# ---- what works ----------------------------------------------------------------------------------------------------------

def definitions(world):
    world.write("a.xml", domain(nic(1) + nic(2, "e1000")))
    check(world.ok("define", "a.xml", "--dry-run") != "", "a dry run says nothing")
    world.nothing_recorded()
    check(world.ok("define", "a.xml") == "Domain 'guest' defined from a.xml\n", "virsh says it otherwise")
    check(stat.S_IMODE(os.stat(world.state_folder).st_mode) == 0o700, "others can read the state")
    check(world.ok("list") == "", "it runs")
    check(world.ok("list", "--all", "--name") == "guest\n", "it is not listed")
    first = world.ok("dumpxml", "guest")
    check(first.count("<address type='pci'") >= 2 and "<uuid>" in first, "no addresses: %s", first)
    world.ok("define", "a.xml")
    check(len(json.loads(world.ok("history", "guest", "--json"))["history"]) == 1, "a definition that changes nothing is a revision")
    world.ok("define", "-", text=first)
    check(len(json.loads(world.ok("history", "guest", "--json"))["history"]) == 1, "its own output changes it")

    world.ok("define", "-", text=domain(nic(2, "e1000")))
    history = json.loads(world.ok("history", "guest", "--json"))["history"]
    check(len(history) == 2 and "52:54:00:00:00:01" in history[1]["went"][0] and not history[1]["came"], "history: %s", history)
    check(world.ok("dumpxml", "guest", "--revision", "1") == first, "the first revision is another one now")
    world.fails(NOT_FOUND, "revision 3", "dumpxml", "guest", "--revision", "3")
    world.ok("define", "a.xml")
    check([line for line in world.ok("dumpxml", "guest").splitlines() if "address" in line and "interface" in line]
          == [line for line in first.splitlines() if "address" in line and "interface" in line], "it did not get its place back")
    uuid = json.loads(world.ok("dominfo", "guest", "--json"))["guest"][0]["uuid"]
    check(world.ok("dumpxml", uuid) == world.ok("dumpxml", "guest"), "the uuid names another guest")
    check(world.ok("undefine", "guest") == "Domain 'guest' has been undefined\n", "virsh says it otherwise")
    check(world.ok("list", "--all") == "", "it is still there")


def added_controllers(world):
    """A controller that was added goes when it is detached, unless something needs it."""
    channel = "<channel type='unix'><target type='virtio' name='c'/></channel>"
    world.ok("define", "-", text=domain(nic(1)))
    world.ok("attach-device", "guest", "-", "--config", text=channel)
    for alias in ("virtio-serial0", "usb"):
        world.fails(USAGE, "it would come back", "detach-device-alias", "guest", alias, "--config")
    world.ok("detach-device", "guest", "-", "--config", text=channel)
    world.ok("detach-device-alias", "guest", "virtio-serial0", "--config")
    check("virtio-serial" not in world.ok("dumpxml", "guest"), "it is still there")
    check(len(world.rows("history", "guest")) == 4, "history: %s", world.rows("history", "guest"))


def forgetting(world):
    world.ok("define", "-", text=domain(nic(1) + nic(2)))
    world.fails(NOT_FOUND, "guest", "forget", "guest")
    world.ok("define", "-", text=domain(nic(2)))
    world.fails(NOT_FOUND, "52:54:00:00:00:02", "forget", "guest", "52:54:00:00:00:02")
    check("1 kept place" in world.ok("forget", "guest", "mac=52:54:00:00:00:01"), "nothing was forgotten")
    history = json.loads(world.ok("history", "guest", "--json"))["history"]
    check([h["command"] for h in history] == ["define", "define", "forget"], "history: %s", history)
    world.fails(NOT_FOUND, "guest", "forget", "guest")


def identities(world):
    uuid = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    with_uuid = domain().replace("<memory", "<uuid>%s</uuid><memory" % uuid.upper())
    world.ok("define", "-", text=with_uuid)
    check(json.loads(world.ok("list", "--all", "--json"))["guests"][0]["uuid"] == uuid, "another uuid")
    world.fails(CONFLICT, ["stdin:3: ", uuid, "guest"], "define", "-", text=with_uuid.replace(">guest<", ">other<"))
    world.fails(CONFLICT, ["stdin:2: ", "guest"], "define", "-", text=with_uuid.replace("AAAAAAAA", "BBBBBBBB"))
    world.ok("define", "-", text=domain())
    check(world.ok("list", "--all", "--name") == "guest\n", "there are two")


def taken_place(world):
    """An explicit address on the recorded place of another device of the document."""
    first = domain(nic(1) + nic(2))
    world.ok("define", "-", text=first)
    row = [r for r in json.loads(world.ok("devices", "guest", "--json"))["devices"] if r["identity"].endswith("00:00:01")][0]
    slot = row["address"].split(":")[-1].split(".")[0]
    written = "<address type='pci' domain='0' bus='0' slot='0x%s' function='0'/>" % slot
    before = world.ok("dumpxml", "guest")
    world.fails(CONFLICT, "stdin:", "define", "-", text=domain(nic(1) + nic(2) + nic(3, more=written)))
    check(world.ok("dumpxml", "guest") == before, "the definition has changed")
    world.ok("define", "--allow-move", "-", text=domain(nic(1) + nic(2) + nic(3, more=written)))


def filtering(world):
    world.write("a.xml", domain(nic(1) + nic(2)))
    first = world.ok("address", "a.xml", "--record", "r")
    check(os.path.exists(world.path("r")), "no record was written")
    check(world.ok("address", "-", text=first) == first, "its own output changes")
    world.write("b.xml", domain(nic(2) + nic(3)))
    world.ok("address", "b.xml", "--record", "r", "--output", "out.xml")
    with open(world.path("out.xml")) as text:
        second = text.read()
    place = [line for line in first.splitlines() if "00:02" in line]
    check(place and place[0] in second, "it moved: %s", second)
    world.write("old.xml", first)
    check(place[0] in world.ok("address", "b.xml", "--previous", "old.xml"), "it moved with --previous")
    embedded = world.ok("address", "a.xml", "--embed")
    again = world.ok("address", "-", "--embed", text=embedded)
    check("<metadata>" in embedded and world.ok("address", "-", "--embed", text=again) == again, "--embed is not stable")
    world.nothing_recorded()


def odd_texts(world):
    """Whatever XML can say is remembered, or not, but in a record that can be read."""
    usb = "<controller type='usb' index='0' model='qemu-xhci'%s>%s</controller>"
    image = "<source file='/i'/><target dev='vda' bus='virtio'/>"
    oddities = [usb % ("", "<my:note xmlns:my='urn:my' owner='ops'/>"), usb % (" xml:lang='de'", ""), usb % (" \u00e4='b'", "<gr\u00f6\u00dfe/>"),
                usb % ("", "<note>a\nb\u0085c</note>"), usb.replace("'0'", "'2147483647'") % ("", ""),
                "<disk type='file'>%s<serial>a&#10;b\x7f&#9;</serial></disk>" % image,
                "<channel type='unix'><target type='virtio' name='a&#10;b'/></channel>", nic(1, "vir&#10;tio"),
                "<interface type='network'><source network='a&#9;b'/></interface>", nic(1, "virtio", "<alias name='ua-&#x7f;'/>")]
    for number, odd in enumerate(oddities):
        world.write("odd.xml", domain(odd))
        record = "odd-%d" % number
        first = world.ok("address", "odd.xml", "--record", record)
        check(world.ok("address", "odd.xml", "--record", record) == first, "%s: other places", odd)
        world.ok("address", "-", "--record", record, text=domain(nic(2)))
        world.ok("address", "odd.xml", "--record", record)
    refused(world, domain(usb.replace("'0'", "'2147483648'") % ("", "")), "malformed index '2147483648'")


def filter_failures(world):
    world.write("a.xml", domain(nic(1)))
    world.ok("address", "a.xml", "--record", "r", "--output", "o")
    kept = [open(world.path(name)).read() for name in "ro"]
    world.write("b.xml", domain(nic(2)))
    world.write("bad.xml", "<domain>")
    world.fails(BAD_INPUT, "bad.xml:1: ", "address", "bad.xml", "--record", "r", "--output", "o")
    world.fails(NOT_FOUND, "nowhere", "address", "b.xml", "--record", "r", "--output", "nowhere/o")
    world.fails(FAILED, "bad.xml/berth.db: ", "--state", "bad.xml", "list", "--all")
    world.fails(USAGE, "--state", "--state", "", "list")
    world.fails(NOT_FOUND, "nowhere", "address", "b.xml", "--record", "nowhere/r", "--output", "o")
    check(kept == [open(world.path(name)).read() for name in "ro"], "record or output has changed")
    os.mkfifo(world.path("pipe"))
    world.fails(USAGE, "pipe: not a regular file", "address", "b.xml", "--output", "pipe")
    world.write("r", "{\"version\": 1")
    world.fails(BAD_INPUT, "r:", "address", "b.xml", "--record", "r")
    newer = re.sub(r'"berth-record": *1', '"berth-record": 999', kept[0])
    world.write("r", newer)
    world.fails(BAD_INPUT, "r", "address", "b.xml", "--record", "r")
    check(open(world.path("r")).read() == newer, "a newer record was changed")


def commands(world):
    world.ok("define", "-", text=domain(nic(1)))
    argv = json.loads(world.ok("command", "guest", "--format", "json"))
    check(argv == world.ok("command", "guest", "--format", "argv").split("\0")[:-1], "json and argv differ")
    line = world.ok("command", "guest")
    check(line.count("\n") == 1, "not one line")
    folder, separator, line = line.partition(" && ")
    check(folder.startswith("mkdir -p -m 700 ") and separator, "nothing makes the monitors' folder: %s", folder)
    echoed = subprocess.run(["sh", "-c", "printf '%s\\0' " + line], stdout=subprocess.PIPE, encoding="utf-8").stdout
    check(echoed.split("\0")[:-1] == argv, "the shell reads something else")
    world.write("a.xml", domain(nic(1)))
    check("virtio-net-pci" in world.ok("command", "a.xml"), "no device")


def life(world):
    world.ok("define", "-", text=domain(nic(1)))
    check(world.ok("start", "guest", "--paused") == "Domain 'guest' started\n", "virsh says it otherwise")
    check(world.ok("domstate", "guest") == "paused\n", "state: %s", world.ok("domstate", "guest"))
    world.fails(CONFLICT, ["guest", "running"], "start", "guest")
    world.fails(CONFLICT, ["guest", "running"], "undefine", "guest")
    world.ok("verify", "guest")
    check(world.ok("shutdown", "guest") != "", "nothing said")
    check(world.ok("destroy", "guest") == "Domain 'guest' destroyed\n", "virsh says it otherwise")
    check(world.ok("domstate", "guest") == "shut off\n", "state: %s", world.ok("domstate", "guest"))
    world.nothing_runs()
    world.ok("undefine", "guest")


def foreground(world):
    """run stays with the guest, and ends it when it is told to."""
    world.ok("define", "-", text=domain(nic(1)))
    process = subprocess.Popen([BERTH, "run", "guest"], env=world.environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while world.ok("domstate", "guest") != "running\n" and time.monotonic() < deadline:
        time.sleep(0.1)
    check(world.ok("domstate", "guest") == "running\n", "it does not run")
    process.send_signal(signal.SIGTERM)
    check(process.wait(30) == 0, "run ended with %d: %s", process.returncode, process.stderr.read())
    check(world.ok("domstate", "guest") == "shut off\n", "state: %s", world.ok("domstate", "guest"))
    world.nothing_runs()


def unrecorded(world):
    """A supervisor that was killed before it recorded its QEMU: the next start ends that one first."""
    world.ok("define", "-", text=domain(nic(1)))
    argv = json.loads(world.ok("command", "guest", "--format", "json"))
    control = [word.split("path=")[1].split(",")[0] for word in argv if "control.qmp" in word][0]
    os.makedirs(os.path.dirname(control), mode=0o700)
    lost = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not os.path.exists(control) and time.monotonic() < deadline:
        time.sleep(0.05)
    world.ok("start", "guest", "--paused")
    check(lost.wait(10) is not None, "two QEMU run")
    world.ok("verify", "guest")
    world.ok("destroy", "guest")
    world.nothing_runs()


def told_to_end_early(world):
    """SIGTERM while QEMU comes up: nothing is left."""
    world.write("slow", "#!/bin/sh\ncase \"$*\" in *control.qmp*) sleep 1 ;; esac\nexec %s \"$@\"\n" % QEMU, 0o755)
    world.environment["BERTH_QEMU"] = world.path("slow")
    world.ok("define", "-", text=domain(nic(1)))
    process = subprocess.Popen([BERTH, "run", "guest", "--paused"], env=world.environment, stderr=subprocess.PIPE)
    time.sleep(0.6)
    process.send_signal(signal.SIGTERM)
    check(process.wait(30) == 0, "run ended with %d: %s", process.returncode, process.stderr.read())
    check(world.ok("domstate", "guest") == "shut off\n", "state: %s", world.ok("domstate", "guest"))
    world.nothing_runs()


def deep_state(world):
    """A state folder whose path leaves no room for a socket's."""
    world.environment["BERTH_STATE"] = os.path.join(world.folder, "d" * 100)
    world.environment["XDG_RUNTIME_DIR"] = world.folder
    world.ok("define", "-", text=domain(nic(1)))
    world.ok("start", "guest", "--paused")
    world.ok("verify", "guest")
    world.ok("destroy", "guest")
    world.nothing_runs()


def full_disk(world):
    """No file may grow: what a full disk is to a program."""
    world.ok("define", "-", text=domain(nic(1)))
    before = world.ok("dumpxml", "guest")

    def no_file_grows():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    line = world.fails(FAILED, "berth.db", "define", "-", text=domain("".join(nic(n) for n in range(2, 28))),
                       preexec_fn=no_file_grows)
    check("berth.db" in line, "the store is not named: %s", line)
    check(world.ok("dumpxml", "guest") == before, "the definition has changed")


def machines(world):
    rows = json.loads(world.ok("machines", "--json"))["machines"]
    alias = [row for row in rows if row["name"] == "pc"]
    check(alias and alias[0]["canonical"].startswith("pc-i440fx-"), "rows: %s", rows[:3])


BRIDGE = "<controller type='pci' index='%d' model='%s'>%s<address type='pci' bus='%d' slot='%d'/></controller>"


def bus_numbers(world):
    """What shifts guest bus numbers, and what the guest cannot see, is told by name before it is done."""
    old = ("<controller type='pci' index='0' model='pci-root'/>" + BRIDGE % (1, "pci-bridge", "", 0, 9) +
           nic(1, more="<address type='pci' bus='1' slot='3'/>"))
    new = old + BRIDGE % (2, "pci-bridge", "", 0, 4) + BRIDGE % (3, "pci-expander-bus", "<target busNr='254'/>", 0, 5)
    new += BRIDGE % (4, "pci-bridge", "", 3, 1) + nic(2, more="<address type='pci' bus='0' slot='8' function='3'/>")
    world.ok("define", "-", text=domain(old))
    record = os.path.join(world.folder, "shift.berth")
    world.ok("address", "-", "--record", record, text=domain(old))
    for words in (("define", "--dry-run", "-"), ("plan", "-", "--record", record)):
        run = world.run(*words, text=domain(new))
        check(run.returncode == 0, "%s", run.stderr)
        for note in ("guest bus numbers shift: controller pci 1: 1 → 2", "will not see what is behind controller pci 4",
                     "will not see interface 52:54:00:00:00:02: nothing is at function 0"):
            check(note in run.stderr, "%s: not noted: %s; but: %s", words[0], note, run.stderr)
    expander = "<controller type='pci' index='1' model='pci-expander-bus'><target busNr='%s'/></controller>"
    world.ok("define", "-", text=domain(expander % 100, name="expander"))
    run = world.run("define", "--dry-run", "-", text=domain(expander % 120, name="expander"))
    check("guest bus numbers shift: controller pci 1: 101 → 121" in run.stderr, "a changed busNr is not noted: %s", run.stderr)


def kept_ports(world):
    def free(*words):
        rows = list(json.loads(world.ok(*words, text=domain(nic(1), machine="pc-q35-7.2"))).values())[0]
        ports = [row for row in rows if row["kind"] == "pci/pcie-root-port"]
        return len(ports) - len([row for row in rows if row["path"].count("/") == 1])

    check(free("plan", "-", "--json") == 1, "not one free port by default")
    check(free("plan", "-", "--json", "--pcie-ports", "3") == 3, "not three free ports")
    check(free("plan", "-", "--json", "--pcie-ports", "0") == 0, "a free port that nobody wants")
    world.fails(2, "--pcie-ports", "plan", "-", "--pcie-ports", "many", text=domain())
    run = world.run("plan", "-", "--pcie-ports", "2", text=domain())
    check(run.returncode == 0 and "no PCI Express ports" in run.stderr, "no note on pc: %s", run.stderr)


TESTS = [
    ("shifting bus numbers and what the guest cannot see are told", bus_numbers, False),
    ("--pcie-ports keeps free ports", kept_ports, False),
    ("malformed XML is refused with its line", malformed, False),
    ("a DOCTYPE and entities are refused", doctype, False),
    ("100 MB of XML are refused", huge, False),
    ("deep nesting is refused", deep, False),
    ("a file that is not there, a folder", no_file, False),
    ("one address twice: both lines are named", duplicate_address, False),
    ("slots and functions out of range are refused", bad_address, False),
    ("one disk target twice is refused", duplicate_target, False),
    ("an unknown device model is refused, with its line", unknown_model, True),
    ("elements that are not libvirt's", strange_elements, True),
    ("MACs and sizes that make no sense are refused", bad_values, False),
    ("names with '/', ',', line breaks, 10,000 characters are refused", names, False),
    ("an unknown machine type is refused", unknown_machine, True),
    ("no QEMU: an error where one is needed", no_qemu, False),
    ("QEMU dies at start: what it said is shown", qemu_dies, True),
    ("QEMU dies of its options", qemu_dies_of_its_options, True),
    ("QEMU never answers: an end in time", qemu_is_silent, True),
    ("QEMU dies when it is probed", probe_dies, False),
    ("QEMU talks garbage when it is probed", probe_talks_garbage, False),
    ("a machine type that this QEMU no longer has", lost_machine, False),
    ("usage: help, suggestions, exit status 2", usage, False),
    ("a guest that is not there: exit status 3, no store made", no_guest, False),
    ("a guest that does not run", not_running, False),
    ("closed pipes and full outputs", closed_pipe, False),
    ("define, list, dumpxml, history, undefine", definitions, False),
    ("forget gives kept places away", forgetting, False),
    ("controllers that were added go when they are detached", added_controllers, False),
    ("names and uuids do not mix up guests", identities, False),
    ("a taken place is a conflict", taken_place, False),
    ("the filter keeps places through its record", filtering, False),
    ("odd texts are remembered in records that can be read", odd_texts, False),
    ("a filter that fails leaves its files alone", filter_failures, False),
    ("the command line in three forms", commands, False),
    ("start, verify, destroy", life, True),
    ("run in the foreground ends with SIGTERM", foreground, True),
    ("a QEMU that nobody recorded is ended by the next start", unrecorded, True),
    ("SIGTERM while QEMU comes up leaves nothing", told_to_end_early, True),
    ("a state folder too deep for sockets", deep_state, True),
    ("a full disk: nothing changes", full_disk, False),
    ("machines names what aliases stand for", machines, True),
]


def in_a_world(test, needs_qemu):
    if needs_qemu and QEMU is None:
        raise w.Skip("no qemu-system-x86_64")
    with World() as world:
        test(world)


if __name__ == "__main__":
    sys.exit(w.tap([(name, in_a_world, (test, needs_qemu)) for name, test, needs_qemu in TESTS], needs_qemu=False))
