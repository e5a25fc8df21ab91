#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command, the supervisor or QEMU killed with -9 at random instants: the next command sees the truth. Prints TAP.

  faults.py BERTH

BERTH_SLOW=1: 300 instants instead of 24.
"""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

from world import (BERTH, SEED, SLOW, Failed, World, alive, channel, check, disk, machine_domain, qemus, scsi, supervisors, tap, usb, usb_disk,
                   verified, wait_for)

ROUNDS, PARTS = (75, 4) if SLOW else (8, 3)
MEDIA_ROUNDS = 600 if SLOW else 60


def pending(world):
    store = sqlite3.connect("file:%s?mode=ro" % os.path.join(world.state_folder, "berth.db"), uri=True, timeout=10)
    try:
        return store.execute("SELECT device, state FROM changes").fetchall()
    finally:
        store.close()


def truth(world):
    """None if store, processes and files agree after one look; else what does not."""
    state = world.state("guest")
    running, watching = qemus(world), supervisors(world)
    files = [name for _, _, names in os.walk(os.path.join(world.state_folder, "run")) for name in names if not name.endswith(".lock")]
    if state in ("running", "paused"):
        if not running:
            return "%s: there is no QEMU" % state
        verified(world)
        left = pending(world)
        if len(running) == 1 and len(watching) == 1 and not left:
            return None
        return "%s: QEMU %s, supervisors %s, pending %s" % (state, running, watching, left)
    if not running and not watching and not files and not pending(world):
        return None
    return "%s: QEMU %s, supervisors %s, files %s, pending %s" % (state, running, watching, files, pending(world))


def faults(part):
    chance = random.Random(SEED * 1000 + part)
    with World() as world:
        devices = [disk(world, "sda"), channel(0), usb_disk(world, "sdx"), disk(world, "sdb")]
        files = [world.file("device%d.xml" % n, xml) for n, xml in enumerate(devices)]
        definitions = [world.file("domain%d.xml" % n, machine_domain("pc", [usb(), scsi()] + [disk(world, "sd" + "cdef"[m]) for m in range(n)])) for n in range(4)]
        world.berth("define", definitions[0])
        for number in range(ROUNDS):
            if world.state("guest") not in ("running", "paused") and chance.random() < 0.6:
                world.run("start", "guest", "--paused")
            words = chance.choice([["attach-device", "guest", chance.choice(files), "--live", "--config"], ["start", "guest", "--paused"],
                                   ["attach-device", "guest", chance.choice(files)], ["define", chance.choice(definitions)],
                                   ["detach-device", "guest", chance.choice(files)], ["update", "guest", chance.choice(definitions)],
                                   ["detach-device", "guest", chance.choice(files), "--live", "--config"]])
            whom = chance.choice(["command", "supervisor", "QEMU", "command"])
            job = subprocess.Popen([BERTH] + words, env=world.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.random() * (0.25 if words[0] == "start" else 0.06))
            killed = {"command": [job.pid], "supervisor": supervisors(world), "QEMU": qemus(world)}[whom]
            for pid in killed:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            job.wait(60)
            wait_for(lambda: not any(alive(pid) for pid in killed), 10, "the end of %s" % killed)
            # A start whose command was killed goes on.
            deadline = time.monotonic() + 20
            wrong = truth(world)
            while wrong and time.monotonic() < deadline:
                time.sleep(0.1)
                wrong = truth(world)
            check(not wrong, "seed %d, round %d, %s killed in %s: %s" % (SEED, number, whom, " ".join(words), wrong))


def media_faults():
    """change-media killed: the drive has the medium that is recorded, whatever the tray did meanwhile."""
    chance = random.Random(SEED)
    with World() as world:
        images = [world.file("cd%d.iso" % n, "\0" * 65536) for n in range(2)]
        world.berth("define", "-", text=machine_domain("pc", [scsi(), disk(world, "sda").replace("'disk'", "'cdrom'")]))
        world.berth("start", "guest", "--paused")
        for number in range(MEDIA_ROUNDS):
            job = subprocess.Popen([BERTH, "change-media", "guest", "sda", chance.choice(images + ["--eject"]), "--live", "--force"],
                                   env=world.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.random() * 0.03)
            job.kill()
            job.wait(60)
            time.sleep(0.1)  # the supervisor hears of the tray, and is free to record it
            try:
                verified(world)
            except Failed as problem:
                raise Failed("seed %d, round %d: %s" % (SEED, number, problem)) from problem
            check(not pending(world), "seed %d, round %d: pending %s", SEED, number, pending(world))


def tests():
    yield "%d instants in change-media" % MEDIA_ROUNDS, media_faults, ()
    for part in range(PARTS):
        yield "%d instants (%d)" % (ROUNDS, part), faults, (part,)


if __name__ == "__main__":
    sys.exit(tap(tests()))
