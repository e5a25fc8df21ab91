#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A full disk, a read-only one, a run folder that is none, folders of another user's: a clear error, and nothing has changed. Prints
TAP.

  full.py BERTH

The disk is a small tmpfs, so this needs root; without, it is skipped.
"""
import os
import shutil
import subprocess
import sys

from world import (BERTH, FAILED, NOT_FOUND, Skip, World, attach, check, detach, disk, domain, gone, machine_domain, nic, peripherals, places, qemus, scsi,
                   tap, verified)


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


class Nobody(World):
    """A world that root has made; commands are another user's."""

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        self.home = os.path.join(self.folder, "home")
        os.mkdir(self.home)
        if os.getuid() != 0 or shutil.which("setpriv") is None:
            raise Skip("only root can be another user, by setpriv")
        os.chown(self.home, NOBODY, NOBODY)
        if self.run("--version").returncode != 0:
            raise Skip("%s is not for other users" % BERTH)
        return self

    def run(self, *words, text=None, qemu=None):
        return self.as_root(*AS_NOBODY, BERTH, *words, text=text)

    def as_root(self, *words, text=None):
        return subprocess.run(words, env=dict(self.environment, HOME=self.home), input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120)


NOBODY = 65534
AS_NOBODY = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]


def not_mine():
    """A state folder of root's can be read if root lets them, and is changed by nobody else."""
    with Nobody() as world:
        text = domain("q35", [nic(0)])
        answer = world.as_root(BERTH, "define", "-", text=text)
        check(answer.returncode == 0, answer.stderr)
        for folder, _, names in os.walk(world.state_folder):
            os.chmod(folder, 0o755)
            for name in names:
                os.chmod(os.path.join(folder, name), 0o644)
        before = world.berth("dumpxml", "guest"), world.berth("list", "--all"), world.berth("history", "guest")
        for words in (["define", "-"], ["start", "guest"], ["undefine", "guest"], ["attach-device", "guest", "-", "--config"],
                      ["run", "guest"], ["destroy", "guest"], ["managedsave-remove", "guest"], ["forget", "guest"]):
            known = ("Permission denied", "read-only") + (("no place is kept",) if words[0] == "forget" else ())
            status = NOT_FOUND if words[0] == "forget" else FAILED
            given = nic(1) if words[0] == "attach-device" else domain("q35", [nic(0), nic(1)])
            line = world.fails(status, "", *words, text=given)
            check(any(word in line for word in known), "%s: %s" % (words, line))
        check((world.berth("dumpxml", "guest"), world.berth("list", "--all"), world.berth("history", "guest")) == before,
              "something has changed")
        check(not qemus(world), "QEMU is left")
        os.chmod(world.state_folder, 0o700)
        for words in (["list", "--all"], ["dumpxml", "guest"], ["define", "-"]):
            world.fails(FAILED, [world.state_folder, "Permission denied"], *words, text=text)
        os.chmod(world.state_folder, 0o755)


def no_target():
    """A guest of one's own, whose run folder or whose saved state would be in a folder of another's."""
    with Nobody() as world:
        os.mkdir(world.state_folder)
        os.chown(world.state_folder, NOBODY, NOBODY)
        world.berth("define", "-", text=domain("q35", [nic(0)]))
        run = os.path.join(world.state_folder, "run")
        if not os.path.isdir(run):
            os.mkdir(run)
        os.chown(run, 0, 0)
        os.chmod(run, 0o755)
        world.fails(FAILED, [run, "Permission denied"], "start", "guest", "--paused")
        check(world.state("guest") == "shut off" and not qemus(world), "something runs")
        os.chown(run, NOBODY, NOBODY)
        world.berth("start", "guest", "--paused")
        world.fails(FAILED, [world.folder, "Permission denied"], "save", "guest", os.path.join(world.folder, "state.save"))
        world.fails(NOT_FOUND, ["/nowhere", "o such file"], "save", "guest", "/nowhere/state.save")
        check(world.state("guest") == "paused" and len(qemus(world)) == 1, "the guest has ended")
        check(not os.path.exists(os.path.join(world.folder, "state.save")), "a file is left")
        verified(world)
        world.berth("destroy", "guest")


def tests():
    yield "a full disk: the guest that is off stays as it was", full_and_off, ()
    yield "a full disk: the guest that runs stays as it was", full_while_it_runs, ()
    yield "a read-only disk: what is there can be read, and nothing be changed", read_only, ()
    yield "no run folder can be made", no_run_folder, ()
    yield "another's state folder: it can be read, and nothing be changed", not_mine, ()
    yield "another's folder for sockets or a saved state: the guest stays as it was", no_target, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
