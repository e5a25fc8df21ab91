#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What berth does when a monitor lies: an error in bounded time, nothing left running or pending, or success all the same.

  liar.py BERTH

Each verb is run once to see which QMP commands it gives; then each of them is lied about in each way (tests/lying-qemu.py). A sample
of them; BERTH_SLOW=1: all. BERTH_TEST_SEED sets the seed.
"""
import json
import os
import random
import sqlite3
import sys
import time

from world import (QEMU, SEED, SLOW, Failed, World, back_ends, check, disk, machine_domain, nic, peripherals,
                   qemus, scsi, tap, usb, verified)

HARMLESS = ["late", "events first", "twice"]
HARMFUL = ["garbage", "not utf-8", "no id", "not an object", "wrong type", "nothing in it", "neither", "refusal", "half", "closed",
           "closed after", "dies"]
SLOW_ONES = ["never", "swallowed", "wrong id", "huge"]  # they end with a time limit
# An answer that says that it was done, although it was not: a request that stands is right.
BELIEVED = {("device_del", "wrong type"), ("device_del", "nothing in it")}
LIMIT = 90 if SLOW else 60
SAMPLE = 5


class Liar(World):
    """A world whose QEMU lies when it is told to."""

    def __init__(self):
        super().__init__()
        self.lies = os.path.join(self.folder, "lies")
        os.mkdir(self.lies)
        self.environment["BERTH_QEMU"] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lying-qemu.py")
        self.environment["BERTH_LIE_QEMU"] = QEMU
        self.environment["BERTH_LIE_FOLDER"] = self.lies

    def script(self, monitor=None, command=None, lie=None):
        with open(os.path.join(self.lies, "script.new"), "w") as out:
            out.write(json.dumps({"monitor": monitor, "command": command, "lie": lie}) + "\n")
        os.rename(os.path.join(self.lies, "script.new"), os.path.join(self.lies, "script"))

    def commands(self):
        """(monitor, command) since the last call, each once."""
        path, seen = os.path.join(self.lies, "log"), []
        if os.path.exists(path):
            with open(path) as log:
                seen = list(dict.fromkeys(tuple(line.split(" ", 1)) for line in log.read().splitlines()))
            os.unlink(path)
        return seen

    def pending(self):
        with sqlite3.connect(os.path.join(self.state_folder, "berth.db")) as store:
            return store.execute("SELECT device, state FROM changes").fetchall()

    def restart(self):
        self.script()
        if self.state("guest") not in ("paused", "running"):
            self.berth("start", "guest", "--paused")


class Verb:
    """words, and what must be so before."""

    def __init__(self, *words, ready=None, may_always_work=False):
        self.words, self.ready, self.may_always_work = words, ready or Liar.restart, may_always_work


def off(world):
    world.script()
    world.run("destroy", "guest")


def without_disk(world):
    Liar.restart(world)
    if "scsi0-0-0-0" in peripherals(world):
        world.run("detach-device", "guest", os.path.join(world.folder, "disk.xml"))


def with_disk(world):
    Liar.restart(world)
    if "scsi0-0-0-0" not in peripherals(world):
        world.berth("attach-device", "guest", os.path.join(world.folder, "disk.xml"))


def unprobed(world):
    off(world)
    facts = os.path.join(world.state_folder, "cache", "facts")
    for name in os.listdir(facts):
        os.unlink(os.path.join(facts, name))


VERBS = [
    Verb("machines", ready=unprobed),
    Verb("start", "guest", ready=off),
    Verb("attach-device", "guest", "disk.xml", ready=without_disk),
    Verb("detach-device", "guest", "disk.xml", ready=with_disk),
    Verb("verify", "guest"),
    Verb("suspend", "guest"),
    Verb("reset", "guest"),
    Verb("shutdown", "guest"),
    Verb("destroy", "guest", may_always_work=True),
]


def look(world, verb, monitor, command, lie):
    """One lie, and whether all is as it should be afterwards."""
    what = "%s: %s on %s %s" % (" ".join(verb.words), lie, monitor, command)
    verb.ready(world)
    words = [os.path.join(world.folder, w) if w.endswith(".xml") else w for w in verb.words]
    world.script(monitor, command, lie)
    begun = time.monotonic()
    answer = world.run(*words)
    took = time.monotonic() - begun
    world.script()
    check(took < LIMIT, "%s: it took %.0f s" % (what, took))
    check(answer.returncode >= 0, "%s: killed by signal %d" % (what, -answer.returncode))
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines()
        check(len(lines) == 1 and lines[0].startswith("berth: ") and lines[0].isprintable(), "%s: it said %r" % (what, answer.stderr))
    if (lie in HARMLESS and command != "connect") or verb.may_always_work:
        check(answer.returncode == 0, "%s: exit status %d: %s" % (what, answer.returncode, answer.stderr))
    try:
        whole(world, verb, answer.returncode)
    except Failed as problem:
        raise Failed("%s (exit status %d: %s): %s" % (what, answer.returncode, answer.stderr.strip(), problem)) from problem


def whole(world, verb, status):
    """The store is what QEMU has, nothing is pending, and no process is left over."""
    state = world.state("guest")
    if state in ("running", "paused"):
        rows = verified(world)
        there = set(peripherals(world))
        recorded = {r["id"] for r in rows}
        check(there <= recorded, "QEMU has more: %s" % (there - recorded))
        check(not world.pending(), "pending: %s" % world.pending())
        disks = [r for r in rows if r["device"] == "disk"]
        nodes = [n for n in back_ends(world)[0] if n.startswith("libvirt") or "scsi" in n or "disk" in n]
        check(disks or not nodes, "back ends were left: %s" % nodes)
        if status == 0 and verb.words[0] in ("attach-device", "detach-device"):
            check(bool(disks) == (verb.words[0] == "attach-device"), "the disk is %s" % ("there" if disks else "not there"))
        check(verb.words[0] != "start" or status == 0, "it runs")
    else:
        left = qemus(world)
        deadline = time.monotonic() + 10
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            left = qemus(world)
        check(not left, "QEMU is left: %s" % left)
        check(not (verb.words[0] == "start" and status == 0), "it does not run")


def prepared(world):
    world.file("disk.xml", disk(world, "sda"))
    world.script()
    world.berth("define", "-", text=machine_domain("pc", [scsi(), usb(), nic(0)]))


def every_lie(verb):
    chance = random.Random("%d %s" % (SEED, verb.words[0]))
    with Liar() as world:
        prepared(world)
        verb.ready(world)
        world.commands()
        words = [os.path.join(world.folder, w) if w.endswith(".xml") else w for w in verb.words]
        world.berth(*words)
        commands = world.commands()
        check(commands, "it asks QEMU nothing")
        lies = [(m, c, lie) for m, c in commands for lie in HARMLESS + HARMFUL + (SLOW_ONES if SLOW else [])
                if (c, lie) not in BELIEVED]
        if not SLOW:
            lies = chance.sample(lies, min(SAMPLE, len(lies)))
        failed = []
        for monitor, command, lie in lies:
            try:
                look(world, verb, monitor, command, lie)
            except Failed as problem:
                failed.append(str(problem))
        check(not failed, "seed %d: %d of %d:\n%s" % (SEED, len(failed), len(lies), "\n".join(failed)))


def lost_answer():
    """QEMU has done what it was told, and nobody hears of it."""
    with Liar() as world:
        prepared(world)
        for verb, command, lie in ((VERBS[2], "device_add", "swallowed"), (VERBS[3], "device_del", "swallowed")):
            look(world, verb, "control", command, lie)


def tests():
    for verb in VERBS:
        yield "%s: any lie of a monitor" % verb.words[0], every_lie, (verb,)
    yield "a lost answer is asked for", lost_answer, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
