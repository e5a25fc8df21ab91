#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rehearses every guest of the conformance corpus that libvirt accepts, and prints counts.

  rehearsal.py BERTH [--corpus DIR] [--qemu BIN] [--verbose]

Every place must be the real one; at most 5 % of the guests may be impossible to rehearse (this QEMU lacks a device or a machine type).
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "..", "..", "shared", "conformance", "x86_64")
MOST_IMPOSSIBLE = 0.05


def accepted(corpus):
    """The names of the guests that libvirt accepts."""
    for name in sorted(os.listdir(corpus)):
        if name.endswith(".json"):
            with open(os.path.join(corpus, name)) as facts:
                if json.load(facts)["outcome"] == "ok":
                    yield name[:-len(".json")]


def rehearse(options, state, name):
    command = [options.berth, "--qemu", options.qemu, "rehearse", os.path.join(options.corpus, name + ".xml"), "--json", "--timeout", "60"]
    answer = subprocess.run(command, env=dict(os.environ, BERTH_STATE=state), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rows = json.loads(answer.stdout)["rehearsal"] if answer.stdout.strip() else []
    words = [line for line in answer.stderr.splitlines() if not line.startswith("berth: note:")]
    return name, answer.returncode, rows, " ".join(words)


def judge(result):
    """("null" | "placeholder" | "moved" | "impossible", the kinds of placeholders or the reason)"""
    _, status, rows, words = result
    if not rows:
        return "impossible", [re.sub(r"^berth: ([^:]*\.xml:\d+: )?", "", words)]
    wrong = ["%s %s: %s, is %s (%s)" % (r["device"], r["id"], r["address"], r["actual"], r["state"]) for r in rows
             if r["state"] not in ("ok", "")]
    if wrong or status != 0:
        return "moved", wrong or [words]
    others = sorted({r["backend"].split(";")[0].split(": ", 1)[1] for r in rows if r["backend"].startswith(("placeholder", "left out"))})
    return ("placeholder" if others else "null"), others


def report(results, verbose):
    counts, kinds = collections.Counter(), collections.Counter()
    plain = sum(any("options left out" in r["backend"] for r in rows) for _, _, rows, _ in results)
    for result in results:
        verdict, about = judge(result)
        counts[verdict] += 1
        kinds.update((verdict, text) for text in about)
        if verdict in ("moved", "impossible") or verbose:
            print("# %s: %s%s" % (result[0], verdict, ": " + "; ".join(about) if about else ""))
    if verbose:
        reasons = collections.Counter(r["backend"].split("options left out: ")[1] for _, _, rows, _ in results for r in rows
                                      if "options left out" in r["backend"])
        for reason, n in reasons.most_common():
            print("# options left out, %d: %s" % (n, reason))
    total = len(results)
    print("guests                        %4d" % total)
    print("all back ends null            %4d" % counts["null"])
    print("with placeholders             %4d" % counts["placeholder"])
    for (verdict, kind), n in sorted(kinds.items()):
        if verdict == "placeholder":
            print("  %-27s %4d" % (kind, n))
    print("a device elsewhere            %4d" % counts["moved"])
    print("not possible                  %4d  (%.1f %%)" % (counts["impossible"], 100 * counts["impossible"] / total))
    print("some options left out         %4d" % plain)
    return 0 if counts["moved"] == 0 and counts["impossible"] <= MOST_IMPOSSIBLE * total else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("berth", type=os.path.abspath)
    parser.add_argument("--corpus", default=CORPUS)
    parser.add_argument("--qemu", default=shutil.which("qemu-system-x86_64"))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.qemu is None or not os.path.isdir(options.corpus):
        print("SKIP: %s" % ("no qemu-system-x86_64" if options.qemu is None else "no corpus at " + options.corpus))
        return 77
    state = tempfile.mkdtemp(prefix="berth-test-")
    try:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda name: rehearse(options, state, name), accepted(options.corpus)))
        left = [os.path.join(at, name) for at, _, files in os.walk(os.path.join(state, "run")) for name in files]
    finally:
        shutil.rmtree(state, ignore_errors=True)
    status = report(results, options.verbose)
    if left:
        print("left behind: %s" % ", ".join(left))
    return 1 if left else status


if __name__ == "__main__":
    sys.exit(main())
