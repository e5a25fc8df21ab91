#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Talking to guests over their consoles, on a real QEMU: from a terminal, from pipes, one at a time. Prints TAP.

  console.py BERTH

The guest is a boot sector: it sends every letter back, changed into the next one.
"""
import os
import pty
import signal
import stat
import struct
import subprocess
import sys
import termios
import time

from world import BERTH, World, check, domain, qemus, tap, wait_for


def port(address):
    """The sector's code for the serial port at address: line status at +5; bit 0 is a letter that has come (16550 data sheet)."""
    return (b"\xba" + struct.pack("<H", address + 5) + b"\xec\xa8\x01\x74\x06"        # in al,dx; test al,1; over what follows
            + b"\xba" + struct.pack("<H", address) + b"\xec\x40\xee")                  # in al,dx; inc ax; out dx,al


def sector():
    code = b"\xfa" + port(0x3F8) + port(0x2F8)
    # the jump over "mov dx; in; inc; out" is 6 bytes long
    return code + b"\xeb" + struct.pack("b", 1 - len(code) - 2)


def start(world, devices):
    image = os.path.join(world.folder, "boot.img")
    with open(image, "wb") as out:
        out.write(sector().ljust(510, b"\0") + b"\x55\xaa" + b"\0" * 512 * 2047)
    boot = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/><target dev='vda' bus='virtio'/>"
            "<boot order='1'/></disk>" % image)
    world.berth("define", "-", text=domain("pc", [boot] + devices))
    world.berth("start", "guest")


class Terminal:
    """berth console in a terminal of its own."""

    def __init__(self, world, *words, verb="console"):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.job = subprocess.Popen([BERTH, verb, "guest"] + list(words), env=world.environment, stdin=slave, stdout=slave,
                                    stderr=subprocess.PIPE, start_new_session=True)
        self.seen = b""
        os.set_blocking(self.master, False)

    def look(self, text):
        try:
            self.seen += os.read(self.master, 4096)
        except BlockingIOError:
            pass
        return text in self.seen

    def see(self, text, seconds=60):
        wait_for(lambda: self.look(text), seconds, "%r in %r" % (text, self.seen))

    def type(self, text):
        os.write(self.master, text)

    def talks(self):
        """Types until an answer comes: the guest may still be booting."""
        def answered():
            self.type(b"a")
            time.sleep(0.1)
            return self.look(b"b")
        wait_for(answered, 60, "an answer")

    def raw(self):
        return termios.tcgetattr(self.slave)[3] & (termios.ECHO | termios.ICANON) == 0

    def end(self):
        status = self.job.wait(30)
        check(termios.tcgetattr(self.slave) == self.before, "the terminal is not as it was")
        os.close(self.master)
        os.close(self.slave)
        return status


def from_terminal():
    """Keys go to the guest, its letters come back, the escape ends it; the terminal is raw meanwhile and restored."""
    with World() as world:
        start(world, ["<console type='pty'/>"])
        path = world.berth("ttyconsole", "guest").strip()
        check(stat.S_ISCHR(os.stat(path).st_mode), "%s is no terminal" % path)
        terminal = Terminal(world)
        terminal.see(b"Connected to domain 'guest'\r\nEscape character is ^]")
        wait_for(terminal.raw, 10, "a raw terminal")
        terminal.talks()
        terminal.type(b"\x03")  # Ctrl-C is the guest's
        terminal.see(b"\x04")
        terminal.type(b"\x1d")
        check(terminal.end() == 0, "exit status %d: %s" % (terminal.job.returncode, terminal.job.stderr.read()))


def from_start():
    """start --console talks to the guest that it has started; the guest stays when the user goes."""
    with World() as world:
        start(world, ["<console type='pty'/>"])
        world.berth("destroy", "guest")
        terminal = Terminal(world, "--console", verb="start")
        terminal.see(b"Domain 'guest' started\r\nConnected to domain 'guest'\r\n")
        wait_for(terminal.raw, 10, "a raw terminal")
        terminal.talks()
        terminal.type(b"\x1d")
        check(terminal.end() == 0, "exit status %d: %s" % (terminal.job.returncode, terminal.job.stderr.read()))
        check(world.state("guest") == "running", "the guest has ended")


def from_pipes():
    """Without a terminal standard input goes to the guest, and only what it says to standard output; it ends with the guest."""
    with World() as world:
        start(world, ["<console type='pty'/>"])
        job = subprocess.Popen([BERTH, "console", "guest"], env=world.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, bufsize=0)
        os.set_blocking(job.stdout.fileno(), False)
        said = b""

        def answered():
            nonlocal said
            job.stdin.write(b"x")
            time.sleep(0.1)
            said += job.stdout.read() or b""
            return said
        wait_for(answered, 60, "an answer")
        job.stdin.close()
        time.sleep(0.2)
        check(job.poll() is None, "it ended with its input")
        world.berth("destroy", "guest")
        check(job.wait(30) == 0, "exit status %d: %s" % (job.returncode, job.stderr.read()))
        said += job.stdout.read() or b""
        check(set(said) == {ord("y")}, "it said %r" % said)


def by_name():
    """--devname names any of them; a socket works like a terminal."""
    with World() as world:
        start(world, ["<serial type='pty'/>", "<serial type='unix'><source mode='bind' path='%s/socket'/></serial>" % world.folder])
        for name in ("serial1", "serial0", "console0"):
            terminal = Terminal(world, "--devname", name)
            terminal.talks()
            terminal.type(b"\x1d")
            check(terminal.end() == 0, "%s: exit status %d" % (name, terminal.job.returncode))


def one_at_a_time():
    """A second one is refused (exit status 5); --force sends the first away, whose terminal is restored."""
    with World() as world:
        start(world, ["<console type='pty'/>"])
        first = Terminal(world)
        first.talks()
        answer = world.run("console", "guest")
        check(answer.returncode == 5 and "--force" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        second = Terminal(world, "--force")
        check(first.end() == 1 and b"Terminated" in first.job.stderr.read(), "exit status %d" % first.job.returncode)
        second.talks()
        second.type(b"\x1d")
        check(second.end() == 0, "exit status %d" % second.job.returncode)
        third = Terminal(world)
        third.talks()
        third.job.send_signal(signal.SIGKILL)
        third.job.wait()
        fourth = Terminal(world)
        fourth.talks()
        fourth.type(b"\x1d")
        check(fourth.end() == 0 and len(qemus(world)) == 1, "what was killed still holds it")


def signals():
    """Whatever signal ends it, the terminal is restored; so it is when the guest ends."""
    with World() as world:
        start(world, ["<console type='pty'/>"])
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            terminal = Terminal(world)
            wait_for(terminal.raw, 10, "a raw terminal")
            terminal.job.send_signal(number)
            check(terminal.end() == 1, "exit status %d" % terminal.job.returncode)
        terminal = Terminal(world)
        wait_for(terminal.raw, 10, "a raw terminal")
        world.berth("destroy", "guest")
        check(terminal.end() == 0, "exit status %d" % terminal.job.returncode)


def not_possible():
    with World() as world:
        start(world, ["<serial type='file'><source path='%s/log'/></serial>" % world.folder])
        for words, status, text in ((["guest"], 4, "pty"), (["guest", "--devname", "serial7"], 3, "serial7"), (["nobody"], 3, "nobody")):
            answer = world.run("console", *words)
            check(answer.returncode == status and text in answer.stderr, "%s: %d: %s" % (words, answer.returncode, answer.stderr))
        check(world.run("ttyconsole", "guest").returncode == 4, "ttyconsole of a file")
        world.berth("destroy", "guest")
        answer = world.run("console", "guest")
        check(answer.returncode == 2 and "not running" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        world.berth("define", "-", text=domain("pc", []))
        world.berth("start", "guest", "--paused")
        answer = world.run("console", "guest")
        check(answer.returncode == 3 and "no console" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))


TESTS = [
    ("a terminal talks to the guest, and is restored", from_terminal, ()),
    ("start --console does, too", from_start, ()),
    ("pipes talk to the guest, until it ends", from_pipes, ()),
    ("--devname talks to any port, pty or socket", by_name, ()),
    ("one at a time, and --force", one_at_a_time, ()),
    ("a signal, or the guest's end, leaves the terminal as it was", signals, ()),
    ("what has no other end is said so", not_possible, ()),
]

if __name__ == "__main__":
    sys.exit(tap(TESTS))
