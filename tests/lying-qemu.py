#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A QEMU whose monitors lie: the real one, behind monitors that do to one command what a script says.

BERTH_LIE_QEMU is the real one; BERTH_LIE_FOLDER holds "script" (JSON: monitor, command, nth, lie), read at each command, and gets
"log", a line of JSON for each command: monitor, command, whether QEMU is given it, its arguments. The command "connect" is the greeting. nth 0: each time.
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

FOLDER, QEMU = os.environ["BERTH_LIE_FOLDER"], os.environ["BERTH_LIE_QEMU"]
PR_SET_PDEATHSIG = 1
LATE_SECONDS = 1.5
FLOOD = b'{"timestamp": {"seconds": 1, "microseconds": 1}, "event": "RTC_CHANGE", "data": {"offset": 1}}\n' * 3000


def reply(number, **members):
    return json.dumps(dict(members, id=number)).encode() + b"\n"


# What comes instead of the reply; the command is not given to QEMU.
INSTEAD = {
    "garbage": lambda number: b"}{ nonsense\n",
    "not utf-8": lambda number: b'{"return": "\xff\xfe\xfd", "id": %d}\n' % number,
    "wrong id": lambda number: reply(number + 1000000, **{"return": {}}),
    "no id": lambda number: b'{"return": {}}\n',
    "not an object": lambda number: b'[1, 2, 3]\n',
    "wrong type": lambda number: reply(number, **{"return": "nonsense"}),
    "nothing in it": lambda number: reply(number, **{"return": {}}),
    "neither": lambda number: b'{"id": %d}\n' % number,
    "refusal": lambda number: reply(number, error={"class": "GenericError", "desc": "the peer\u001b says no"}),
    "huge": lambda number: b'{"id": %d, "return": "' % number + b"x" * (65 << 20) + b'"}\n',
    "half": lambda number: b'{"return": {}, "id"',
    "never": lambda number: b"",
}
# The same, and then the monitor is closed.
CLOSES = {"half"}
# What happens beside the true reply.
BESIDE = {
    "late": lambda line: time.sleep(LATE_SECONDS) or line,
    "events first": lambda line: FLOOD + line,
    "twice": lambda line: line + line,
    "swallowed": lambda line: b"",
    "closed after": lambda line: None,
}


class Script:
    def __init__(self):
        self.lock, self.text, self.count = threading.Lock(), None, 0

    def lie(self, monitor, command, arguments=None):
        """What is to happen to this command; None: nothing."""
        with self.lock:
            lie = self.wanted(monitor, command)
            given = lie not in INSTEAD and lie not in ("closed", "dies")
            with open(os.path.join(FOLDER, "log"), "a") as log:
                log.write(json.dumps([monitor, command, given, arguments]) + "\n")
            return lie

    def wanted(self, monitor, command):
        try:
            with open(os.path.join(FOLDER, "script")) as script:
                text = script.read()
            wanted = json.loads(text)
        except (OSError, ValueError):
            return None
        if text != self.text:
            self.text, self.count = text, 0
        if (wanted.get("monitor"), wanted.get("command")) != (monitor, command):
            return None
        self.count += 1
        return wanted["lie"] if wanted.get("nth", 1) in (0, self.count) else None


class Monitor:
    def __init__(self, name, script, end):
        self.name, self.script, self.end = name, script, end

    def serve(self, client, real):
        """One client, until either side hangs up."""
        beside = {}
        client_out = client.makefile("wb")

        def to_client():
            first = True
            for line in real.makefile("rb"):
                lie = self.script.lie(self.name, "connect") if first else beside.pop(self.number(line), None)
                if first and lie in INSTEAD:
                    line = INSTEAD[lie](0)
                    lie = "closed after" if lie in CLOSES else None
                first = False
                line = BESIDE[lie](line) if lie in BESIDE else line
                if line is None:
                    break
                try:
                    client_out.write(line)
                    client_out.flush()
                except (OSError, ValueError):
                    break
            hang_up(client)

        reader = threading.Thread(target=to_client, daemon=True)
        reader.start()
        for line in client.makefile("rb"):
            number = self.number(line)
            message = json.loads(line)
            lie = self.script.lie(self.name, message.get("execute"), message.get("arguments"))
            if lie == "dies":
                self.end()
            if lie in ("closed", "dies"):
                break
            if lie in INSTEAD:
                client_out.write(INSTEAD[lie](number))
                client_out.flush()
                if lie in CLOSES:
                    break
                continue
            if lie in BESIDE:
                beside[number] = lie
            real.sendall(line)
        hang_up(client)
        hang_up(real)
        reader.join()

    @staticmethod
    def number(line):
        try:
            return json.loads(line).get("id")
        except (ValueError, AttributeError):
            return None


def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def dies_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def listen(monitor, path, behind):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)

    def run():
        while True:
            client, _ = server.accept()
            real = socket.socket(socket.AF_UNIX)
            deadline = time.monotonic() + 20
            while True:
                try:
                    real.connect(behind)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        return
                    time.sleep(0.02)
            try:
                monitor.serve(client, real)
            except (OSError, ValueError):
                pass
            hang_up(client)
            hang_up(real)
            client.close()
            real.close()

    threading.Thread(target=run, daemon=True).start()


def main():
    arguments, script, fds = sys.argv[1:], Script(), []
    process = []

    def end():
        process[0].kill()

    for at, word in enumerate(arguments):
        if arguments[at - 1] != "-chardev":
            continue
        if word.startswith("stdio,id=qmp"):
            ours, theirs = socket.socketpair()
            client = socket.socket(fileno=os.dup(0))
            arguments[at] = "socket,id=qmp,fd=%d" % theirs.fileno()
            fds.append(theirs)
            threading.Thread(target=Monitor("probe", script, end).serve, args=(client, ours), daemon=True).start()
        for name in ("events", "control"):
            if word.startswith("socket,id=%s,path=" % name):
                path = word.split("path=", 1)[1].split(",server", 1)[0]
                behind = os.path.join(FOLDER, "%s.%d" % (name, os.getpid()))
                arguments[at] = word.replace(path, behind)
                listen(Monitor(name, script, end), path, behind)
    process.append(subprocess.Popen([QEMU] + arguments, stdin=subprocess.DEVNULL, pass_fds=[fd.fileno() for fd in fds],
                                    preexec_fn=dies_with_parent))
    for fd in fds:
        fd.close()
    sys.stdout.flush()
    os._exit(process[0].wait() & 0xff)


if __name__ == "__main__":
    main()
