#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the commands of a document's console blocks and compares what they print. Prints TAP, one test a block.

  tour.py BERTH README.md [--accept]

In a ```console block a line that starts with "$ " is a command, "> " continues a here-document up to END, the rest is its output,
standard error included. "…" in the output stands for anything within a line, a line of "…" alone for any number of lines. All blocks run in one empty folder,
in order. --accept writes what the commands really print into the document.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def commands(block):
    """-> [(command, expected lines)]"""
    found = []
    for line in block:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and "<<END" in found[-1][0] and not found[-1][0].endswith("\nEND"):
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif found:
            found[-1][1].append(line)
    return found


def matches(expected, actual):
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += ".*".join(re.escape(piece) for piece in line.rstrip().split("…")) + r"[ ]*\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in actual)) is not None


def main():
    berth, path = os.path.abspath(sys.argv[1]), sys.argv[2]
    accept = "--accept" in sys.argv
    with open(path, encoding="utf-8") as document:
        text = document.read()
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.S | re.M)
    print("1..%d" % max(len(blocks), 1))
    if not blocks:
        print("not ok 1 - there are console blocks in %s" % path)
        return 1
    missing = shutil.which(os.environ.get("BERTH_QEMU", "qemu-system-x86_64")) is None
    failed = 0
    folder = tempfile.mkdtemp(prefix="berth-tour-")
    environment = dict(os.environ, BERTH_STATE=os.path.join(folder, ".state"), LC_ALL="C.UTF-8",
                       PATH=os.path.dirname(berth) + ":" + os.environ["PATH"])
    for number, block in enumerate(blocks, 1):
        name = "block %d: %s" % (number, block.splitlines()[0][2:60] if block else "")
        if missing:
            print("ok %d - %s # SKIP no qemu-system-x86_64" % (number, name))
            continue
        problems, new = [], []
        for command, expected in commands(block.splitlines()):
            answer = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, timeout=120, stdin=subprocess.DEVNULL)
            actual = [line.rstrip() for line in answer.stdout.splitlines()]
            fine = matches(expected, actual)
            lines = command.split("\n")
            new += ["$ " + lines[0]] + ["> " + line for line in lines[1:]] + (expected if fine else [TIME.sub("…", line) for line in actual])
            if not fine:
                problems += ["$ " + command, "expected:"] + expected + ["got:"] + actual
        if accept:
            text = text.replace("```console\n" + block + "```", "```console\n" + "".join(line + "\n" for line in new) + "```")
        failed += bool(problems)
        print("%sok %d - %s" % ("not " if problems else "", number, name))
        for line in problems:
            print("# " + line)
    subprocess.run("for guest in $(berth list --all --name); do berth destroy $guest; done", shell=True, env=environment,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)
    if accept:
        with open(path, "w", encoding="utf-8") as document:
            document.write(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
