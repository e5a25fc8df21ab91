#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Supervisors and QEMUs that are killed, hosts that reboot, guests that power off, reboot and crash, on a real QEMU. Prints TAP.

  recovery.py BERTH

BERTH_SANITIZED: the build is too large for the test of memory.
"""
import glob
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time

from world import (BERTH, QEMU, Skip, World, alive, ask, check, disk, domain, gone, kill, locked, lying, nic, parent_of, peripherals, processes, qemus,
                   start, supervisors, tap, wait_for)

SERIAL_B = b"\xfa\xba" + struct.pack("<H", 0x3F8) + b"\xb0B\xee"  # cli; 'B' to the serial port
FOR_EVER = b"\xeb\xfe"
# Writes half a MiB of memory over and over, for some seconds.
LONG = bytes.fromhex("fc bda00f bb0010 8ec3 31ff b90080 40 f3ab 81c30010 81fb0090 72ec 4d 75e6")
# What the boot sectors do: ACPI's soft off (PM1a_CNT as SeaBIOS sets it up), the keyboard controller's reset, pvpanic's port.
DEEDS = {"on_poweroff": b"\xba\x04\x06\xb8\x00\x20\xef", "on_reboot": b"\xb0\xfe\xe6\x64", "on_crash": b"\xba\x05\x05\xb0\x01\xee"}


def reason(world):
    return world.berth("domstate", "guest", "--reason").strip()


def up(world, devices=(), machine="q35"):
    world.berth("define", "-", text=domain(machine, [nic(0)] + list(devices)))
    world.berth("start", "guest", "--paused")
    qemu = qemus(world)[0]
    return qemu, parent_of(qemu)


def stop(supervisor):
    """Stops it where it has not opened the store: with a lock in its hands, everybody else would have to wait for it."""
    def stopped():
        os.kill(supervisor, signal.SIGSTOP)
        wait_for(lambda: open("/proc/%d/stat" % supervisor).read().rpartition(")")[2].split()[0] == "T", 10, "its stop")
        folder = "/proc/%d/fd/" % supervisor
        if not any("berth.db" in os.readlink(folder + number) for number in os.listdir(folder)):
            return True
        os.kill(supervisor, signal.SIGCONT)
        return False
    wait_for(stopped, 10, "an instant at which it has not opened the store")


def nothing_left(world):
    check(gone(world), "left running: %s" % qemus(world))
    wait_for(lambda: not supervisors(world), 10, "the end of the supervisor")
    left = [name for _, _, names in os.walk(os.path.join(world.state_folder, "run")) for name in names if not name.endswith(".lock")]
    check(not left, "left: %s" % left)


def adopted_by(words):
    """Whatever command looks at a guest without a supervisor gives it a new one, which records what happens."""
    with World() as world:
        qemu, supervisor = up(world)
        kill(supervisor)
        world.berth(*words)
        new = wait_for(lambda: supervisors(world), 10, "a new supervisor")
        check(len(new) == 1 and new[0] != supervisor, "supervisors: %s" % new)
        check(reason(world) == "paused (user)" or "resume" in words, "domstate: %s" % reason(world))
        ask(world, {"execute": "cont"})
        wait_for(lambda: world.state("guest") == "running", 10, "the new supervisor hears that it runs")
        check(supervisors(world) == new, "it is another one again")
        kill(qemu)
        wait_for(lambda: world.state("guest") == "crashed", 10, "the crash")
        nothing_left(world)
        world.berth("start", "guest", "--paused")


def signalled_after_adoption():
    """A supervisor that took over ends the guest in good order, as the one before would have."""
    with World() as world:
        _, supervisor = up(world)
        kill(supervisor)
        check(world.state("guest") == "paused", "it is %s" % world.state("guest"))
        os.kill(wait_for(lambda: supervisors(world), 10, "a new supervisor")[0], signal.SIGTERM)
        wait_for(lambda: reason(world) == "shut off (destroyed)", 10, "the end")
        nothing_left(world)


def missed(machine):
    """What nobody listened to: a device that went, a guest that was stopped."""
    with World() as world:
        devices = ["<controller type='scsi' index='0' model='virtio-scsi'/>", disk(world, "sda")]
        qemu, supervisor = up(world, devices, machine)
        world.berth("resume", "guest")
        stop(supervisor)
        ask(world, {"execute": "stop"})
        kill(supervisor)
        check(world.state("guest") == "paused", "it is %s" % world.state("guest"))
        check(qemus(world) == [qemu], "QEMU is another one")


def qemu_killed():
    with World() as world:
        qemu, _ = up(world)
        kill(qemu)
        check(reason(world) == "crashed (signal 9 (Killed))", "domstate: %s" % reason(world))
        nothing_left(world)
        world.berth("start", "guest", "--paused")


def both_killed(who_looks):
    with World() as world:
        qemu, supervisor = up(world)
        kill(supervisor, qemu)
        world.run(*who_looks)
        check(reason(world) == "shut off (unknown)", "domstate: %s" % reason(world))
        nothing_left(world)
        world.berth("start", "guest", "--paused")
        check(reason(world) == "paused (user)", "domstate: %s" % reason(world))


TPM = "<tpm model='tpm-crb'><backend type='emulator'/></tpm>"
# A QEMU whose supervisor is killed before it has begun.
ORPHAN = "#!/bin/sh\ncase \"$*\" in *control.qmp*) kill -9 $PPID; exit 1;; esac\nexec %s \"$@\"\n"


def helpers(world):
    return processes(world, "helper.sock")


def helper_of_killed(who):
    """A TPM's helper lives as long as QEMU, whoever is killed."""
    if shutil.which("swtpm") is None:
        raise Skip("no swtpm")
    with World() as world:
        qemu, supervisor = up(world, [TPM])
        helper = [p for p in helpers(world) if p not in (qemu, supervisor)]
        check(len(helper) == 1, "helpers: %s" % helper)
        kill(*{"supervisor": [supervisor], "QEMU": [qemu], "both": [supervisor, qemu]}[who])
        if who == "supervisor":
            check(world.state("guest") == "paused" and alive(helper[0]), "it is %s" % world.state("guest"))
            world.berth("destroy", "guest")
        check(world.state("guest") in ("crashed", "shut off"), "it is %s" % world.state("guest"))
        check(not helpers(world), "a helper is left")
        nothing_left(world)
        world.berth("start", "guest", "--paused")
        check(len(helpers(world)) == 2, "the TPM's helper is not there again: %s" % helpers(world))


def helper_without_qemu(stopped):
    """A helper that waits for a QEMU that never comes is ended by the next command, also if it does not listen any more."""
    if shutil.which("swtpm") is None:
        raise Skip("no swtpm")
    with World() as world:
        world.berth("define", "-", text=domain("q35", [nic(0), TPM]))
        world.run("start", "guest", qemu=world.file("orphan", ORPHAN % QEMU, 0o755))
        left = wait_for(lambda: helpers(world), 10, "a helper")
        if stopped:
            os.kill(left[0], signal.SIGSTOP)
        check(world.state("guest") == "shut off", "it is %s" % world.state("guest"))
        check(not helpers(world), "a helper is left")
        nothing_left(world)
        world.berth("start", "guest", "--paused")


def helper_of_killed_attach():
    """attach-device killed once the helper of a file system is there: it stays with the device, or not at all."""
    if not any(os.path.exists(folder + "/virtiofsd") for folder in ("/usr/libexec", "/usr/lib/qemu", "/usr/bin")):
        raise Skip("no virtiofsd")
    with World() as world:
        shared = "  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>\n"
        start(world, "q35", [nic(0)], shared)
        xml = world.file("fs.xml", "<filesystem><driver type='virtiofs'/><source dir='%s'/><target dir='t'/></filesystem>" % world.folder)
        for step in range(6):
            job = world.begin("attach-device", "guest", xml)
            wait_for(lambda: processes(world, "virtiofsd") or job.poll() is not None, 30, "a helper")
            time.sleep(0.02 * step)
            job.kill()
            job.communicate()
            world.berth("verify", "guest")
            there = "fs0" in peripherals(world)
            check(("<filesystem" in world.berth("dumpxml", "guest", "--live")) == there, "QEMU has it: %s, the record is other" % there)
            check(bool(processes(world, "virtiofsd")) == there, "device: %s, helper: %s" % (there, not there))
            if there:
                world.run("detach-device", "guest", xml, "--timeout", "0")
                world.berth("reset", "guest")
                wait_for(lambda: not processes(world, "virtiofsd"), 10, "the end of the helper")
                world.berth("verify", "guest")


def host_rebooted():
    """After a boot the pids of before are strangers', even if their start times fit."""
    with World() as world:
        qemu, supervisor = up(world)
        stop(supervisor)
        with sqlite3.connect(os.path.join(world.state_folder, "berth.db"), timeout=10) as store:
            store.execute("UPDATE runs SET boot = 'another'")
        store.close()
        try:
            check(reason(world) == "shut off (unknown)", "domstate: %s" % reason(world))
            check(alive(qemu) and alive(supervisor), "a stranger was killed")
            check(not world.rows("list"), "it is listed as running")
        finally:
            kill(supervisor, qemu)
        nothing_left(world)
        world.berth("start", "guest", "--paused")


KILLER = """#!/bin/sh
case "$*" in *events.qmp*) kill -9 $PPID ;; esac
exec %s "$@"
"""


def never_recorded(words):
    """The supervisor dies between starting QEMU and recording it."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", [nic(0)]))
        killer = world.file("qemu", KILLER % QEMU, 0o755)
        answer = world.run("start", "guest", "--paused", qemu=killer)
        check(answer.returncode == 1 and "supervisor" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        wait_for(lambda: any("control.qmp" in names for _, _, names in os.walk(world.state_folder)), 10, "QEMU's sockets")
        world.berth(*words)
        if words[0] == "start":
            check(len(qemus(world)) == 1, "QEMUs: %s" % qemus(world))
        else:
            check(reason(world) == "shut off (unknown)", "domstate: %s" % reason(world))
            nothing_left(world)


def refused_reactions():
    with World() as world:
        for wanted, word in (("<on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot>", "needs <on_reboot> 'restart'"),
                             ("<on_reboot>coredump-restart</on_reboot>", "destroy, restart, preserve are"),
                             ("<on_crash>rename-restart</on_crash>", "coredump-restart are")):
            world.berth("define", "-", text=domain("q35", []).replace("  <devices>", "  %s\n  <devices>" % wanted))
            answer = world.run("start", "guest", "--paused")
            check(answer.returncode == 4 and ":7: " in answer.stderr and word in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(world.state("guest") == "shut off", "it was started")


def define_doer(world, element, action, before=b""):
    """A guest that does the deed as soon as it has booted (and done what is @before), and writes B to a serial port each time; returns
    that one's file."""
    image, serial = os.path.join(world.folder, "boot.img"), os.path.join(world.folder, "serial")
    with open(image, "wb") as out:
        out.write((SERIAL_B + before + DEEDS[element] + FOR_EVER).ljust(510, b"\0") + b"\x55\xaa" + b"\0" * 512 * 2047)
    text = domain("pc", ["<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/>"
                         "<target dev='vda' bus='virtio'/><boot order='1'/></disk>" % image,
                         "<serial type='file'><source path='%s'/></serial>" % serial, "<panic model='isa'/>"])
    world.berth("define", "-", text=text.replace("  <devices>", "  <%s>%s</%s>\n  <devices>" % (element, action, element)))
    return serial


# Berth's command, which waits before it begins anew: it says so in one file, and goes on when there is another. A shell would let
# signals through that are blocked.
WAITING = """#!/usr/bin/env python3
import os, sys, time
open(%r, "w").close()
while not os.path.exists(%r):
    time.sleep(0.05)
os.execv(%r, sys.argv)
"""
# A QEMU that puts it in the place of the real one.
SWAPPING = "#!/bin/sh\ncase \"$*\" in *control.qmp*) mv %s %s;; esac\nexec %s \"$@\"\n"


def panics(world, supervisor, go_on):
    check(gone(world, 60), "the guest does not panic")
    go_on()


def is_destroyed(world, supervisor, go_on):
    command = world.begin("destroy", "guest")
    check(gone(world), "it was not destroyed")
    go_on()
    check(command.wait(30) == 0, "destroy: exit status %d" % command.returncode)


def is_given_up(world, supervisor, go_on):
    """destroy waits ten seconds for the supervisor."""
    world.berth("destroy", "guest")
    go_on()


def is_told_to_end(world, supervisor, go_on):
    os.kill(supervisor, signal.SIGTERM)
    go_on()


def meanwhile(happens, expected):
    """What happens while the supervisor begins anew is known to what it becomes."""
    with World() as world:
        berth, sign, go = (os.path.join(world.folder, name) for name in ("berth", "sign", "go"))
        shutil.copy(BERTH, berth)
        define_doer(world, "on_crash", "destroy")
        waiting = world.file("waiting", WAITING % (sign, go, BERTH), 0o755)
        world.environment["BERTH_QEMU"] = world.file("swapping", SWAPPING % (waiting, berth, QEMU), 0o755)
        paused = [] if happens == panics else ["--paused"]
        job = subprocess.Popen([berth, "run", "guest"] + paused, env=world.environment)
        wait_for(lambda: os.path.exists(sign), 60, "the begin")
        happens(world, job.pid, lambda: world.file("go", ""))
        check(job.wait(60) == 0, "exit status %s" % job.returncode)
        check(reason(world) == expected, "domstate: %s" % reason(world))
        nothing_left(world)


def reaction(element, action, expected):
    """@expected: what domstate says, or "again": the guest boots over and over."""
    with World() as world:
        serial = define_doer(world, element, action)
        world.berth("start", "guest")
        qemu = qemus(world)

        def boots():
            with open(serial, "rb") as log:
                return log.read().count(b"B")

        if expected == "again":
            wait_for(lambda: boots() >= 3, 90, "the third boot")
            check(qemus(world) == qemu, "QEMU is another one")
        else:
            wait_for(lambda: reason(world) == expected, 60, expected)
            check(boots() == 1, "it booted %d times" % boots())
            check(bool(qemus(world)) == (action == "preserve"), "QEMU: %s" % qemus(world))
        if action.startswith("coredump"):
            folder = os.path.join(world.state_folder, "dump")
            dumps = [os.path.join(folder, name) for name in os.listdir(folder)]
            first = min(dumps, key=lambda name: (len(name), name), default=None)  # the next crash may be about to be written
            check(expected != "again" or len(dumps) >= 2, "of two crashes: %s" % dumps)
            check(first and os.path.getsize(first) > 1 << 20, "dumps: %s" % dumps)
            with open(first, "rb") as core:
                check(core.read(4) == b"\x7fELF", "the dump is no ELF file")
        if qemus(world):
            world.berth("destroy", "guest")
            check(reason(world) == "shut off (destroyed)", "domstate: %s" % reason(world))
        nothing_left(world)


def in_turn(element, action):
    """While a command is at work on the guest, its supervisor does not let it run again: its state may just be on its way elsewhere."""
    with World() as world:
        serial = define_doer(world, element, action)

        def boots():
            with open(serial, "rb") as log:
                return log.read().count(b"B")

        world.berth("start", "guest", "--paused")
        with locked(world):
            ask(world, {"execute": "cont"})
            status = lambda: ask(world, {"execute": "query-status"})["status"]
            stands = {"on_poweroff": "shutdown", "on_crash": "guest-panicked"}[element]
            wait_for(lambda: status() == stands, 60, "the deed")
            time.sleep(1.5)
            check(boots() == 1 and status() == stands, "it boots again, and is %s" % status())
            check(reason(world) in ("paused (shutting down)", "crashed (panicked)"), "domstate: %s" % reason(world))
        wait_for(lambda: boots() > 1, 60, "a second boot")


def on_its_way():
    """A guest that powers off while it is sent elsewhere does not go there; then it is restarted."""
    with World() as world:
        serial = define_doer(world, "on_poweroff", "restart", LONG)
        world.berth("start", "guest")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(world.folder, "there"))
            listener.listen(1)
            listener.settimeout(30)
            # From here on it writes faster than it is sent, so that QEMU does not stop it for the rest.
            wait_for(lambda: b"B" in open(serial, "rb").read(), 60, "its first boot")
            job = world.begin("migrate", "guest", "--to", "unix:%s/there" % world.folder, "--live", "--bandwidth", "1")
            peer = listener.accept()[0]
            peer.settimeout(30)
            peer.sendall(b"A\0\0\0\0")
            # What is not taken keeps the guest here until it powers off.
            wait_for(lambda: reason(world) == "paused (shutting down)", 60, "it powers off")
            time.sleep(1)
            sent = b""
            while piece := peer.recv(1 << 20):
                sent += piece
                check(len(sent) < 1 << 28, "it is sent all the same")
        _, errors = job.communicate(timeout=60)
        check(job.returncode == 1 and "cancelled" in errors, "%d: %s" % (job.returncode, errors))
        wait_for(lambda: open(serial, "rb").read().count(b"B") > 1, 60, "a second boot")


def last_words():
    """What QEMU said before it crashed is told; its log goes with it."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", []))
        for signum, told in ((signal.SIGABRT, "signal 6 (Aborted): qemu: Assertion `0' failed."), (signal.SIGKILL, "signal 9 (Killed)")):
            world.berth("start", "guest", "--paused")
            with open(glob.glob(world.state_folder + "/run/*/qemu.log")[0], "a") as log:
                log.write("qemu: Assertion `0' failed.\n")
            os.kill(qemus(world)[0], signum)
            wait_for(lambda: reason(world) == "crashed (%s)" % told, 20, "how it crashed is recorded")


def told_late():
    """What QEMU says of a guest is not recorded after a command has changed it."""
    with World() as world:
        lies = lying(world)
        world.berth("define", "-", text=domain("pc", []))
        world.berth("start", "guest", "--paused")
        time.sleep(1)
        os.unlink(lies + "/log")
        script = world.file("lies/script", json.dumps({"monitor": "events", "command": "query-status", "lie": "late", "nth": 0}))
        world.berth("resume", "guest")
        wait_for(lambda: '"events", "query-status"' in open(lies + "/log").read(), 20, "its supervisor asks QEMU")
        world.berth("suspend", "guest")
        for _ in range(40):
            check(reason(world) == "paused (user)", "it is %s", reason(world))
            time.sleep(0.1)
        os.unlink(script)


def at_once(paused):
    """A guest whose firmware resets the machine with its first instructions: that is heard as a reset, however soon it comes."""
    with World() as world:
        code = DEEDS["on_reboot"] + FOR_EVER
        rom = os.path.join(world.folder, "rom")
        with open(rom, "wb") as out:  # the last 64 KiB below 1 MiB; from the reset vector to the start
            out.write(code.ljust(0xFFF0, b"\xf4") + b"\xea\x00\x00\x00\xf0".ljust(16, b"\xf4"))
        text = domain("pc", []).replace("</type>", "</type><loader type='rom'>%s</loader>" % rom)
        world.berth("define", "-", text=text.replace("  <devices>", "  <on_reboot>preserve</on_reboot>\n  <devices>"))
        for turn in range(6):
            world.berth("start", "guest", *(["--paused"] if paused else []))
            if paused:
                time.sleep(0.05 * turn)
                world.berth("resume", "guest")
            wait_for(lambda: reason(world) not in ("running (booted)", "running (unpaused)", "paused (user)"), 10, "the reset")
            check(reason(world) == "paused (shutting down)", "turn %d: domstate: %s" % (turn, reason(world)))
            world.berth("destroy", "guest")
        nothing_left(world)


def found_at_its_end(whose):
    """A guest that ran and shut down unheard was paused by its user, as far as anybody knows: why it stands now is found out."""
    with World() as world:
        define_doer(world, "on_poweroff", "preserve")
        world.berth("start", "guest", "--paused")
        supervisor = parent_of(qemus(world)[0])
        stop(supervisor)
        ask(world, {"execute": "cont"})
        wait_for(lambda: ask(world, {"execute": "query-status"})["status"] == "shutdown", 60, "the end")
        check(reason(world) == "paused (user)", "somebody has heard it: %s" % reason(world))
        os.kill(supervisor, signal.SIGCONT if whose == "its own" else signal.SIGKILL)
        wait_for(lambda: reason(world) == "paused (shutting down)", 10, "its record")


def not_saved():
    """A guest that has powered off, is kept, and cannot be saved stands for the reason that it stood for."""
    with World() as world:
        define_doer(world, "on_poweroff", "preserve")
        world.berth("start", "guest")
        wait_for(lambda: reason(world) == "paused (shutting down)", 60, "its end")
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, limit[1]))
        try:
            answer = world.run("save", "guest", world.folder + "/saved")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        check(answer.returncode == 1 and "still paused" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        time.sleep(1)
        check(reason(world) == "paused (shutting down)", reason(world))


def memory(count):
    """Private dirty memory of each supervisor, also after it has recorded things."""
    if os.environ.get("BERTH_SANITIZED"):
        raise Skip("the sanitized build is larger")
    with World() as world:
        for number in range(count):
            world.berth("define", "-", text=domain("q35", [nic(0), nic(1)], "guest%d" % number))
            world.berth("start", "guest%d" % number, "--paused")
        world.berth("resume", "guest0")
        world.berth("suspend", "guest0")
        for pid in wait_for(lambda: supervisors(world), 10, "supervisors"):
            def dirty():
                with open("/proc/%d/smaps_rollup" % pid) as rollup:
                    return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty"))
            wait_for(lambda: dirty() < 1024, 5, "less than 1 MiB (it has %d KiB)" % dirty())


def tests():
    for words in (["domstate", "guest"], ["list"], ["verify", "guest"], ["resume", "guest"]):
        yield "supervisor killed: %s gives the guest a new one" % words[0], adopted_by, (words,)
    yield "a supervisor that took over obeys signals", signalled_after_adoption, ()
    yield "what nobody listened to is found out", missed, ("pc",)
    yield "QEMU killed: crashed, and nothing is left", qemu_killed, ()
    for words in (["list", "--all"], ["start", "nobody"], ["verify", "guest"]):
        yield "both killed: the next command (%s) sees the truth" % words[0], both_killed, (words,)
    for who in ("supervisor", "QEMU", "both"):
        yield "%s killed: no helper is left" % who, helper_of_killed, (who,)
    for stopped in (False, True):
        yield "a helper %s ends" % ("that is stuck" if stopped else "whose QEMU never came"), helper_without_qemu, (stopped,)
    yield "a helper that a killed attach-device has left ends", helper_of_killed_attach, ()
    yield "host rebooted: pids of before are strangers'", host_rebooted, ()
    for words in (["domstate", "guest"], ["start", "guest", "--paused"]):
        yield "a QEMU that was never recorded is ended by %s" % words[0], never_recorded, (words,)
    shut, kept, crashed = "shut off (shutdown)", "paused (shutting down)", "crashed (panicked)"
    for element, action, expected in (
            ("on_poweroff", "destroy", shut), ("on_poweroff", "restart", "again"), ("on_poweroff", "preserve", kept),
            ("on_reboot", "destroy", shut), ("on_reboot", "restart", "again"), ("on_reboot", "preserve", kept),
            ("on_crash", "destroy", crashed), ("on_crash", "restart", "again"), ("on_crash", "preserve", crashed),
            ("on_crash", "coredump-destroy", crashed), ("on_crash", "coredump-restart", "again")):
        yield "%s %s" % (element, action), reaction, (element, action, expected)
    for happens, expected in ((panics, crashed), (is_destroyed, "shut off (destroyed)"), (is_given_up, "shut off (destroyed)"),
                              (is_told_to_end, "shut off (destroyed)")):
        yield "a guest whose supervisor begins anew %s" % happens.__name__.replace("_", " "), meanwhile, (happens, expected)
    for element, action in (("on_poweroff", "restart"), ("on_crash", "restart"), ("on_crash", "coredump-restart")):
        yield "%s %s waits for its turn" % (element, action), in_turn, (element, action)
    yield "a guest that powers off on its way elsewhere", on_its_way, ()
    yield "QEMU's last words", last_words, ()
    yield "what QEMU says late is not recorded after what a command does", told_late, ()
    for paused in (False, True):
        yield "a guest that resets at once when it is %s" % ("resumed" if paused else "started"), at_once, (paused,)
    for whose in ("its own", "a new"):
        yield "a guest that shut down unheard: %s supervisor finds out" % whose, found_at_its_end, (whose,)
    yield "a guest that is kept after its end and cannot be saved", not_saved, ()
    yield "what contradicts itself or is for crashes only is refused", refused_reactions, ()
    yield "a supervisor's memory", memory, (3,)


if __name__ == "__main__":
    sys.exit(tap(tests()))
