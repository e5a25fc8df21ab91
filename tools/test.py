#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs all tests in the plain and in the sanitized build and counts them.

  test.py --plain BUILD [--sanitized BUILD]

Prints what failed and why, the reason of every skip, and as its last line "N passed, N failed, N skipped"; exit status 1 if any
failed. A program that crashes, or reports fewer tests than it planned, counts as failed.
"""
import argparse
import json
import os
import re
import subprocess
import sys


def count_tap(name, text, result, skips):
    passed = failed = skipped = 0
    for line in text.splitlines():
        point = re.match(r"(not )?ok\b\s*(.*)", line)
        if not point:
            continue
        skip = re.search(r"#\s*SKIP\b\s*(.*)", line, re.I)
        if skip:
            skipped += 1
            skips.append("%s: %s" % (name, point.group(2)))
        elif point.group(1):
            failed += 1
        else:
            passed += 1
    if result not in ("OK", "SKIP", "EXPECTEDFAIL") and failed == 0:
        failed = 1
    if result == "SKIP" and skipped == 0:
        skipped = 1
        skips.append("%s: %s" % (name, text.strip().splitlines()[-1] if text.strip() else "no reason given"))
    return passed, failed, skipped


def run(build, title):
    print("== %s" % title, flush=True)
    subprocess.run(["meson", "test", "--no-rebuild", "-C", build, "--print-errorlogs", "--num-processes", "2"],
                   stdout=sys.stdout if os.environ.get("V") else subprocess.DEVNULL)
    totals, skips = [0, 0, 0], []
    with open(os.path.join(build, "meson-logs", "testlog.json")) as log:
        for line in log:
            test = json.loads(line)
            counts = count_tap(test["name"], test.get("stdout") or "", test["result"], skips)
            totals = [a + b for a, b in zip(totals, counts)]
            print("%-24s %4d passed %4d failed %4d skipped  %6.1f s" % ((test["name"],) + counts + (test["duration"],)))
            if counts[1]:
                print((test.get("stdout") or "")[-6000:])
                print((test.get("stderr") or "")[-6000:])
    for skip in skips:
        print("skipped: %s" % skip)
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plain", required=True)
    parser.add_argument("--sanitized")
    arguments = parser.parse_args()
    totals = run(arguments.plain, "plain build")
    if arguments.sanitized:
        totals = [a + b for a, b in zip(totals, run(arguments.sanitized, "ASan and UBSan build"))]
    print("%d passed, %d failed, %d skipped" % tuple(totals))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
