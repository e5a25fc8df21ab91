#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What berth does when a monitor lies: an error in bounded time, nothing left running or pending, or success all the same.

  liar.py BERTH

Each verb is run once to see which QMP commands it gives; then each of them is lied about in each way (tests/lying-qemu.py). A sample
of them, and the lies of the row itself; BERTH_SLOW=1: all. BERTH_TEST_SEED sets the seed.
"""
import concurrent.futures
import json
import os
import random
import re
import sqlite3
import sys
import time

from world import (QEMU, SEED, SLOW, Failed, World, ask, back_ends, check, disk, lying, machine_domain, nic, peripherals, processes,
                   scsi, tap, usb, wait_for)

HARMLESS = ["late", "events first", "twice"]
HARMFUL = ["garbage", "not utf-8", "no id", "not an object", "wrong type", "nothing in it", "neither", "refusal", "half", "closed",
           "closed after", "dies"]
SLOW_ONES = ["never", "swallowed", "wrong id", "huge"]  # they end with a time limit
# QEMU is not given the command, and yet it is said to be done.
UNTRUE = ["wrong type", "nothing in it"]
LIMIT = 120 if SLOW else 60
SAMPLE = 2
AT_ONCE = 8 if SLOW else 4
MEMORY = "  <maxMemory slots='4' unit='MiB'>1024</maxMemory>\n  <vcpu current='1'>3</vcpu>\n" \
         "  <cpu><numa><cell id='0' cpus='0-2' memory='256' unit='MiB'/></numa></cpu>\n"
MAC = "52:54:00:00:01:00"


def ballooning(size):
    return ("<memory model='virtio-mem'><target><size unit='MiB'>256</size><node>0</node><block unit='MiB'>2</block>"
            "<requested unit='MiB'>%d</requested></target></memory>" % size)


class Liar(World):
    """A world whose QEMU lies when it is told to."""

    def __init__(self):
        super().__init__()
        self.lies = lying(self)
        self.cable, self.ran = None, False  # what QEMU was told: the cable of its NIC; to let the guest run
        self.other = self.incoming = None  # where its guest goes, and who waits for it there

    def __exit__(self, *error):
        self.script()
        super().__exit__(*error)
        if self.other:
            self.other.__exit__(*error)
        give_up(self)

    def script(self, monitor=None, command=None, lie=None):
        with open(os.path.join(self.lies, "script.new"), "w") as out:
            out.write(json.dumps({"monitor": monitor, "command": command, "lie": lie}) + "\n")
        os.rename(os.path.join(self.lies, "script.new"), os.path.join(self.lies, "script"))

    def commands(self):
        """(monitor, command) since the last call, each once."""
        path, seen = os.path.join(self.lies, "log"), []
        if os.path.exists(path):
            with open(path) as log:
                lines = [json.loads(line) for line in log.read().splitlines()]
            seen = list(dict.fromkeys((monitor, command) for monitor, command, _, _ in lines))
            for _, command, given, arguments in lines:
                if command == "set_link" and given:
                    self.cable = "up" if arguments["up"] else "down"
                self.ran |= command == "cont" and given
            os.unlink(path)
        return seen

    def pending(self):
        with sqlite3.connect(os.path.join(self.state_folder, "berth.db")) as store:
            return store.execute("SELECT device, state FROM changes").fetchall()

    def path(self, name):
        return os.path.join(self.folder, name)

    def prepare(self):
        for name in ("one.iso", "two.iso"):
            with open(self.path(name), "wb") as image:
                image.truncate(1 << 20)
        drive = ("<disk type='file' device='cdrom'><source file='%s'/><target dev='hdc' bus='ide'/><readonly/></disk>"
                 % self.path("one.iso"))
        self.file("disk.xml", disk(self, "sda"))
        self.file("memory.xml", ballooning(64))
        self.script()
        self.berth("define", "-", text=machine_domain("pc", [scsi(), usb(), nic(0), drive, ballooning(0)], MEMORY))


# ---- what must be so before ----

def off(world):
    world.script()
    world.run("destroy", "guest")
    while managed(world, ".save.used"):
        os.unlink(managed(world, ".save.used"))


def fresh(world):
    off(world)
    world.berth("start", "guest", "--paused")
    world.cable = None


def paused(world):
    world.script()
    state = world.state("guest")
    if state == "running":
        world.berth("suspend", "guest")
    elif state != "paused":
        fresh(world)


def running(world):
    paused(world)
    world.berth("resume", "guest")


def without_disk(world):
    paused(world)
    if "scsi0-0-0-0" in peripherals(world):
        world.run("detach-device", "guest", world.path("disk.xml"))


def with_disk(world):
    paused(world)
    if "scsi0-0-0-0" not in peripherals(world):
        world.berth("attach-device", "guest", world.path("disk.xml"))


def with_one(world):
    paused(world)
    if "one.iso" not in world.berth("domblklist", "guest"):
        world.berth("change-media", "guest", "hdc", world.path("one.iso"), "--update")


def plugged_in(world):
    paused(world)
    if "up" not in world.berth("domif-getlink", "guest", MAC):
        world.berth("domif-setlink", "guest", MAC, "up")


def unprobed(world):
    off(world)
    facts = os.path.join(world.state_folder, "cache", "facts")
    for name in os.listdir(facts):
        os.unlink(os.path.join(facts, name))


def with_file(world):
    running(world)
    if os.path.exists(world.path("saved")):
        os.unlink(world.path("saved"))


def saved(world):
    with_file(world)
    world.berth("save", "guest", world.path("saved"))


def kept(world):
    running(world)
    world.berth("managedsave", "guest")


def give_up(world):
    """Nobody may have come; else the destination ends with its guest, or with what it was told."""
    if world.incoming and os.path.exists(world.path("way")):
        world.incoming.terminate()
    if world.incoming:
        world.incoming.communicate(timeout=LIMIT)


def moving(world):
    """The guest runs here, and is expected in a store that has never heard of it."""
    world.other = world.other or Liar()
    world.other.script()
    if world.other.guests():
        world.other.run("destroy", "guest")
        world.other.berth("undefine", "guest")
    give_up(world)
    running(world)
    world.other.commands()
    world.other.ran = False
    world.incoming = world.other.begin("run", "--incoming", "unix:" + world.path("way"))
    wait_for(lambda: os.path.exists(world.path("way")), 10, "the destination listens")


# ---- what must be so after it was done ----

def has_disk(world):
    return "scsi0-0-0-0" in peripherals(world)


def is_saved(world):
    return world.state("guest") == "shut off" and os.path.exists(world.path("saved"))


def is_kept(world):
    return world.state("guest") == "shut off" and "scsi" in world.berth("save-image-dumpxml", managed(world))


def managed(world, *others):
    """The state that berth keeps, if any; with an ending: also one that may have been used."""
    found = [os.path.join(folder, name) for folder, _, names in os.walk(world.state_folder) for name in names
             if name.endswith((".save",) + others)]
    check(len(found) < 2, "several states: %s" % found)
    return found[0] if found else None


def still_saved(world, _answer):
    return world.state("guest") == "shut off" and (os.path.exists(world.path("saved")) or managed(world, ".save.used"))


def is_there(world):
    return world.state("guest") == "shut off" and world.other.state("guest") == "running"


def is_here(world, answer):
    """Nothing is left of it there; or nobody can know whether something is, and then it must not run here."""
    if "is left paused here" in answer.stderr:
        return world.state("guest") == "paused"
    world.other.commands()
    check(not world.other.ran, "it has run there, too")
    return not world.other.guests() and world.state("guest") == "running"


def state_is(wanted):
    return lambda world: world.state("guest") == wanted


class Verb:
    """words; what must be so before; what is so if it was done. keeps: what must be so if it was not, for nothing may be lost. tries:
    lies that are never left out. liar: whose QEMU it is that lies."""

    def __init__(self, *words, ready=paused, done=None, keeps=None, tries=(), liar=lambda world: world, title=None):
        self.words, self.ready, self.done, self.keeps = words, ready, done, keeps
        self.tries, self.liar, self.title = tries, liar, title or " ".join(words)

    def run(self, world):
        return world.run(*[world.path(w) if w.endswith((".xml", ".iso", "saved")) else w.replace("WAY", "unix:" + world.path("way"))
                           for w in self.words])


VERBS = [
    Verb("machines", ready=unprobed),
    Verb("start", "guest", ready=off, done=state_is("running")),
    Verb("attach-device", "guest", "disk.xml", ready=without_disk, done=has_disk, tries=[("device_add", "swallowed")]),
    Verb("detach-device", "guest", "disk.xml", ready=with_disk, done=lambda w: not has_disk(w), tries=[("device_del", "swallowed")]),
    Verb("change-media", "guest", "hdc", "two.iso", "--update", ready=with_one, done=lambda w: "two.iso" in w.berth("domblklist", "guest"),
         tries=[("blockdev-insert-medium", "closed after")]),
    Verb("domif-setlink", "guest", MAC, "down", ready=plugged_in, done=lambda w: "down" in w.berth("domif-getlink", "guest", MAC),
         tries=[("set_link", "closed after"), ("set_link", "half")]),
    Verb("update-device", "guest", "memory.xml", ready=fresh, done=lambda w: requested(w) == 64, tries=[("qom-set", "closed after")]),
    Verb("setvcpus", "guest", "2", ready=fresh, done=lambda w: w.berth("vcpucount", "guest", "--live", "--active").split() == ["2"],
         tries=[("device_add", "closed after")]),
    Verb("verify", "guest"),
    Verb("suspend", "guest", ready=running, done=state_is("paused")),
    Verb("resume", "guest", done=state_is("running")),
    Verb("reset", "guest"),
    Verb("shutdown", "guest"),
    Verb("reboot", "guest"),
    Verb("save", "guest", "saved", ready=with_file, done=is_saved, tries=[("migrate", "closed after"), ("query-migrate", "closed")]),
    Verb("restore", "saved", ready=saved, done=state_is("running"), keeps=still_saved),
    Verb("managedsave", "guest", ready=running, done=is_kept),
    Verb("start", "guest", ready=kept, done=lambda w: w.state("guest") == "running" and not managed(w), keeps=still_saved,
         tries=[("cont", "closed after")]),
    Verb("migrate", "guest", "--to", "WAY", ready=moving, done=is_there, keeps=is_here, tries=[("query-migrate", "closed")]),
    Verb("migrate", "guest", "--to", "WAY", ready=moving, done=is_there, keeps=is_here, liar=lambda world: world.other,
         tries=[("cont", "closed after"), ("cont", "dies")], title="run --incoming"),
]


def requested(world):
    """What is recorded, in MiB; 0 if none is."""
    found = re.search(r"<requested unit='(\w+)'>(\d+)<", world.berth("dumpxml", "guest", "--live"))
    return int(found[2]) if found else 0


# ---- one lie ----

def one_line(what, answer, lie):
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines()
        # A QEMU that died before the verb came to it does not run.
        check(answer.returncode in (1, 4, 5) + ((2,) if lie == "dies" else ()), "%s: exit status %d: %s" % (what, answer.returncode, answer.stderr))
        check(len(lines) == 1 and lines[0].startswith("berth: ") and lines[0].isprintable(), "%s: it said %r" % (what, answer.stderr))


def look(world, verb, monitor, command, lie):
    """One lie, and whether all is as it should be afterwards."""
    what = "%s: %s on %s %s" % (verb.title, lie, monitor, command)
    verb.ready(world)
    before = world.state("guest")
    liar = verb.liar(world)
    liar.script(monitor, command, lie)
    begun = time.monotonic()
    answer = verb.run(world)
    took = time.monotonic() - begun
    liar.script()
    check(took < LIMIT, "%s: it took %.0f s" % (what, took))
    check(answer.returncode >= 0, "%s: killed by signal %d" % (what, -answer.returncode))
    one_line(what, answer, lie)
    if lie in HARMLESS and command != "connect":
        check(answer.returncode == 0, "%s: exit status %d: %s" % (what, answer.returncode, answer.stderr))
    try:
        if answer.returncode != 0:
            give_up(world)
        for one in (world, world.other):
            if one and one.guests():
                whole(one, lie)
        if answer.returncode == 0 and verb.done and lie not in UNTRUE and lie != "dies":
            check(verb.done(world), "it was not done")
        elif answer.returncode != 0:
            kept_whole(world, verb, lie, before, answer)
    except Failed as problem:
        raise Failed("%s (exit status %d, %.0f s: %s): %s" % (what, answer.returncode, took, answer.stderr.strip(), problem)) from problem


def kept_whole(world, verb, lie, before, answer):
    """A verb that has failed has lost nothing."""
    if lie != "dies" and before in ("running", "paused") and not world.other:
        # A guest that was halted, or let go on, although nobody heard of it, is no loss.
        alike = ("running", "paused") if verb.words[0] in ("suspend", "resume") else (before,)
        check(world.state("guest") in alike, "it was %s and is %s" % (before, world.state("guest")))
    if verb.keeps and (lie != "dies" or verb.liar(world) != world or before == "shut off"):
        check(verb.keeps(world, answer), "its state was lost: it is %s" % world.state("guest"))


def whole(world, lie):
    """The store is what QEMU has, nothing is pending, and no process or socket is left over."""
    if lie == "dies":  # its process ends a moment after its monitor
        wait_for(lambda: world.state("guest") not in ("running", "paused") or world.run("verify", "guest").returncode == 0, 10, "its end")
    state = world.state("guest")
    if state in ("running", "paused"):
        answer = world.run("verify", "guest", "--json")
        check(answer.returncode == 0 or (answer.returncode == 5 and lie in UNTRUE), "verify: %s%s" % (answer.stdout, answer.stderr))
        check(not world.pending(), "pending: %s" % world.pending())
        if lie not in UNTRUE:
            as_recorded(world, list(json.loads(answer.stdout).values())[0], lie)
    else:
        wait_for(lambda: not processes(world, "path=" + world.state_folder), 10, "QEMU has ended")
    left = [name for folder, _, names in os.walk(world.state_folder) for name in names
            if name == "move.sock" or (name.endswith((".qmp", ".part")) and state not in ("running", "paused"))]
    check(not left, "files are left: %s" % left)


def as_recorded(world, rows, lie):
    """What verify does not look at, or may be wrong about. What QEMU refuses to take back is left there, until its name is needed."""
    there, recorded = set(peripherals(world)), {r["id"] for r in rows}
    extra = {name for name in there - recorded if not name.startswith("vcpu")}
    check(not extra, "QEMU has more: %s" % extra)
    disks = [r for r in rows if r["id"] == "scsi0-0-0-0"]
    nodes = [n for n in back_ends(world)[0] if "scsi" in n]
    check(disks or not nodes or lie == "refusal", "back ends were left: %s" % nodes)
    drives = {d["inserted"]["file"] for d in ask(world, {"execute": "query-block"}) if d.get("qdev") and "inserted" in d}
    listed = set(world.berth("domblklist", "guest").split()[2:][1::2]) - {"-"}
    check(listed == drives, "recorded: %s\nin the drives: %s" % (listed, drives))
    world.commands()
    cable = world.berth("domif-getlink", "guest", MAC).split()[-1]
    check(world.cable in (None, cable), "its cable is recorded %s, QEMU was told %s" % (cable, world.cable))
    balloon = [n for n in there if n.startswith("dimm")]
    size = ask(world, {"execute": "qom-get", "arguments": {"path": "/machine/peripheral/" + balloon[0], "property": "requested-size"}})
    check(size == requested(world) << 20, "requested is recorded %d MiB, QEMU has %d" % (requested(world), size))


# ---- all of them ----

def lies_of(verb, commands):
    chance = random.Random("%d %s" % (SEED, verb.title))
    lies = [(m, c, lie) for m, c in commands for lie in HARMLESS + HARMFUL + (SLOW_ONES if SLOW else [])]
    if SLOW:
        return lies
    always = [(m, c, lie) for m, c in commands for command, lie in verb.tries if c == command]
    return chance.sample(lies, min(SAMPLE, len(lies))) + always


def tell_lies(verb, part=0, parts=1):
    with Liar() as world:
        world.prepare()
        verb.ready(world)
        verb.liar(world).commands()
        answer = verb.run(world)
        check(answer.returncode == 0, "%s: %s" % (verb.title, answer.stderr))
        commands = verb.liar(world).commands()
        check(commands, "it asks QEMU nothing")
        lies, failed = lies_of(verb, commands), []
        for monitor, command, lie in lies[part::parts]:
            try:
                look(world, verb, monitor, command, lie)
            except Failed as problem:
                failed.append(str(problem))
        check(not failed, "seed %d: %d of %d:\n%s" % (SEED, len(failed), len(lies[part::parts]), "\n".join(failed)))


def tests():
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    parts = 4 if SLOW else 1
    for number, verb in enumerate(VERBS):
        for part in range(parts):
            name = "%s: any lie of a monitor%s" % (verb.title, ", part %d" % (part + 1) if parts > 1 else "")
            if os.environ.get("BERTH_TEST_ONLY", "") in name:
                yield name, pool.submit(tell_lies, verb, part, parts).result, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
