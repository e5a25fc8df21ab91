#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU as an unprivileged user: whose it is, what it may do, what is given to it and given back. Prints TAP.

  owner.py BERTH

Needs root, as does the feature; without, all but one test is skipped.
"""
import os
import pwd
import signal
import subprocess
import sys

from world import Skip, World, attach, channel, check, disk, domain, gone, nic, parent_of, qemus, tap, verified, wait_for

NOBODY = pwd.getpwnam("nobody")
ROOT = (0, 0)


def need_root():
    if os.getuid() != 0:
        raise Skip("not root")


def world_for_nobody():
    world = World()
    os.chmod(world.folder, 0o711)
    return world


def owner(world, name):
    info = os.stat(os.path.join(world.folder, name))
    return info.st_uid, info.st_gid


def define(world, devices, name="guest"):
    world.berth("define", "-", text=domain("pc", devices, name))


def private(world, name):
    """A disk that only root may read."""
    xml = disk(world, name)
    os.chmod(os.path.join(world.folder, name + ".img"), 0o600)
    return xml


def status(pid):
    with open("/proc/%d/status" % pid) as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def runs_as_user():
    """uid, gid and groups are the user's, it can gain nothing, and the sandbox is on."""
    need_root()
    with world_for_nobody() as world:
        define(world, [private(world, "vda"), nic(0), channel(0)])
        world.berth("start", "guest", "--paused", "--qemu-user", "nobody")
        pid = qemus(world)[0]
        info = status(pid)
        check(info["Uid"].split() == [str(NOBODY.pw_uid)] * 4 and info["Gid"].split() == [str(NOBODY.pw_gid)] * 4, "it is %s" % info)
        check("0" not in info["Groups"].split(), "it kept root's groups: %s" % info["Groups"])
        check(int(info["CapEff"], 16) == 0 and int(info["CapPrm"], 16) == 0, "it has capabilities: %s" % info["CapEff"])
        check(info["NoNewPrivs"] == "1" and info["Seccomp"] == "2", "it is not confined: %s %s" % (info["NoNewPrivs"], info["Seccomp"]))
        check(owner(world, "vda.img") == (NOBODY.pw_uid, NOBODY.pw_gid), "the disk is %s's" % (owner(world, "vda.img"),))
        check(os.stat(os.path.join(world.state_folder, "berth.db")).st_mode & 0o077 == 0, "the store is open to others")
        verified(world)
        world.berth("destroy", "guest")
        check(owner(world, "vda.img") == ROOT, "the disk stayed %s's" % (owner(world, "vda.img"),))


def confined():
    """Without a user, too, QEMU cannot start programs or gain privileges; only a line to be typed has to let it join a bridge."""
    with World() as world:
        define(world, [nic(0)])
        world.berth("start", "guest", "--paused")
        pid = qemus(world)[0]
        check(status(pid)["Seccomp"] == "2", "there is no filter")
        with open("/proc/%d/cmdline" % pid, "rb") as line:
            words = line.read().decode().split("\0")
        said = words[words.index("-sandbox") + 1]
        check(said == "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "the sandbox is %s" % said)
        bridge = "<interface type='bridge'><mac address='52:54:00:00:01:09'/><source bridge='br0'/><model type='virtio'/></interface>"
        line = world.berth("command", "-", "--format", "argv", text=domain("pc", [bridge])).split("\0")
        said = line[line.index("-sandbox") + 1]
        check("spawn=allow" in said and "elevateprivileges=allow" in said, "the helper cannot be started: %s" % said)


def only_what_is_needed():
    """What the user can read already is left alone; what is only read need not be writable; a missing log is made."""
    need_root()
    with world_for_nobody() as world:
        image = os.path.join(world.folder, "cd.iso")
        with open(image, "wb") as out:
            out.truncate(1 << 20)
        os.chmod(image, 0o644)
        cdrom = "<disk type='file' device='cdrom'><source file='%s'/><target dev='hda' bus='ide'/></disk>" % image
        open_disk = disk(world, "vdb")
        os.chmod(os.path.join(world.folder, "vdb.img"), 0o666)
        log = "<serial type='file'><source path='%s/serial'/></serial>" % world.folder
        define(world, [cdrom, open_disk, private(world, "vda"), log])
        world.berth("start", "guest", "--paused", "--qemu-user", "nobody")
        check(owner(world, "cd.iso") == ROOT and owner(world, "vdb.img") == ROOT, "what could be used was given")
        check(owner(world, "vda.img")[0] == NOBODY.pw_uid and owner(world, "serial")[0] == NOBODY.pw_uid, "what is needed was not")
        world.berth("destroy", "guest")
        check(owner(world, "vda.img") == ROOT and owner(world, "serial") == ROOT, "something was kept")


def configured():
    """The configuration file says it for all; the command line beats it; nonsense is an error."""
    need_root()
    with world_for_nobody() as world:
        world.environment["BERTH_CONFIG"] = world.file("berth.conf", "# who runs QEMU\n[qemu]\nuser=nobody\n")
        define(world, [private(world, "vda")])
        world.berth("start", "guest", "--paused")
        check(status(qemus(world)[0])["Uid"].split()[0] == str(NOBODY.pw_uid), "the file was not obeyed")
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused", "--qemu-user", "root")
        check(status(qemus(world)[0])["Uid"].split()[0] == "0", "the command line was not obeyed")
        check(owner(world, "vda.img") == ROOT, "root's disk was given away")
        world.berth("destroy", "guest")
        for text, word in (("[qemu]\nuser=no-such-user\n", "no-such-user"), ("nonsense\n", "berth.conf")):
            world.file("berth.conf", text)
            answer = world.run("start", "guest", "--paused")
            check(answer.returncode in (3, 4) and word in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(owner(world, "vda.img") == ROOT and not qemus(world), "something was left")


def failed_start():
    """A start that fails gives back what it had given."""
    need_root()
    with world_for_nobody() as world:
        missing = "<disk type='file' device='disk'><source file='%s/none.img'/><target dev='vdb' bus='virtio'/></disk>" % world.folder
        define(world, [private(world, "vda"), missing])
        answer = world.run("start", "guest", "--paused", "--qemu-user", "nobody")
        check(answer.returncode == 1 and "none.img" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(owner(world, "vda.img") == ROOT and gone(world), "the disk stayed %s's" % (owner(world, "vda.img"),))


def killed():
    """QEMU and its supervisor killed with -9: the next command gives back what they had."""
    need_root()
    with world_for_nobody() as world:
        define(world, [private(world, "vda")])
        world.berth("start", "guest", "--paused", "--qemu-user", "nobody")
        pid = qemus(world)[0]
        os.kill(parent_of(pid), signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        check(gone(world), "QEMU is still there")
        check(owner(world, "vda.img")[0] == NOBODY.pw_uid, "nobody can have given it back")
        world.run("destroy", "guest")
        check(world.state("guest") == "shut off" and owner(world, "vda.img") == ROOT, "it stayed %s's" % (owner(world, "vda.img"),))


def killed_at_any_time():
    """A start killed with -9 at any instant: after the next one and its end the disk is whose it was."""
    need_root()
    with world_for_nobody() as world:
        define(world, [private(world, "vda")])
        for step in range(12):
            job = subprocess.Popen([sys.argv[1], "run", "guest", "--paused", "--qemu-user", "nobody"], env=world.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                job.wait(0.01 + step * 0.02)
            except subprocess.TimeoutExpired:
                pass
            job.kill()
            job.wait()
            world.run("destroy", "guest")
            check(owner(world, "vda.img") == ROOT, "step %d: the next command left it %s's" % (step, owner(world, "vda.img")))
            world.berth("start", "guest", "--paused", "--qemu-user", "nobody")
            check(owner(world, "vda.img")[0] == NOBODY.pw_uid, "step %d: it was not given" % step)
            world.berth("destroy", "guest")
            check(owner(world, "vda.img") == ROOT and gone(world), "step %d: it stayed %s's" % (step, owner(world, "vda.img")))


def shared():
    """Two guests with one disk: the last one gives it back. What somebody else takes meanwhile stays theirs."""
    need_root()
    with world_for_nobody() as world:
        xml = private(world, "vda").replace("</disk>", "<shareable/></disk>")
        define(world, [xml], "one")
        define(world, [xml, private(world, "vdb")], "two")
        world.berth("start", "one", "--paused", "--qemu-user", "nobody")
        world.berth("start", "two", "--paused", "--qemu-user", "nobody")
        world.berth("destroy", "one")
        check(owner(world, "vda.img")[0] == NOBODY.pw_uid, "it was taken from a guest that runs")
        os.chown(os.path.join(world.folder, "vdb.img"), 12345, 12345)
        world.berth("destroy", "two")
        check(owner(world, "vda.img") == ROOT, "nobody gave it back")
        check(owner(world, "vdb.img") == (12345, 12345), "it was taken from whom it had been given to")


def plugged():
    """A disk that is plugged, and a medium that is put in, are given, and given back at the end."""
    need_root()
    with world_for_nobody() as world:
        cdrom = "<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>"
        define(world, [cdrom])
        world.berth("start", "guest", "--paused", "--qemu-user", "nobody")
        attach(world, private(world, "vda"))
        private(world, "vdb")
        world.berth("change-media", "guest", "hda", os.path.join(world.folder, "vdb.img"), "--insert", "--live")
        check([owner(world, n + ".img")[0] for n in ("vda", "vdb")] == [NOBODY.pw_uid] * 2, "they were not given")
        world.berth("destroy", "guest")
        check([owner(world, n + ".img") for n in ("vda", "vdb")] == [ROOT] * 2, "they were not given back")


def is_nobodys(world):
    check(status(qemus(world)[0])["Uid"].split()[0] == str(NOBODY.pw_uid), "QEMU is not nobody's")
    check(owner(world, "vda.img")[0] == NOBODY.pw_uid, "it was not given")
    verified(world)


def is_given_back(world):
    check(owner(world, "vda.img") == ROOT and gone(world), "the disk stayed %s's" % (owner(world, "vda.img"),))


def saved():
    """A guest is saved to files that only root may read, and goes on as the same user."""
    need_root()
    with world_for_nobody() as world:
        path = os.path.join(world.folder, "saved")
        define(world, [private(world, "vda"), nic(0)])
        world.berth("start", "guest", "--qemu-user", "nobody")
        for flags in ([], ["--paused"]):
            world.berth("save", "guest", path, *flags)
            is_given_back(world)
            check(owner(world, "saved") == ROOT and os.stat(path).st_mode & 0o777 == 0o600, "the file is open to others")
            world.berth("restore", path, "--qemu-user", "nobody")
            is_nobodys(world)
        check(world.state("guest") == "paused", "it is %s" % world.state("guest"))
        world.berth("managedsave", "guest", "--running")
        is_given_back(world)
        world.berth("start", "guest", "--qemu-user", "nobody")
        is_nobodys(world)
        check(world.state("guest") == "running", "it is %s" % world.state("guest"))
        world.berth("save", "guest", path)
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) - 1)
            file.write(b"\1")
        check(world.run("restore", path, "--qemu-user", "nobody").returncode == 4, "a damaged file was restored")
        is_given_back(world)


def migrated():
    """Both sides start QEMU as the user."""
    need_root()
    with world_for_nobody() as world, world_for_nobody() as other:
        define(world, [private(world, "vda"), nic(0)])
        world.berth("start", "guest", "--qemu-user", "nobody")
        way = os.path.join(world.folder, "way")
        job = other.begin("run", "--incoming", "unix:" + way, "--qemu-user", "nobody", "guest")
        wait_for(lambda: os.path.exists(way), 10, "the destination listens")
        world.berth("migrate", "guest", "--to", "unix:" + way)
        check(world.state("guest") == "shut off" and other.state("guest") == "running", "it is not there")
        check(status(qemus(other)[0])["Uid"].split()[0] == str(NOBODY.pw_uid), "QEMU is not nobody's there")
        verified(other)
        other.berth("destroy", "guest")
        job.communicate(timeout=30)
        check(job.returncode == 0, "the destination: %d" % job.returncode)


def dumped():
    """The core of a guest that crashed is root's, whoever QEMU was."""
    need_root()
    with world_for_nobody() as world:
        # A boot sector that tells pvpanic: out 0x505, al.
        with open(os.path.join(world.folder, "vda.img"), "wb") as image:
            image.write(b"\xba\x05\x05\xb0\x01\xee\xeb\xfe".ljust(510, b"\0") + b"\x55\xaa" + b"\0" * 512 * 2047)
        text = domain("pc", [private(world, "vda"), "<panic model='isa'/>"])
        world.berth("define", "-", text=text.replace("  <devices>", "  <on_crash>coredump-destroy</on_crash>\n  <devices>"))
        world.berth("start", "guest", "--qemu-user", "nobody")
        wait_for(lambda: world.state("guest") == "crashed", 60, "the crash")
        folder = os.path.join(world.state_folder, "dump")
        found = [os.path.join(folder, name) for name in os.listdir(folder)]
        check(len(found) == 1 and os.path.getsize(found[0]) > 1 << 20, "dumps: %s" % found)
        info = os.stat(found[0])
        check((info.st_uid, info.st_mode & 0o777) == (0, 0o600), "the core is open to others: %d %o" % (info.st_uid, info.st_mode))
        is_given_back(world)


BRIDGE = "a guest joins a bridge with the sandbox closed, as another user, too"


def on_bridge():
    """In a network of its own, for this makes a bridge."""
    need_root()
    if os.environ.get("BERTH_BRIDGE"):
        bridge = "<interface type='bridge'><mac address='52:54:00:00:01:09'/><source bridge='%s'/><model type='virtio'/></interface>"
        with world_for_nobody() as world:
            for user in ([], ["--qemu-user", "nobody"]):
                define(world, [bridge % "berthbr"])
                world.berth("start", "guest", "--paused", *user)
                with open("/proc/%d/cmdline" % qemus(world)[0], "rb") as line:
                    check(b"spawn=deny" in line.read(), "the sandbox is open")
                check(len(os.listdir("/sys/class/net/berthbr/brif")) == 1, "it is not on the bridge")
                verified(world)
                world.berth("destroy", "guest")
                check(not os.listdir("/sys/class/net/berthbr/brif"), "the tap device stayed")
            define(world, [bridge % "nobridge"])
            answer = world.run("start", "guest", "--paused")
            check(answer.returncode == 1 and "nobridge" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        return
    prepare = ("mount -t sysfs none /sys && ip link add berthbr type bridge && mkdir -p /etc/qemu && mount -t tmpfs none /etc/qemu &&"
               " echo allow berthbr >/etc/qemu/bridge.conf")
    if not os.path.exists("/dev/net/tun") or subprocess.run(["unshare", "-nm", "sh", "-c", prepare], stdout=subprocess.DEVNULL,
                                                            stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip("no network namespace, bridge or /dev/net/tun here")
    again = subprocess.run(["unshare", "-nm", "sh", "-c", prepare + " && exec \"$@\"", "sh", sys.executable] + sys.argv,
                           env=dict(os.environ, BERTH_BRIDGE="1", BERTH_TEST_ONLY=BRIDGE), stdout=subprocess.PIPE, text=True, timeout=120)
    check(again.returncode == 0 and "ok 1" in again.stdout, again.stdout)


def links():
    """A link is followed before, not after: what it points to is given, and given back."""
    need_root()
    with world_for_nobody() as world:
        xml = private(world, "vda")
        os.symlink("vda.img", os.path.join(world.folder, "link"))
        define(world, [xml.replace("vda.img", "link")])
        world.berth("start", "guest", "--paused", "--qemu-user", "nobody")
        check(owner(world, "vda.img")[0] == NOBODY.pw_uid, "it was not given")
        world.berth("destroy", "guest")
        check(owner(world, "vda.img") == ROOT and os.lstat(os.path.join(world.folder, "link")).st_uid == 0, "it was not given back")


def only_root():
    """Nobody else can start QEMU as somebody else."""
    need_root()
    with world_for_nobody() as world:
        folder = os.path.join(world.folder, "own")
        os.mkdir(folder)
        os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
        environment = dict(world.environment, BERTH_STATE=folder, HOME=folder)

        def run(*words, text=None):
            return subprocess.run(["setpriv", "--reuid", "nobody", "--regid", str(NOBODY.pw_gid), "--clear-groups", sys.argv[1]]
                                  + list(words), env=environment, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if not os.access(sys.argv[1], os.X_OK) or run("--version").returncode != 0:
            raise Skip("nobody cannot reach the command")
        check(run("define", "-", text=domain("pc", [nic(0)])).returncode == 0, "define failed")
        answer = run("start", "guest", "--paused", "--qemu-user", "daemon")
        check(answer.returncode == 2 and "root" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(run("start", "guest", "--paused", "--qemu-user", "nobody").returncode == 0, "it cannot start it as itself")
        run("destroy", "guest")


TESTS = [
    ("QEMU cannot start programs, gain privileges or control others", confined, ()),
    ("QEMU runs as the user, with none of root's rights", runs_as_user, ()),
    ("only what QEMU needs and cannot have is given", only_what_is_needed, ()),
    ("the configuration file names the user", configured, ()),
    ("a start that fails gives everything back", failed_start, ()),
    ("the next command gives back what a killed supervisor could not", killed, ()),
    ("a start killed at any time loses no file's owner", killed_at_any_time, ()),
    ("a shared disk is given back by the last guest", shared, ()),
    ("what is plugged is given, too", plugged, ()),
    ("a saved guest goes on as the user", saved, ()),
    ("a guest migrates as the user", migrated, ()),
    ("the core of a crashed guest is not the user's", dumped, ()),
    (BRIDGE, on_bridge, ()),
    ("a symbolic link is followed safely", links, ()),
    ("only root can start QEMU as somebody else", only_root, ()),
]

if __name__ == "__main__":
    sys.exit(tap(TESTS))
