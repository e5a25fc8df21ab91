#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many commands at once: no address twice, no lost update, no deadlock; in the end the store is what QEMU has. Prints TAP.

  crowd.py BERTH

A command that waited too long for the others ends with exit status 5 and is given again, as a user would; any other failure counts.
"""
import os
import random
import subprocess
import sys
import threading
import time

from world import (SEED, World, channel, check, domain, disk, machine_domain, nic, peripherals, qemus, scsi, start, tap, usb,
                   usb_disk, verified)

CROWD, GUESTS, UPDATES, RACES = 32, 16, 8, 6
PATIENCE = 240  # seconds, for a whole crowd on a slow machine
BUSY = 5


def patiently(world, until, *words, text=None):
    """Gives the command until it is not busy any more."""
    while True:
        answer = world.run(*words, text=text)
        check(time.monotonic() < until, "%s: still busy in the end: %s" % (" ".join(words), answer.stderr))
        if answer.returncode != BUSY:
            check(answer.returncode == 0, "%s: exit status %d: %s" % (" ".join(words), answer.returncode, answer.stderr))
            return answer.stdout


def all_at_once(jobs):
    """Runs each (function, arguments) in a thread of its own; the first failure is the test's."""
    failures = []

    def run(function, arguments):
        try:
            function(*arguments)
        except Exception as problem:  # pylint: disable=broad-except
            failures.append(problem)

    threads = [threading.Thread(target=run, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def record_is_qemu(world, name="guest"):
    """Verified, no address twice, and QEMU has no device that is not recorded."""
    rows = verified(world, name)
    placed = [(r["kind"] if r["address"].startswith("drive") else "", r["address"]) for r in rows if r["address"]]
    check(len(placed) == len(set(placed)), "an address twice: %s" % sorted(placed))
    more = set(peripherals(world, name)) - {r["id"] for r in rows}
    check(not more, "QEMU has more: %s" % more)
    return rows


def revisions(world, name="guest"):
    return sorted({r["revision"] for r in world.rows("history", name)} - {None})


def crowd(machine):
    """Each of 32 processes has a device of its own that comes, goes, and comes again; some change the definition, too."""
    with World() as world:
        start(world, machine, [usb().replace("/>", " ports='15'/>"), scsi(), scsi(1), "<controller type='virtio-serial' index='0'/>"])
        before = len(revisions(world))
        makers = [lambda n: disk(world, "sd" + chr(97 + n)), channel, lambda n: usb_disk(world, "sdx" + chr(97 + n)), nic]
        devices = [makers[n % 4](n // 4) for n in range(CROWD)]
        until = time.monotonic() + PATIENCE

        def live(count, xml):
            flags = ["--live", "--config"] if count % 3 == 0 else ["--live"]
            for verb in ("attach-device", "detach-device", "attach-device"):
                patiently(world, until, verb, "guest", "-", *flags, text=xml)

        def config(xml):
            for verb in ("attach-device", "detach-device", "attach-device"):
                patiently(world, until, verb, "guest", "-", "--config", text=xml)

        # A PCI device goes only with a guest that runs: these change the definition alone.
        all_at_once([(config, (xml,)) if xml.startswith("<interface") else (live, (count, xml)) for count, xml in enumerate(devices)])
        rows = record_is_qemu(world)
        keys = [r["identity"] for r in rows if r["device"] in ("disk", "channel")]
        check(len(keys) == CROWD - CROWD // 4, "%d devices are there: %s" % (len(keys), keys))
        changed = [n for n in range(CROWD) if n % 4 == 3 or n % 3 == 0]
        numbers = revisions(world)
        check(len(numbers) == before + 3 * len(changed), "%d revisions came of %d changes" % (len(numbers) - before, 3 * len(changed)))
        check(numbers == list(range(1, len(numbers) + 1)), "revisions: %s" % numbers)
        hot = {(r["device"], r["identity"]): r["address"] for r in rows if r["address"]}
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused")
        cold = {(r["device"], r["identity"]): r["address"] for r in record_is_qemu(world) if r["address"]}
        there = [key for key in cold if key[0] in ("disk", "channel", "interface")]
        check(len(there) == len(changed), "%d of %d devices are in the definition: %s" % (len(there), len(changed), there))
        moved = [key for key in cold if hot.get(key, cold[key]) != cold[key]]
        check(not moved, "moved by the restart: %s" % moved)


def updates(machine):
    """Whole definitions of one running guest at once: one of them is the definition, what runs is recorded, and nothing is in the way
    of the next."""
    with World() as world:
        base = [usb().replace("/>", " ports='15'/>"), scsi()]
        start(world, machine, base)
        texts = [machine_domain(machine, base + [usb_disk(world, "sd" + chr(98 + n)), channel(n)]) for n in range(UPDATES)]
        jobs = [world.begin("update", "guest", world.file("%d.xml" % n, text)) for n, text in enumerate(texts)]
        ends = []
        for job in jobs:
            _, errors = job.communicate(timeout=PATIENCE)
            ends.append((job.returncode, errors.strip()))
            check(job.returncode in (0, 1, BUSY) and len(errors.strip().splitlines()) <= 1, "it ended with %s" % ends[-1:])
        check(any(code == 0 for code, _ in ends), "none succeeded: %s" % ends)
        record_is_qemu(world)
        defined = [n for n in range(UPDATES) if "sd" + chr(98 + n) + ".img" in world.berth("dumpxml", "guest")]
        check(len(defined) == 1, "the definition has %s" % defined)
        # A place that has to become free first is taken by the second.
        for _ in range(2):
            told = patiently(world, time.monotonic() + PATIENCE, "update", "guest", "-", text=texts[0])
        rows = record_is_qemu(world)
        there = sorted(r["identity"] for r in rows if r["device"] in ("disk", "channel"))
        check(there == ["channel=virtio:org.example.0", "target=usb:sdb"], "it runs with %s after %s" % (there, told))


def many_guests():
    """16 guests live their lives at once, while others are defined and listed."""
    with World() as world:
        until = time.monotonic() + PATIENCE

        def life(number):
            name, machine = "guest%d" % number, ("pc", "q35")[number % 2]
            text = domain(machine, [scsi(), nic(number)], name)
            world.file(name + ".img", "")
            patiently(world, until, "define", "-", text=text)
            patiently(world, until, "start", name, "--paused")
            device = disk(world, "sda").replace("sda.img", name + ".img")
            patiently(world, until, "attach-device", name, "-", "--live", "--config", text=device)
            rows = record_is_qemu(world, name)
            check([r for r in rows if r["device"] == "disk"], "the disk is not there: %s" % rows)
            patiently(world, until, "detach-device", name, "-", "--live", text=device)
            patiently(world, until, "define", "-", text=text)
            record_is_qemu(world, name)
            if number % 4 == 0:
                patiently(world, until, "destroy", name)
                patiently(world, until, "undefine", name)

        all_at_once([(life, (number,)) for number in range(GUESTS)])
        states = {g["name"]: g["state"] for g in world.guests()}
        check(states == {"guest%d" % n: "paused" for n in range(GUESTS) if n % 4 != 0}, "states: %s" % states)
        check(len(qemus(world)) == len(states), "%d QEMU processes for %d guests" % (len(qemus(world)), len(states)))


def consistent(world):
    """What the store says is what runs, and nothing else does."""
    running = []
    for guest in world.guests():
        if world.state(guest["name"]) in ("running", "paused"):
            record_is_qemu(world, guest["name"])
            running.append(int(guest["pid"]))
    check(sorted(running) == sorted(qemus(world)), "the store knows %s, there are %s" % (running, qemus(world)))
    runs = os.path.join(world.state_folder, "run")
    left = [name for name in os.listdir(runs) if os.path.isdir(os.path.join(runs, name))] if os.path.isdir(runs) else []
    check(len(left) == len(running), "run folders: %s" % left)


def race(machine, number, first, second, allowed):
    """Two commands at once, at random distances; each may end as allowed, and the world is whole afterwards."""
    chance = random.Random("%d %d" % (SEED, number))
    with World() as world:
        files = {"FILE": world.file("guest.xml", machine_domain(machine, [scsi(), nic(0, "virtio")])),
                 "DISK": world.file("disk.xml", disk(world, "sda"))}
        for _ in range(RACES):
            world.run("define", files["FILE"])
            if any(word in first + second for word in ("destroy", "attach")):
                world.run("start", "guest", "--paused")
            words = [[files.get(word, word) for word in command.split()] for command in (first, second)]
            one = world.begin(*words[0])
            time.sleep(chance.random() * 0.15)
            two = world.begin(*words[1])
            ends = []
            for job in (one, two):
                _, errors = job.communicate(timeout=60)
                ends.append((job.returncode, errors.strip()))
            check(tuple(code for code, _ in ends) in allowed, "seed %d: they ended with %s" % (SEED, ends))
            consistent(world)
            world.run("destroy", "guest")


def one_name(count):
    """Definitions of the same new guest at once: one guest, and as many revisions as commands that succeeded."""
    for _ in range(3):
        with World() as world:
            path = world.file("guest.xml", domain("pc", [nic(0)]))
            jobs = [world.begin("define", path) for _ in range(count)]
            ends = []
            for job in jobs:
                _, errors = job.communicate(timeout=120)
                ends.append((job.returncode, errors.strip()))
            check(all(code in (0, BUSY) for code, _ in ends), "they ended with %s" % ends)
            check(len(world.guests()) == 1, "guests: %s" % world.guests())
            done = [code for code, _ in ends].count(0)
            check(len(revisions(world)) in (1, done), "%d commands succeeded, there are %s" % (done, revisions(world)))


RACERS = [
    ("start guest --paused", "undefine guest", {(0, 5), (3, 0)}),
    ("undefine guest", "start guest --paused", {(0, 3), (5, 0)}),
    ("start guest --paused", "define FILE", {(0, 0)}),
    ("start guest --paused", "start guest --paused", {(0, 5), (5, 0)}),
    ("attach-device guest DISK --live", "destroy guest", {(0, 0), (2, 0)}),
    ("attach-device guest DISK --live --config", "detach-device guest DISK --live --config", {(0, 0), (0, 3)}),
    ("destroy guest", "destroy guest", {(0, 0), (0, 2), (2, 0)}),
    ("destroy guest", "start guest --paused", {(0, 5), (0, 0)}),
    ("undefine guest", "define FILE", {(0, 0)}),
    ("update guest FILE", "attach-device guest DISK --live --config", {(0, 0)}),
]


# Bytes of the store's shared memory that SQLite locks: https://www.sqlite.org/walformat.html#wal_locks
LOCKS = {"writes to": (120, 1), "begins the log of": (123, 5)}

HOLDER = """import fcntl, sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute("SELECT name FROM guests").fetchall()
memory = open(sys.argv[1] + "-shm", "r+b")
fcntl.lockf(memory, fcntl.LOCK_EX, int(sys.argv[3]), int(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


def held_up(does):
    """A process that was stopped while it has a lock of the store: the others are busy, and go on when it does."""
    with World() as world:
        world.berth("define", "-", text=domain("q35", [nic(0)]))
        before = world.berth("dumpxml", "guest")
        path = os.path.join(world.state_folder, "berth.db")
        with subprocess.Popen([sys.executable, "-c", HOLDER, path, *map(str, LOCKS[does])], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as holder:
            check(holder.stdout.readline() == "held\n", "it has no lock")
            world.fails(BUSY, "another berth is writing", "define", "-", text=domain("q35", [nic(0), nic(1)]))
            holder.stdin.close()
        check(world.berth("dumpxml", "guest") == before, "the definition has changed")
        world.berth("define", "-", text=domain("q35", [nic(0), nic(1)]))


def tests():
    for does in LOCKS:
        yield "a process that %s the store has stopped" % does, held_up, (does,)
    for machine in ("pc", "q35"):
        yield "%s: %d processes attach and detach on one guest" % (machine, CROWD), crowd, (machine,)
    yield "%d new definitions of one running guest" % UPDATES, updates, ("q35",)
    yield "%d guests at once" % GUESTS, many_guests, ()
    yield "8 definitions of one new guest", one_name, (8,)
    for number, (first, second, allowed) in enumerate(RACERS):
        yield "at once: %s · %s" % (first, second), race, (("pc", "q35")[number % 2], number, first, second, allowed)


if __name__ == "__main__":
    sys.exit(tap(tests()))
