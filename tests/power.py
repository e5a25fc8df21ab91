#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What users do to a running guest as a whole, and what they are told about it, on a real QEMU. Prints TAP.

  power.py BERTH

The guest is a boot sector: it writes a B to its serial port, waits for the power button, and powers down.
"""
import fcntl
import os
import struct
import sys
import time

from world import QEMU, World, alive, ask, check, disk, domain, gone, locked, lying, nic, qemus, tap, wait_for

# ACPI's registers, as SeaBIOS sets them up: status and enable (ACPI 6.5, 4.8.3.1; bit 8 is the power button) and control.
PM_STATUS, PM_ENABLE, PM_CONTROL = 0x600, 0x602, 0x604
SOFT_OFF = 0x2000
SECTOR = (b"\xfa"                                              # cli
          + b"\xba" + struct.pack("<H", PM_ENABLE) + b"\xb8\x00\x01\xef"
          + b"\xba" + struct.pack("<H", 0x3F8) + b"\xb0B\xee"  # 'B' to the serial port: the power button is on
          + b"\xba" + struct.pack("<H", PM_STATUS)
          + b"\xed\xf6\xc4\x01\x74\xfa"                        # in ax,dx; test ah,1; back while it is not pressed
          + b"\xba" + struct.pack("<H", PM_CONTROL) + b"\xb8" + struct.pack("<H", SOFT_OFF) + b"\xef"
          + b"\xeb\xfe")


def obedient(world, machine, devices=()):
    """Defines a guest that runs the boot sector."""
    image = os.path.join(world.folder, "boot.img")
    with open(image, "wb") as out:
        out.write(SECTOR.ljust(510, b"\0") + b"\x55\xaa" + b"\0" * 512 * 2047)
    boot = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/><target dev='vda' bus='virtio'/>"
            "<boot order='1'/></disk>" % image)
    serial = "<serial type='file'><source path='%s'/></serial>" % os.path.join(world.folder, "serial")
    world.berth("define", "-", text=domain(machine, [boot, serial] + list(devices)))


def boots(world):
    try:
        with open(os.path.join(world.folder, "serial"), "rb") as serial:
            return serial.read().count(b"B")
    except OSError:
        return 0


def booted(world, times):
    wait_for(lambda: boots(world) == times, 60, "boot %d" % times)


def shuts_down(machine):
    with World() as world:
        obedient(world, machine)
        world.berth("start", "guest")
        booted(world, 1)
        check("is shut off" in world.berth("shutdown", "guest", "--timeout", "60"), "shutdown says something else")
        check(world.state("guest") == "shut off" and gone(world), "it is %s" % world.state("guest"))


def reboots(machine):
    """The same QEMU boots again; the next power button ends it."""
    with World() as world:
        obedient(world, machine)
        world.berth("start", "guest")
        pid = qemus(world)
        booted(world, 1)
        for times in (2, 3):
            check(world.berth("reboot", "guest") == "Domain 'guest' is being rebooted\n", "virsh says it otherwise")
            booted(world, times)
            check(qemus(world) == pid, "it is another QEMU")
            wait_for(lambda: world.state("guest") == "running", 10, "running")
        world.berth("shutdown", "guest", "--timeout", "60")
        check(gone(world) and boots(world) == 3, "it booted once more")
        folder = os.path.join(world.state_folder, "run")
        check(not [n for n in os.listdir(folder) if not n.endswith(".lock")], "left over: %s" % os.listdir(folder))


def wish_taken_back():
    """Reboot, then shutdown before the guest has obeyed: it ends."""
    with World() as world:
        obedient(world, "pc")
        world.berth("start", "guest", "--paused")
        world.berth("reboot", "guest")
        world.berth("shutdown", "guest")
        world.berth("resume", "guest")
        booted(world, 1)
        world.berth("shutdown", "guest", "--timeout", "60")
        check(gone(world) and boots(world) == 1, "it booted again")


def resets():
    with World() as world:
        obedient(world, "pc")
        world.berth("start", "guest")
        booted(world, 1)
        check(world.berth("reset", "guest") == "Domain 'guest' was reset\n", "virsh says it otherwise")
        booted(world, 2)


def halts_and_goes_on():
    with World() as world:
        obedient(world, "pc")
        world.berth("start", "guest")
        check(world.run("resume", "guest").returncode == 2, "what runs was resumed")
        for _ in range(2):  # what is halted stays so
            check(world.berth("suspend", "guest") == "Domain 'guest' suspended\n", "virsh says it otherwise")
            check(world.state("guest") == "paused" and ask(world, {"execute": "query-status"})["status"] == "paused", "it runs")
        check(world.berth("resume", "guest") == "Domain 'guest' resumed\n", "virsh says it otherwise")
        check(world.state("guest") == "running" and ask(world, {"execute": "query-status"})["status"] == "running", "it does not run")
        booted(world, 1)


def ends_gracefully():
    with World() as world:
        obedient(world, "pc")
        world.berth("start", "guest")
        pid = qemus(world)[0]
        os.kill(pid, 19)  # stopped, it can do nothing that it is asked to
        answer = world.run("destroy", "guest", "--graceful")
        check(answer.returncode == 5 and alive(pid), "exit status %d: %s" % (answer.returncode, answer.stderr))
        os.kill(pid, 18)
        wait_for(lambda: not alive(pid), 20, "the end that it was asked for")
        world.berth("start", "guest")
        world.berth("destroy", "guest", "--graceful")
        check(world.state("guest") == "shut off" and gone(world), "it is %s" % world.state("guest"))


def held(*flags):
    """A QEMU that hears nothing (with @flags: one that does) can be destroyed though another command has the guest's lock, and
    its end is recorded once that is free."""
    with World() as world:
        obedient(world, "pc")
        world.berth("start", "guest")
        ask(world, {"execute": "stop"})  # and its supervisor is done
        wait_for(lambda: world.state("guest") == "paused", 20, "a record")
        pid = qemus(world)[0]
        with locked(world):
            job = world.begin("destroy", "guest", *flags)
            if not flags:
                os.kill(pid, 19)
            wait_for(lambda: not alive(pid), 30, "the end")
            check(job.poll() is None, "it did not wait to record that")
        _, said = job.communicate(timeout=60)
        check(job.returncode == 0 and said == "", said)
        check(world.berth("domstate", "guest", "--reason") == "shut off (destroyed)\n", world.berth("domstate", "guest", "--reason"))
        check(gone(world), "QEMU is still there")


def hears_nothing():
    """A command waits for an answer that does not come."""
    with World() as world:
        obedient(world, "pc")
        world.berth("start", "guest")
        pid = qemus(world)[0]
        os.kill(pid, 19)
        lazy = world.begin("suspend", "guest")
        time.sleep(0.5)
        world.berth("destroy", "guest")
        check(lazy.wait(timeout=60) != 0, "a QEMU that hears nothing was suspended")
        check(world.berth("domstate", "guest", "--reason") == "shut off (destroyed)\n", world.berth("domstate", "guest", "--reason"))


def heard_later():
    """What a QEMU does not answer its supervisor is asked again; meanwhile others have the guest's lock."""
    with World() as world:
        obedient(world, "pc")
        lying(world)
        world.berth("start", "guest")
        for command, state in (("stop", "paused"), ("cont", "running")):  # its supervisor has nothing else to do any more
            ask(world, {"execute": command})
            wait_for(lambda: world.state("guest") == state, 20, "a record")
        script = world.file("lies/script", '{"monitor": "events", "command": "query-status", "nth": 0, "lie": "swallowed"}')
        ask(world, {"execute": "stop"})
        time.sleep(1)
        with locked(world, fcntl.LOCK_NB):
            pass
        check(world.state("guest") == "running", "nobody has been told, and it is %s" % world.state("guest"))
        os.unlink(script)
        wait_for(lambda: world.state("guest") == "paused", 30, "a record")


def not_running():
    with World() as world:
        obedient(world, "pc")
        for verb in ("reboot", "reset", "suspend", "resume", "shutdown", "destroy"):
            answer = world.run(verb, "guest")
            check(answer.returncode == 2 and "is not running" in answer.stderr, "%s: %d: %s" % (verb, answer.returncode, answer.stderr))
        answer = world.run("reboot", "guest", "--mode", "agent")
        check(answer.returncode == 4 and "acpi" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))


def told():
    """What dominfo, list and the lists of parts say about a guest, running and not."""
    with World() as world:
        text = domain("pc", [disk(world, "vda"), "<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>", nic(0, "e1000"),
                             "<graphics type='vnc'/>", "<memballoon model='virtio'/>"])
        text = text.replace("</memory>", "</memory><currentMemory unit='MiB'>48</currentMemory><vcpu current='2'>2</vcpu>")
        world.berth("define", "-", text=text)
        world.berth("define", "-", text=domain("q35", [], "other"))
        check(world.berth("list", "--all", "--name").split() == ["guest", "other"], "list --all")
        check(world.berth("list", "--name") == "" and world.berth("list", "--inactive", "--name").split() == ["guest", "other"], "list")
        check(world.berth("domid", "guest") == "-\n", "domid of what does not run")
        world.berth("start", "guest", "--paused")
        pid, uuid = str(qemus(world)[0]), world.guests()[0]["uuid"]
        check(world.berth("domid", "guest") == pid + "\n" and world.berth("domuuid", "guest") == uuid + "\n"
              and world.berth("domname", uuid) == "guest\n", "domid, domuuid, domname")
        info = dict(line.split(":", 1) for line in world.berth("dominfo", "guest").splitlines())
        info = {k: v.strip() for k, v in info.items()}
        expected = {"Id": pid, "Name": "guest", "UUID": uuid, "State": "paused", "CPU(s)": "2", "Max memory": "65536 KiB",
                    "Used memory": "49152 KiB", "Persistent": "yes"}
        check(expected.items() <= info.items(), "dominfo says %s" % info)
        check(info["CPU time"].endswith("s") and info["Machine"].startswith("pc-i440fx"), "dominfo says %s" % info)
        row = world.rows("dominfo", "guest")[0]
        check((row["pid"], row["cpus"], row["max_memory"], row["used_memory"]) == (int(pid), 2, 65536, 49152), "JSON says %s" % row)
        for words, names in ((["--state-paused"], ["guest"]), (["--state-shutoff"], ["other"]), (["--state-running"], []),
                             (["--state-paused", "--state-shutoff", "--all"], ["guest", "other"]), (["--inactive"], ["other"])):
            check(world.berth("list", "--name", *words).split() == names, "list %s" % words)
        check(world.berth("list", "--id", "--uuid", "--name") == "%s %s guest\n" % (pid, uuid), "list --id --uuid --name")
        check(world.rows("domiflist", "guest") == [{"interface": "", "type": "user", "source": "", "model": "e1000",
                                                    "mac": "52:54:00:00:01:00"}], "domiflist")
        image = os.path.join(world.folder, "vda.img")
        check(world.berth("domblklist", "guest").split() == ["TARGET", "SOURCE", "vda", image, "hda", "-"], "domblklist")
        check([r["device"] for r in world.rows("domblklist", "guest")] == ["disk", "cdrom"], "domblklist --json")
        check(world.berth("domblklist", "guest", "--details").split()[:4] == ["TYPE", "DEVICE", "TARGET", "SOURCE"], "--details")
        world.berth("attach-device", "guest", "-", "--live", text=nic(1, "virtio"))
        check([len(world.rows("domiflist", "guest", *more)) for more in ([], ["--inactive"])] == [2, 1], "--inactive")
        vnc = ask(world, {"execute": "query-vnc"})
        number = int(vnc["service"]) - 5900
        check(world.berth("domdisplay", "guest") == "vnc://127.0.0.1:%d\n" % number, "domdisplay")
        check(world.berth("vncdisplay", "guest") == "127.0.0.1:%d\n" % number, "vncdisplay")
        check(world.run("vncdisplay", "other").returncode == 2, "vncdisplay of what does not run")


def folder_of_bytes():
    """A folder's name need not be UTF-8; JSON must."""
    with World() as world:
        world.state_folder = world.environment["BERTH_STATE"] = os.fsdecode(os.fsencode(world.folder) + b"/\xff")
        world.berth("define", "-", text=domain("q35", ["<graphics type='vnc'><listen type='socket'/></graphics>"]))
        world.berth("start", "guest", "--paused")
        check(world.rows("domdisplay", "guest")[0]["uri"].startswith("vnc+unix://" + world.folder + "/\ufffd/"), "domdisplay")


def hardly_started():
    """The supervisor is killed before its QEMU has a monitor: the next start waits for that one, and ends it."""
    with World() as world:
        slow = world.file("slow-qemu", "#!/bin/sh\nsleep 1\nexec %s \"$@\"\n" % QEMU, 0o755)
        world.environment["BERTH_QEMU"] = slow
        world.berth("define", "-", text=domain("pc", [disk(world, "vda")]))
        for _ in range(2):
            job = world.begin("run", "guest", "--paused")
            orphan = wait_for(lambda: qemus(world), 60, "a QEMU")[0]
            job.kill()
            job.communicate()
            world.berth("start", "guest", "--paused")
            check(not alive(orphan), "the first one is still there")
            check(len(qemus(world)) == 1 and world.state("guest") == "paused", "there are %s" % qemus(world))
            world.berth("destroy", "guest")
            check(gone(world), "QEMU is still there")


TESTS = [("a guest obeys its power button (%s)" % m, shuts_down, (m,)) for m in ("pc", "q35")]
TESTS += [("reboot boots the same QEMU again, shutdown then ends it (%s)" % m, reboots, (m,)) for m in ("pc", "q35")]
TESTS += [
    ("a reboot that was asked for is taken back by shutdown", wish_taken_back, ()),
    ("reset boots the guest again", resets, ()),
    ("suspend halts, resume goes on, and both are recorded at once", halts_and_goes_on, ()),
    ("destroy --graceful does not kill", ends_gracefully, ()),
    ("a QEMU that another command waits for can be destroyed", held, ()),
    ("a QEMU that another command waits for can be destroyed, without force", held, ("--graceful",)),
    ("a QEMU that a command has asked in vain can be destroyed", hears_nothing, ()),
    ("a QEMU that does not answer for a while", heard_later, ()),
    ("dominfo, list, domiflist, domblklist, domid and the displays tell the truth", told, ()),
    ("a state folder whose name is no UTF-8", folder_of_bytes, ()),
    ("a QEMU whose supervisor was killed at once is ended by the next start", hardly_started, ()),
    ("what needs a running guest says that it does not run", not_running, ()),
]

if __name__ == "__main__":
    sys.exit(tap(TESTS))
