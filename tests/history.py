#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Definitions that come and go: back to an earlier one, and forth again. Prints TAP.

  history.py BERTH
"""
import json
import random
import sys

from world import SEED, World, check, disk, machine_domain, nic, places, rng, scsi, tap, usb


def where(world):
    return places(world.rows("devices", "guest"))


def define(world, machine, devices):
    world.berth("define", "-", text=machine_domain(machine, devices))


def back_and_forth(machine):
    """Each earlier definition comes back to the byte, in any order, and what came since keeps its place for itself."""
    chance = random.Random(SEED)
    with World() as world:
        pool = [nic(n) for n in range(8)] + [disk(world, "sd" + c) for c in "abc"] + [usb(), scsi(), rng()]
        kept = []
        for _ in range(6):
            define(world, machine, chance.sample(pool, chance.randrange(3, len(pool))))
            kept.append((where(world), world.berth("dumpxml", "guest")))
        numbers = [r["revision"] for r in world.rows("history", "guest")]
        check(numbers == list(range(1, 7)), "revisions %s" % numbers)
        for number in chance.sample(numbers, 6) + chance.sample(numbers, 6):
            before = world.berth("dumpxml", "guest"), len(world.rows("history", "guest"))
            planned = world.rows("define", "--revision", str(number), "guest", "--dry-run", "--allow-move")
            check((world.berth("dumpxml", "guest"), len(world.rows("history", "guest"))) == before, "a dry run changed something")
            world.berth("define", "--revision", str(number), "guest", "--allow-move")
            check((where(world), world.berth("dumpxml", "guest")) == kept[number - 1], "revision %d is not as it was" % number)
            check(places(planned) == where(world), "the dry run said something else")
            check(world.rows("history", "guest")[-1]["command"].startswith("define"), "history does not tell")
        world.berth("define", "--revision", "1", "guest", "--allow-move")
        world.berth("start", "guest", "--paused")
        world.rows("verify", "guest")


def what_came_since_is_kept():
    """A device that has come since has its place reserved: nobody else gets it, and it returns there."""
    with World() as world:
        define(world, "pc", [nic(0)])
        define(world, "pc", [nic(0), nic(1)])
        came = where(world)["mac=52:54:00:00:01:01"]
        world.berth("define", "--revision", "1", "guest")
        check("mac=52:54:00:00:01:01" not in where(world), "it is still there")
        define(world, "pc", [nic(0), nic(2)])
        check(where(world)["mac=52:54:00:00:01:02"] != came, "its place was given away")
        define(world, "pc", [nic(0), nic(2), nic(1)])
        check(where(world)["mac=52:54:00:00:01:01"] == came, "it came back elsewhere")
        lines = world.rows("history", "guest")
        check(lines[2]["command"] == "define --revision 1" and any("01:01" in w for w in lines[2]["went"]), "history: %s" % lines[2])


def conflict():
    """A place that somebody else has now is a conflict, both named; --allow-move lets it go."""
    with World() as world:
        define(world, "pc", [nic(0), nic(1)])
        place = where(world)["mac=52:54:00:00:01:01"]
        define(world, "pc", [nic(0)])
        world.berth("forget", "guest")
        define(world, "pc", [nic(0), nic(5)])
        check(where(world)["mac=52:54:00:00:01:05"] == place, "the test is wrong: it did not get that place")
        before = world.berth("dumpxml", "guest"), world.rows("history", "guest")
        answer = world.run("define", "--revision", "1", "guest")
        check(answer.returncode == 5 and "01:05" in answer.stderr and "01:01" in answer.stderr and "--allow-move" in answer.stderr,
              "%d: %s" % (answer.returncode, answer.stderr))
        check((world.berth("dumpxml", "guest"), world.rows("history", "guest")) == before, "a refused command changed something")
        world.berth("define", "--revision", "1", "guest", "--allow-move")
        check(where(world)["mac=52:54:00:00:01:01"] == place, "it is not where it was")


def explained():
    """explain tells since which revision a device has been where it is, and which rule chose a file's places."""
    with World() as world:
        define(world, "pc", [nic(0), nic(1)])
        define(world, "pc", [nic(0)])
        define(world, "pc", [nic(0), nic(1), nic(2)])
        world.berth("attach-device", "guest", "-", "--config", text=nic(3))
        since = lambda number: world.rows("explain", "guest", "52:54:00:00:01:0%d" % number)
        for number, revision, command in ((0, 1, "define"), (1, 3, "define"), (2, 3, "define"), (3, 4, "attach-device")):
            rows = since(number)
            check(len(rows) == 1 and (rows[0]["revision"], rows[0]["command"]) == (revision, command), "%d: %s" % (number, rows))
            check(rows[0]["since"] and rows[0]["address"].startswith("pci "), "%s" % rows)
        check(len(world.rows("explain", "guest", "interface")) == 4, "not every interface is explained")
        check(world.run("explain", "guest", "floppy").returncode == 3, "a device that is not there was explained")
        text = machine_domain("pc", [nic(0), disk(world, "sda"), nic(1).replace("</interface>",
                              "<address type='pci' bus='0' slot='9' function='0'/></interface>")])
        why = {r["identity"]: r["why"] for r in world.rows("explain", world.file("guest.xml", text))}
        check(why["mac=52:54:00:00:01:00"] == "it was the first free place" and why["mac=52:54:00:00:01:01"] == "the domain says so"
              and why["target=scsi:sda"].startswith("it follows from the target"), "why: %s" % why)


def mistakes():
    with World() as world:
        define(world, "pc", [nic(0)])
        for words, status in ((("--revision", "7", "guest"), 3), (("--revision", "0", "guest"), 2), (("--revision", "1", "none"), 3),
                              (("--revision", "1", "guest", "--pcie-ports", "3"), 2), (("--revision", "x", "guest"), 2)):
            answer = world.run("define", *words)
            check(answer.returncode == status and len(answer.stderr.splitlines()) == 1, "%s: %d: %s" % (words, answer.returncode,
                                                                                                      answer.stderr))
        world.berth("define", "--revision", "1", "guest")
        check(len(world.rows("history", "guest")) == 1, "a definition that changes nothing made a revision")
        check(json.loads(world.berth("diff", "guest", "guest", "--json")) == {"diff": []}, "a guest differs from itself")


def tests():
    for machine in ("pc", "q35"):
        yield "%s: back and forth" % machine, back_and_forth, (machine,)
    yield "what came since keeps its place", what_came_since_is_kept, ()
    yield "a place that another device has now", conflict, ()
    yield "explain", explained, ()
    yield "mistakes with revisions", mistakes, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
