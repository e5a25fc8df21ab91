# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests on a real QEMU share: a world of their own, makers of devices and domains, QEMU's own view, a TAP loop.

The command is the test's first argument (or BERTH in the environment); the second is the folder of the Linux guest, if any.
BERTH_QEMU names the QEMU, BERTH_TEST_SEED sets the seed, BERTH_TEST_ONLY picks tests by a part of their name.
"""
import contextlib
import fcntl
import glob
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

BERTH = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.environ["BERTH"])
GUEST = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
QEMU = shutil.which(os.environ.get("BERTH_QEMU", "qemu-system-x86_64"))
SEED = int(os.environ.get("BERTH_TEST_SEED", "1"))
SLOW = bool(os.environ.get("BERTH_SLOW"))
NICS = ["virtio", "e1000", "rtl8139", "e1000e", "virtio", "vmxnet3"]
PORTS = ["<controller type='pci' model='pcie-root'/>"] + ["<controller type='pci' model='pcie-root-port'/>"] * 12


FAILED, USAGE, NOT_FOUND, BAD_INPUT, CONFLICT = 1, 2, 3, 4, 5


class Failed(Exception):
    pass


class Skip(Exception):
    """Raised by a test that cannot run here; its text is the reason."""


def check(condition, text, *values):
    if not condition:
        raise Failed(text % values if values else text)


def wait_for(condition, seconds, what):
    """Waits until condition() is true, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        check(time.monotonic() < deadline, "%s: not within %d s" % (what, seconds))
        time.sleep(0.05)


def tap(tests, needs_qemu=True):
    """Runs (name, test, arguments) one after the other; returns the exit status."""
    todo = [t for t in tests if os.environ.get("BERTH_TEST_ONLY", "") in t[0]]
    print("1..%d" % len(todo), flush=True)
    failed = 0
    for number, (name, test, arguments) in enumerate(todo, 1):
        try:
            if needs_qemu and QEMU is None:
                raise Skip("no qemu-system-x86_64")
            test(*arguments)
            print("ok %d - %s" % (number, name), flush=True)
        except Skip as reason:
            print("ok %d - %s # SKIP %s" % (number, name, reason), flush=True)
        except (Failed, subprocess.TimeoutExpired, ValueError, KeyError, IndexError, OSError, sqlite3.Error) as problem:
            failed += 1
            text = str(problem).replace("\n", "\n# ")
            print("not ok %d - %s\n# %s: %s" % (number, name, type(problem).__name__, text), flush=True)
    return 1 if failed else 0


class World:
    """A state folder of its own; what was started in it is ended at the end."""

    def __init__(self, qemu=None):
        self.folder = tempfile.mkdtemp(prefix="berth-test-")
        self.state_folder = os.path.join(self.folder, "state")
        self.environment = dict(os.environ, BERTH_STATE=self.state_folder)
        if qemu or QEMU:
            self.environment["BERTH_QEMU"] = qemu or QEMU

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for guest in self.guests():
            self.run("destroy", guest["name"])
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words, text=None, qemu=None):
        environment = dict(self.environment, BERTH_QEMU=qemu) if qemu else self.environment
        return subprocess.run([BERTH] + list(words), env=environment, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=120)

    def begin(self, *words):
        """Starts the command and does not wait for it."""
        return subprocess.Popen([BERTH] + list(words), env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def berth(self, *words, text=None, qemu=None):
        answer = self.run(*words, text=text, qemu=qemu)
        check(answer.returncode == 0, "berth %s: exit status %d: %s" % (" ".join(words), answer.returncode, answer.stderr))
        return answer.stdout

    def fails(self, status, says, *words, text=None, **more):
        """One line that holds each of @says; the exit status; nothing on standard output."""
        answer = self.run(*words, text=text, **more)
        lines = [line for line in answer.stderr.splitlines() if not line.startswith("berth: note: ")]
        check(answer.returncode == status, "exit status %d, not %d: %s" % (answer.returncode, status, answer.stderr[:300]))
        check(len(lines) == 1 and lines[0].startswith("berth: "), "not one line: %r" % answer.stderr[:500])
        check(len(lines[0]) < 1000, "a line of %d characters" % len(lines[0]))
        for piece in [says] if isinstance(says, str) else says:
            check(piece in lines[0], "%r is not in: %s" % (piece, lines[0]))
        check(answer.stdout == "", "standard output: %r" % answer.stdout[:300])
        return lines[0]

    def rows(self, *words, **more):
        return list(json.loads(self.berth(*words, "--json", **more)).values())[0]

    def guests(self):
        answer = self.run("list", "--all", "--json")
        return list(json.loads(answer.stdout).values())[0] if answer.returncode == 0 and answer.stdout.strip() else []

    def state(self, name):
        return self.berth("domstate", name).strip()

    def file(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, mode)
        return path


# Devices and domains

def nic(number, model=None):
    return ("<interface type='user'><mac address='52:54:00:00:01:%02x'/><model type='%s'/></interface>"
            % (number, model or NICS[number % len(NICS)]))


def disk(world, name):
    bus = {"vd": "virtio", "sd": "scsi", "hd": "ide"}[name[:2]]
    path = os.path.join(world.folder, name + ".img")
    with open(path, "ab") as image:
        image.truncate(1 << 20)
    return ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/><target dev='%s' bus='%s'/></disk>"
            % (path, name, bus))


def usb_disk(world, name):
    return disk(world, name).replace("bus='scsi'", "bus='usb'")


def usb(model="qemu-xhci"):
    return "<controller type='usb' index='0' model='%s'/>" % model


def scsi(index=0):
    return "<controller type='scsi' index='%d' model='virtio-scsi'/>" % index


def rng():
    return "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"


def channel(number):
    return "<channel type='unix'><target type='virtio' name='org.example.%d'/></channel>" % number


def domain(machine, devices, name="guest"):
    return ("<domain type='qemu'>\n  <name>%s</name>\n  <memory unit='MiB'>64</memory>\n  <os><type arch='x86_64' machine='%s'>hvm"
            "</type></os>\n  <features><acpi/></features>\n  <devices>\n%s  </devices>\n</domain>\n"
            % (name, machine, "".join("    %s\n" % d for d in devices)))


def machine_domain(machine, devices, more="", name="guest"):
    """A domain to plug into: ports on q35, 256 MiB, and more beside its memory."""
    text = domain(machine, (PORTS if machine == "q35" else []) + devices, name)
    return text.replace("  <memory unit='MiB'>64</memory>\n", "  <memory unit='MiB'>256</memory>\n" + more)


def start(world, machine, devices, more="", name="guest"):
    world.berth("define", "-", text=machine_domain(machine, devices, more, name))
    world.berth("start", name, "--paused")


# berth's view

def attach(world, xml, *flags, name="guest"):
    return world.berth("attach-device", name, "-", *flags, text=xml)


def detach(world, xml, *flags, name="guest"):
    return world.berth("detach-device", name, "-", *flags, text=xml)


def verified(world, name="guest"):
    """The rows of verify, all of which must be as recorded."""
    rows = world.rows("verify", name)
    wrong = [r for r in rows if r["state"] not in ("ok", "")]
    check(not wrong, "not as recorded: %s" % wrong)
    return rows


def places(rows):
    return {r["identity"]: r["address"] for r in rows if r["address"]}


# QEMU's view

# A QEMU that puts one device elsewhere; takes an id, a dictionary of properties, and QEMU twice.
MOVER = """#!/usr/bin/env python3
import json, os, sys
arguments = sys.argv[1:]
for at, word in enumerate(arguments):
    if arguments[at - 1] == "-device" and word.startswith("{"):
        device = json.loads(word)
        if device.get("id") == %r:
            device.update(%r)
            arguments[at] = json.dumps(device)
os.execv(%r, [%r] + arguments)
"""


def alive(pid):
    """Whether a process runs: a zombie does not, once its last thread has ended, which is when its parent can hear of it."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z" or len(os.listdir("/proc/%d/task" % pid)) > 1
    except OSError:
        return False


def parent_of(pid):
    with open("/proc/%d/stat" % pid) as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[1])


def command_lines():
    """(pid, command line) of all processes; a NUL follows each word."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % entry, "rb") as line:
                words = line.read().decode(errors="replace")
        except OSError:
            continue
        yield int(entry), words


def processes(world, word=""):
    """The processes that hold the world's folder, and word, in their command line."""
    return [pid for pid, line in command_lines() if world.folder in line and word in line and alive(pid)]


@contextlib.contextmanager
def locked(world, flags=0):
    """Has the lock of the only guest, as a command that is at work on it."""
    with open(glob.glob(world.state_folder + "/run/*.lock")[0]) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | flags)
        yield


def lying(world):
    """Its QEMU lies as "script" in the folder that is returned says."""
    lies = os.path.join(world.folder, "lies")
    os.mkdir(lies)
    world.environment.update(BERTH_LIE_QEMU=QEMU, BERTH_LIE_FOLDER=lies,
                             BERTH_QEMU=os.path.join(os.path.dirname(os.path.abspath(__file__)), "lying-qemu.py"))
    return lies


def qemus(world):
    return processes(world, "-nodefaults")


def supervisors(world):
    """The processes of berth that stay with a guest of this world."""
    found = []
    for pid, line in command_lines():
        words = line.split("\0")
        if world.state_folder in words and ("adopt" in words or "run" in words) and alive(pid):
            found.append(pid)
    return found


def kill(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(alive(pid) for pid in pids), 10, "the end of %s" % (pids,))


def gone(world, seconds=10):
    deadline = time.monotonic() + seconds
    while qemus(world) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not qemus(world)


def monitor(world, name="guest"):
    """The path of the control monitor of the guest."""
    uuid = [g["uuid"] for g in world.guests() if g["name"] == name][0]
    for folder, _, names in os.walk(world.state_folder):
        if "control.qmp" in names and uuid in folder:
            return os.path.join(folder, "control.qmp")
    raise Failed("there is no control monitor")


def ask(world, *commands, name="guest"):
    """Asks QEMU itself, through the control monitor; returns the last answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(monitor(world, name))
        stream = connection.makefile("rw")
        stream.readline()
        for command in ({"execute": "qmp_capabilities"},) + commands:
            stream.write(json.dumps(command) + "\n")
            stream.flush()
            while True:
                answer = json.loads(stream.readline())
                if "event" not in answer:
                    break
    return answer.get("return")


def peripherals(world, name="guest"):
    found = ask(world, {"execute": "qom-list", "arguments": {"path": "/machine/peripheral"}}, name=name)
    return sorted(p["name"] for p in found if p["type"].startswith("child<"))


def back_ends(world, name="guest"):
    nodes = ask(world, {"execute": "query-named-block-nodes"}, name=name)
    chardevs = ask(world, {"execute": "query-chardev"}, name=name)
    return (sorted(n["node-name"] for n in nodes),
            sorted(c["label"] for c in chardevs if not c["label"].startswith(("compat_monitor", "events", "control"))))
