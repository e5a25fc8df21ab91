#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run `berth address` over a corpus of guests and compare with what libvirt made of them.

  conformance.py [-v] [--tap] [--corpus DIRECTORY] [PROGRAM [NAME...]]

-v shows the differences, file by file; NAME (part of a file's name) picks files. The corpus lies beside the source
tree (../shared/conformance/x86_64); without it there is nothing to compare with, and the run says so and is skipped.
The last line is "identical N of M; refused N of M": guests that libvirt accepted, and guests that it refused for reasons of the
guest's hardware or of the document (one that it refused for lack of PCI slots counts as refused either way, since berth goes on
there). What is left out of the second count, and why, is ELSEWHERE below (docs/conformance.md says more).
Exit status: 0 all identical, 1 differences.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(TOP, "..", "shared", "conformance", "x86_64")
LIMIT = 20  # seconds for one guest
# Refusals of libvirt that are not about the guest's hardware: name, reason.
ELSEWHERE = {
    "lv-boot-menu-enable-with-timeout-invalid": "how long the boot menu waits",
    "lv-disk-fmt-dir": "format of a file on the host; start refuses it",
    "lv-disk-fmt-iso": "format of a file on the host; start refuses it",
    "lv-disk-network-source-auth-both": "credentials of a server",
    "lv-disk-shared-qcow": "sharing of a file on the host",
    "lv-luks-disks-source-both": "key of a file on the host",
    "lv-numatune-memnodes-problematic": "the host's NUMA nodes",
    "vmc-virt-install-singleton-config-3": "selection among the host's firmware files",
}
# Where libvirt gives up for lack of slots, berth goes on: to accept such a guest is right as well.
LACK_OF_SLOTS = ("No more available PCI slots", "but none is available, and it cannot be automatically added")


def ask(berth, path):
    """-> (the document with addresses, None) or (None, the refusal)"""
    try:
        run = subprocess.run([berth, "address", path], capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return None, "no answer within %d s" % LIMIT
    if run.returncode == 0:
        return run.stdout, None
    text = run.stderr.decode(errors="replace").strip()
    return None, text or "exit status %d without a word" % run.returncode


def differences(facts, expected, answer, refusal):
    """the differences, one a line; an empty list if it is as expected"""
    if expected["outcome"] == "error":
        if refusal is not None or any(words in expected["error"]["message"] for words in LACK_OF_SLOTS):
            return []
        return ["accepted; libvirt: %(category)s: %(message)s" % expected["error"]]
    if refusal is not None:
        return ["refused: " + refusal]
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(answer)
        file.flush()
        try:
            return facts.diff(expected, facts.load(file.name))
        except Exception as problem:  # whatever the parser makes of a broken answer
            return ["unreadable: %s" % problem]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--corpus", default=CORPUS)
    parser.add_argument("berth", nargs="?", metavar="PROGRAM", default=os.path.join(TOP, "build", "berth"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if not os.path.isdir(options.corpus):
        reason = "no corpus at %s" % os.path.relpath(options.corpus, TOP)
        print("1..0 # SKIP %s" % reason if options.tap else "conformance: skipped: %s" % reason)
        return 0
    sys.path.insert(0, os.path.dirname(os.path.abspath(options.corpus)))
    import facts  # the corpus' own extractor and comparer

    names = sorted(name[:-4] for name in os.listdir(options.corpus) if name.endswith(".xml"))
    names = [n for n in names if not options.names or any(part in n for part in options.names)]
    paths = [os.path.join(options.corpus, name) for name in names]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        answers = list(pool.map(lambda path: ask(options.berth, path + ".xml"), paths))

    count = {"ok": [0, 0], "error": [0, 0]}
    for name, path, (answer, refusal) in zip(names, paths, answers):
        with open(path + ".json", encoding="utf-8") as file:
            expected = json.load(file)
        found = differences(facts, expected, answer, refusal)
        ours = expected["outcome"] == "ok" or name not in ELSEWHERE
        if ours:
            count[expected["outcome"]][0] += not found
            count[expected["outcome"]][1] += 1
        if found and options.verbose:
            print("%s%s:" % ("# " if options.tap else "", name))
            for line in found:
                print("%s  %s" % ("# " if options.tap else "", line))
    summary = "identical %d of %d; refused %d of %d" % tuple(count["ok"] + count["error"])
    good = all(right == total for right, total in count.values())
    if options.tap:
        print("1..1\n%s 1 - %s" % ("ok" if good else "not ok", summary))
    else:
        print(summary)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
