#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A full disk, a read-only one, and a run folder that is none: a clear error, and nothing has changed. Prints TAP.

  full.py BERTH

The disk is a small tmpfs, so this needs root; without, it is skipped.
"""
import os
import subprocess
import sys

from world import (Skip, World, attach, check, detach, disk, domain, gone, machine_domain, nic, peripherals, places, qemus, scsi,
                   tap, verified)

FAILED = 1


class SmallDisk(World):
    """A world whose state is on a disk of 2 MiB."""

    def __enter__(self):
        os.mkdir(self.state_folder)
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", self.state_folder], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
        if mount.returncode != 0:
            os.rmdir(self.state_folder)
            raise Skip("no disk can be mounted here: %s" % mount.stderr.strip())
        return self

    def __exit__(self, *problem):
        self.remount("rw")
        self.empty()
        for guest in self.guests():
            self.run("destroy", guest["name"])
        subprocess.run(["umount", self.state_folder], check=True)
        super().__exit__(*problem)

    def remount(self, how):
        subprocess.run(["mount", "-o", "remount," + how, self.state_folder], check=True)

    def fill(self):
        with open(os.path.join(self.state_folder, "filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def empty(self):
        if os.path.exists(os.path.join(self.state_folder, "filler")):
            os.unlink(os.path.join(self.state_folder, "filler"))

    def refuses(self, word, *words, text=None):
        answer = self.run(*words, text=text)
        lines = answer.stderr.strip().splitlines()
        check(answer.returncode == FAILED, "%s: exit status %d: %s" % (words, answer.returncode, answer.stderr))
        check(len(lines) == 1 and lines[0].startswith("berth: ") and word in lines[0], "%s: it said %r" % (words, answer.stderr))

    def all_of_it(self):
        return self.berth("dumpxml", "guest"), self.berth("list", "--all"), self.berth("history", "guest")


def full_and_off():
    with SmallDisk() as world:
        world.berth("define", "-", text=domain("q35", [nic(0)]))
        before = world.all_of_it()
        world.fill()
        for words in (["define", "-"], ["start", "guest", "--paused"], ["undefine", "guest"]):
            world.refuses("no space left", *words, text=domain("q35", [nic(n) for n in range(40)]))
        world.refuses("no space left", "attach-device", "guest", "-", "--config", text=nic(9))
        world.refuses("no space left", "detach-device", "guest", "-", "--config", text=nic(0))
        check(world.all_of_it() == before, "something has changed")
        check(gone(world), "QEMU is left")
        world.empty()
        check(world.all_of_it() == before, "something has changed")
        world.berth("start", "guest", "--paused")


def full_while_it_runs():
    with SmallDisk() as world:
        world.berth("define", "-", text=machine_domain("pc", [scsi(), nic(0)]))
        world.berth("start", "guest", "--paused")
        attach(world, disk(world, "sda"), "--live", "--config")
        before = world.all_of_it(), places(verified(world)), peripherals(world)
        world.fill()
        for flags in (["--live"], ["--live", "--config"]):
            world.refuses("no space left", "attach-device", "guest", "-", *flags, text=disk(world, "sdb"))
            world.refuses("no space left", "detach-device", "guest", "-", *flags, text=disk(world, "sda"))
        check((world.all_of_it(), places(verified(world)), peripherals(world)) == before, "something has changed")
        world.empty()
        detach(world, disk(world, "sda"), "--live")
        world.fill()
        world.run("destroy", "guest")
        check(gone(world), "a full disk keeps QEMU alive")
        world.empty()
        check(world.state("guest") in ("shut off", "crashed"), "it is %s" % world.state("guest"))
        world.berth("start", "guest", "--paused")


def read_only():
    with SmallDisk() as world:
        world.berth("define", "-", text=domain("q35", [nic(0)]))
        before = world.all_of_it()
        world.remount("ro")
        check(world.all_of_it() == before, "it reads otherwise")
        for words in (["define", "-"], ["start", "guest", "--paused"], ["undefine", "guest"]):
            world.refuses("ead-only", *words, text=domain("q35", [nic(1)]))
        world.refuses("ead-only", "attach-device", "guest", "-", "--config", text=nic(9))
        world.refuses("ead-only", "detach-device", "guest", "-", "--config", text=nic(0))
        check(not qemus(world), "QEMU is left")
        world.remount("rw")
        check(world.all_of_it() == before, "something has changed")


def no_run_folder():
    with World() as world:
        world.berth("define", "-", text=domain("q35", [nic(0)]))
        path = os.path.join(world.state_folder, "run")
        if os.path.isdir(path):
            for name in os.listdir(path):
                os.unlink(os.path.join(path, name))
            os.rmdir(path)
        world.file("state/run", "")
        answer = world.run("start", "guest", "--paused")
        check(answer.returncode == FAILED and path in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(world.state("guest") == "shut off" and not qemus(world), "something runs")
        os.unlink(path)
        world.berth("start", "guest", "--paused")


def tests():
    yield "a full disk: the guest that is off stays as it was", full_and_off, ()
    yield "a full disk: the guest that runs stays as it was", full_while_it_runs, ()
    yield "a read-only disk: what is there can be read, and nothing be changed", read_only, ()
    yield "no run folder can be made", no_run_folder, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
