#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests on a real QEMU: places read back, drift refused, crashes survived. Prints TAP.

  running.py BERTH

No guest code runs (start --paused), so this needs neither a kernel nor KVM.
"""
import os
import random
import signal
import subprocess
import sys
import time

from world import (BERTH, MOVER, QEMU, SEED, World, check, disk, domain, gone, kill, nic, parent_of, qemus, supervisors, tap,
                   wait_for)


def everything_is_where_recorded(machine):
    with World() as world:
        devices = [nic(0), nic(1), nic(2), disk(world, "vda"), disk(world, "sda"), "<rng model='virtio'><backend model='random'>"
                   "/dev/urandom</backend></rng>", "<channel type='unix'><target type='virtio' name='org.example.0'/></channel>",
                   "<input type='tablet' bus='usb'/>", "<watchdog model='i6300esb' action='none'/>", "<sound model='ich6'/>",
                   "<video><model type='vga'/></video>"]
        world.berth("define", "-", text=domain(machine, devices))
        world.berth("start", "guest", "--paused")
        rows = world.rows("verify", "guest")
        placed = [r for r in rows if r["address"] and r["device"] in ("interface", "disk", "rng", "channel", "watchdog", "sound", "video",
                                                                      "input")]
        check(len(placed) == len(devices), "verify names %d of the %d devices" % (len(placed), len(devices)))
        wrong = [r for r in placed if r["state"] != "ok" or r["address"] != r["actual"]]
        check(not wrong, "not where they are recorded: %s" % wrong)
        check(world.state("guest") == "paused", "domstate says %s" % world.state("guest"))
        world.berth("destroy", "guest")
        check(world.state("guest") == "shut off", "domstate says %s" % world.state("guest"))
        check(gone(world), "QEMU is still there")


def moved_is_refused(machine, models, moved, change):
    """QEMU is started through a program that moves one device: start must refuse, and leave nothing."""
    with World() as world:
        mover = world.file("qemu", MOVER % (moved, change, QEMU, QEMU), 0o755)
        world.environment["BERTH_QEMU"] = mover
        world.berth("define", "-", text=domain(machine, [nic(n, m) for n, m in enumerate(models)]))
        answer = world.run("start", "guest", "--paused")
        check(answer.returncode == 5, "start ended with %d: %s" % (answer.returncode, answer.stderr))
        check(moved in answer.stderr or "52:54:00:00:01" in answer.stderr, "the device is not named: %s" % answer.stderr)
        check(len(answer.stderr.strip().splitlines()) == 1, "more than one line: %s" % answer.stderr)
        check(world.state("guest") == "shut off", "domstate says %s" % world.state("guest"))
        check(gone(world), "QEMU is still there")


def random_edits(number):
    """Random removes, adds, re-adds and shuffles; each definition on QEMU, nothing may move."""
    chance = random.Random(SEED * 1000 + number)
    machine = ["pc", "q35"][number % 2]
    with World() as world:
        pool = [nic(n) for n in range(8)] + [disk(world, "vd" + c) for c in "abcd"] + [disk(world, "sd" + c) for c in "abc"]
        there, places = set(chance.sample(range(len(pool)), 4)), {}
        for _ in range(4):
            order = list(there)
            chance.shuffle(order)
            world.berth("define", "-", text=domain(machine, [pool[n] for n in order]))
            world.berth("start", "guest", "--paused")
            rows = world.rows("verify", "guest")
            world.berth("destroy", "guest")
            for row in rows:
                if row["device"] in ("interface", "disk"):
                    check(row["state"] == "ok" and row["address"] == row["actual"], "seed %d: %s" % (SEED, row))
                    place = (row["address"], row["path"], row["bus"])
                    check(places.setdefault(row["identity"], place) == place, "seed %d: %s was %s, is %s"
                          % (SEED, row["identity"], places[row["identity"]], place))
            there ^= set(chance.sample(range(len(pool)), 3))


def crash(machine, who):
    """QEMU or the supervisor killed with -9: the next command sees the truth."""
    with World() as world:
        world.berth("define", "-", text=domain(machine, [nic(0)]))
        world.berth("start", "guest", "--paused")
        pid = [g for g in world.guests() if g["name"] == "guest"][0]["pid"]
        check(int(pid) in qemus(world), "list names pid %s, QEMU is %s" % (pid, qemus(world)))
        if who == "qemu":
            os.kill(int(pid), signal.SIGKILL)
            check(gone(world), "QEMU is still there")
            deadline = time.monotonic() + 10
            while world.state("guest") not in ("shut off", "crashed") and time.monotonic() < deadline:
                time.sleep(0.05)
            check(world.state("guest") in ("shut off", "crashed"), "domstate says %s" % world.state("guest"))
        else:
            parent = parent_of(pid)
            with open("/proc/%d/cmdline" % parent, "rb") as line:
                check(b"berth" in line.read(), "QEMU's parent is not the supervisor")
            os.kill(parent, signal.SIGKILL)
            time.sleep(0.2)
            check(world.state("guest") == "paused", "domstate says %s" % world.state("guest"))
            wrong = [r for r in world.rows("verify", "guest") if r["state"] not in ("ok", "")]
            check(not wrong, "verify says %s" % wrong)
            world.berth("destroy", "guest")
            check(gone(world), "QEMU is still there")
            check(world.state("guest") == "shut off", "domstate says %s" % world.state("guest"))
        world.berth("start", "guest", "--paused")
        check(world.state("guest") == "paused", "it does not start again")


def descriptors(machine):
    """A lock that the caller of run has given it lasts as long as it does; neither QEMU nor a later supervisor has it."""
    with World() as world:
        world.berth("define", "-", text=domain(machine, [nic(0)]))
        has = lambda pid, path: path in [os.path.realpath("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
        words = lambda pid: open("/proc/%d/cmdline" % pid).read().split("\0")
        with open(world.file("lock", "")) as lock:
            job = subprocess.Popen([BERTH, "run", "guest", "--paused"], env=world.environment, pass_fds=[lock.fileno()])
            wait_for(lambda: "adopt" in words(job.pid), 30, "a supervisor")
            check(has(job.pid, lock.name) and not has(qemus(world)[0], lock.name), "the lock is with another one")
            kill(job.pid)
            job.wait()
            subprocess.run([BERTH, "domstate", "guest"], env=world.environment, pass_fds=[lock.fileno()], stdout=subprocess.DEVNULL)
            later = wait_for(lambda: supervisors(world), 10, "another supervisor")[0]
            check(not has(later, lock.name), "a supervisor that nobody gave it to has the lock")


def twice(machine):
    """Two starts at once: one wins, the other is busy."""
    with World() as world:
        world.berth("define", "-", text=domain(machine, [nic(0)]))
        both = [subprocess.Popen([BERTH, "start", "guest", "--paused"], env=world.environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        status = sorted(p.wait(60) for p in both)
        check(status == [0, 5], "they ended with %s" % status)
        check(len(qemus(world)) == 1, "there are %d QEMU processes" % len(qemus(world)))
        check(world.run("undefine", "guest").returncode == 5, "a running guest was undefined")
        check(world.run("start", "guest").returncode == 5, "a running guest was started again")


def redefined_while_running(machine):
    """A definition changes at the next start; the running guest is compared with what it was started with."""
    with World() as world:
        world.berth("define", "-", text=domain(machine, [nic(0), nic(1)]))
        world.berth("start", "guest", "--paused")
        world.berth("define", "-", text=domain(machine, [nic(1), nic(3)]))
        rows = [r for r in world.rows("verify", "guest") if r["device"] == "interface"]
        check(sorted(r["identity"] for r in rows) == ["mac=52:54:00:00:01:00", "mac=52:54:00:00:01:01"], "rows: %s" % rows)
        check(all(r["state"] == "ok" for r in rows), "rows: %s" % rows)


def flavours_stay(machine):
    """What --os chose is on QEMU as recorded, and stays when a later definition leaves --os out."""
    devices = [nic(0, "virtio"), nic(1, "virtio-0.9"), nic(2, "virtio-non-transitional"), "<rng model='virtio'><backend "
               "model='random'>/dev/urandom</backend></rng>", "<controller type='virtio-serial' index='0'/>",
               "<controller type='scsi' index='0' model='virtio-scsi'/>", "<input type='tablet' bus='virtio'/>"]
    with World() as world:
        devices.append(disk(world, "vda"))
        text = domain(machine, devices)
        # libosinfo itself loses some of what it reads; that is not for the leak checker of the sanitized build
        world.environment["ASAN_OPTIONS"] = "detect_leaks=0"
        world.berth("define", "-", "--os", "rhel6.0", text=text)
        world.berth("start", "guest", "--paused")
        rows = world.rows("verify", "guest")
        check(all(r["state"] in ("ok", "") for r in rows), "rows: %s" % rows)
        kinds = [r["kind"] for r in rows]
        check(sum(k.endswith("-transitional") and "-non-" not in k for k in kinds) == 7, "kinds: %s" % kinds)
        check("virtio/tablet" in kinds and "virtio-non-transitional" in kinds, "kinds: %s" % kinds)
        before = world.berth("dumpxml", "guest")
        world.berth("define", "-", text=text)
        check(world.berth("dumpxml", "guest") == before, "it changed without --os")
        world.berth("define", "-", "--os", "debian11", text=text)
        check(world.berth("dumpxml", "guest") == before, "it changed with another system")


def tests():
    for machine in ("pc", "q35"):
        yield "%s: every device is where it is recorded" % machine, everything_is_where_recorded, (machine,)
    yield ("a device moved on the root bus is refused (pc)", moved_is_refused,
           ("pc", ["virtio", "e1000"], "net1", {"addr": "0x9"}))
    yield ("a device moved on the root bus is refused (q35)", moved_is_refused,
           ("q35", ["virtio"], "net0", {"bus": "pcie.0", "addr": "0x9"}))
    yield ("a device moved behind a bridge is refused (q35)", moved_is_refused,
           ("q35", ["e1000", "e1000"], "net1", {"addr": "0x9"}))
    yield ("a device moved behind a bridge is refused (pc)", moved_is_refused,
           ("pc", ["virtio"] * 30, "net29", {"addr": "0x1e"}))
    yield "virtio flavours that --os chose are QEMU's, and stay", flavours_stay, ("q35",)
    for who in ("qemu", "supervisor"):
        yield "%s killed with -9: the next command sees the truth" % who, crash, ("q35", who)
    yield "descriptors stay with those who were given them", descriptors, ("q35",)
    yield "two starts at once: one wins", twice, ("pc",)
    yield "a running guest keeps its hardware when it is redefined", redefined_while_running, ("q35",)
    for number in range(20):
        yield "random edits %d: nothing moves on QEMU" % number, random_edits, (number,)


if __name__ == "__main__":
    sys.exit(tap(tests()))
