#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that systemd starts: units enabled in a root of their own, what berth run tells systemd. Prints TAP.

  autostart.py BERTH BUILD    BUILD: the build folder, whose packaging/ has the unit
"""
import os
import shutil
import signal
import socket
import subprocess
import sys

from world import BERTH, Skip, World, alive, check, domain, gone, nic, parent_of, qemus, tap, wait_for

UNIT = os.path.join(os.path.abspath(sys.argv[2]), "packaging", "berth@system.service")


class Units(World):
    """A world with a root folder that systemd would start from."""

    def __init__(self):
        super().__init__()
        if os.getuid() != 0:
            raise Skip("not root: the units of a root folder are root's")
        if shutil.which("systemctl") is None:
            raise Skip("no systemctl")
        self.root = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(self.root, "usr/lib/systemd/system"))
        os.makedirs(os.path.join(self.root, "etc/systemd/system"))
        shutil.copy(UNIT, os.path.join(self.root, "usr/lib/systemd/system/berth@.service"))
        self.environment["BERTH_SYSTEMD_ROOT"] = self.root

    def links(self):
        folder = os.path.join(self.root, "etc/systemd/system/multi-user.target.wants")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def enabled(self, uuid):
        return subprocess.run(["systemctl", "--root=" + self.root, "is-enabled", "berth@%s.service" % uuid], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout.strip()


def marked():
    """autostart enables the guest's instance, --disable ends that; list and dominfo see it; undefine leaves no link."""
    with Units() as world:
        for name in ("one", "two"):
            world.berth("define", "-", text=domain("pc", [nic(0)], name))
        uuid = world.rows("dominfo", "one")[0]["uuid"]
        check(world.berth("autostart", "one") == "Domain 'one' marked as autostarted\n", "virsh says it otherwise")
        check(world.berth("autostart", "one") == "Domain 'one' marked as autostarted\n", "once more is an error")
        check(world.enabled(uuid) == "enabled" and world.links() == ["berth@%s.service" % uuid], "systemd does not see it")
        check("Autostart:      enable" in world.berth("dominfo", "one") and "Autostart:      disable" in world.berth("dominfo", "two"),
              "dominfo says otherwise")
        check(world.berth("list", "--all", "--name", "--autostart") == "one\n", "list --autostart")
        check(world.berth("list", "--all", "--name", "--no-autostart") == "two\n", "list --no-autostart")
        check(world.rows("dominfo", "one")[0]["autostart"] is True, "dominfo --json")
        check(world.berth("autostart", "one", "--disable") == "Domain 'one' unmarked as autostarted\n", "virsh says it otherwise")
        check(world.enabled(uuid) != "enabled" and world.links() == [], "systemd still sees it")
        world.berth("autostart", uuid)
        world.berth("undefine", "one")
        check(world.links() == [], "undefine left %s" % world.links())


def refused():
    """Another state folder than the usual one, and a unit that is not there, are said so; nothing changes."""
    with Units() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        os.remove(os.path.join(world.root, "usr/lib/systemd/system/berth@.service"))
        answer = world.run("autostart", "guest")
        check(answer.returncode == 1 and "berth@" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        del world.environment["BERTH_SYSTEMD_ROOT"]
        answer = world.run("autostart", "guest")
        check(answer.returncode == 2 and "usual state folder" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(world.run("autostart", "nobody").returncode == 3, "a guest that is not there")


def told_ready(world, *words):
    """Begins a command, and waits until it has told systemd READY=1."""
    path = os.path.join(world.folder, "notify-%d" % len(os.listdir(world.folder)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(60)
        job = subprocess.Popen([BERTH, *words], env=dict(world.environment, NOTIFY_SOCKET=path))
        check(listener.recv(1000) == b"READY=1", "it says something else")
    return job


def tells_systemd():
    """berth run says READY=1 once the guest runs, and QEMU does not get systemd's socket."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        job = told_ready(world, "run", "guest", "--paused")
        check(world.state("guest") == "paused", "it is %s" % world.state("guest"))
        with open("/proc/%d/environ" % qemus(world)[0], "rb") as environment:
            check(b"NOTIFY_SOCKET" not in environment.read(), "QEMU has systemd's socket")
        job.send_signal(signal.SIGTERM)  # what systemctl stop does when ExecStop was not enough
        check(job.wait(30) == 0 and gone(world), "exit status %s" % job.returncode)


def takes_over():
    """berth run --adopt, as in the unit: the guest of another supervisor, of none, and one that does not run."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        world.berth("start", "guest")
        qemu, = qemus(world)
        supervisor = parent_of(qemu)
        check(world.run("run", "guest").returncode == 5, "two supervisors")
        job = told_ready(world, "run", "--adopt", "guest")
        wait_for(lambda: not alive(supervisor), 10, "the end of the other supervisor")
        check(qemus(world) == [qemu] and world.state("guest") == "running", "the guest has changed")
        job.kill()  # as systemd sees it: Restart=on-abort
        job.wait()
        job = told_ready(world, "run", "--adopt", "guest")
        check(qemus(world) == [qemu] and world.state("guest") == "running", "the guest has changed")
        world.berth("destroy", "guest")
        check(job.wait(30) == 0 and gone(world), "exit status %s" % job.returncode)
        job = told_ready(world, "run", "--adopt", "guest")
        check(world.state("guest") == "running" and qemus(world) != [qemu], "it was not started")
        job.send_signal(signal.SIGTERM)
        check(job.wait(30) == 0 and gone(world), "exit status %s" % job.returncode)
        check(world.run("run", "--adopt", "nobody").returncode == 3, "a guest that is not there")


def unit_is_right():
    """systemd-analyze finds nothing to say about the unit."""
    if shutil.which("systemd-analyze") is None:
        raise Skip("no systemd-analyze")
    with World() as world:
        with open(UNIT) as unit:
            text = unit.read()
        command = next(line for line in text.splitlines() if line.startswith("ExecStart=")).split("=")[1].split()[0]

        def complaints(unit):
            path = world.file("berth@guest.service", unit.replace(command, BERTH))
            answer = subprocess.run(["systemd-analyze", "verify", "--man=no", path], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)
            return [line for line in answer.stdout.splitlines() if "berth@" in line]
        if not complaints(text.replace("Type=notify", "Typo=notify")):
            raise Skip("systemd-analyze finds no mistake where there is one")
        check(not complaints(text), "; ".join(complaints(text)))
        check("Type=notify" in text and "WantedBy=multi-user.target" in text and "@" not in command, "it is not filled in")


TESTS = [
    ("autostart enables and disables the guest's unit", marked, ()),
    ("autostart says what is in its way", refused, ()),
    ("berth run tells systemd that the guest runs", tells_systemd, ()),
    ("berth run --adopt takes a running guest over", takes_over, ()),
    ("the unit is one that systemd likes", unit_is_right, ()),
]

if __name__ == "__main__":
    sys.exit(tap(TESTS))
