#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Give random guests to `berth address` and to a live libvirt, and compare what they make of them.

  compare-libvirt.py --uri URI [--seed TEXT] [--first N] [--count N] [--save DIRECTORY] [--berth PROGRAM]
  compare-libvirt.py --uri URI FILE...          these documents instead of random ones

Every guest is defined in libvirt under a name of its own, its inactive XML is read, and it is undefined again; nothing else
there is touched. Devices, models and addresses must be the same (the corpus' facts.py compares), and what libvirt refuses must be
refused. What differs is made smaller, device by device, while the difference remains, and kept in --save as NAME.xml with
NAME.txt beside it (what differs) and NAME.libvirt.xml.

Two kinds of difference are meant and only counted: guests for which libvirt finds no room, where berth goes on; and documents that
berth refuses while libvirt takes them but then refuses its own answer (five isa-serials, a hub before the one that it sits on).

Needs the python3-libvirt of the system's own Python. The last line is
"SEED: N guests: N identical, N refused by both, N beyond libvirt, N that libvirt refuses again, N different". Exit status: 0 all agree, 1 differences.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import libvirt

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 20  # seconds for one guest
PREFIX = "berth-compare-"
NO_ROOM = ("No more available PCI slots", "needs to be an integrated device (bus=0)", "none is available, and it cannot be")

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import random_guest  # noqa: E402


class Document:
    """A document from a file, cut into its devices as a random guest is"""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.name = os.path.splitext(os.path.basename(path))[0]
        root = ET.fromstring(self.text)
        element = root.find("devices")
        self.devices = [ET.tostring(child, encoding="unicode") for child in element] if element is not None else []

    def document(self, devices=None):
        if devices is None:
            return self.text
        inner = "<devices>\n" + "\n".join(device.strip() for device in devices) + "\n</devices>"
        return re.sub(r"<devices>.*</devices>", lambda _: inner, self.text, flags=re.S)


class Judge:
    """Asks both about a document"""

    def __init__(self, options, facts):
        libvirt.registerErrorHandler(lambda *_: None, None)
        self.connection = libvirt.open(options.uri)
        self.berth = options.berth
        self.facts = facts
        self.name = PREFIX + str(os.getpid())

    def libvirt(self, text):
        """-> (inactive XML, None) or (None, the refusal)"""
        text = re.sub(r"<name>[^<]*</name>", "<name>%s</name>" % self.name, text, count=1)
        try:
            domain = self.connection.defineXML(re.sub(r"<uuid>[^<]*</uuid>", "", text, count=1))
        except libvirt.libvirtError as problem:
            return None, problem.get_error_message()
        try:
            return domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), None
        finally:
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)

    def ours(self, text):
        """-> (the document with addresses, None) or (None, the refusal)"""
        try:
            run = subprocess.run([self.berth, "address", "-"], input=text.encode(), capture_output=True, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return None, "no answer within %d s" % LIMIT
        if run.returncode == 0:
            return run.stdout.decode(), None
        return None, run.stderr.decode(errors="replace").strip() or "exit status %d without a word" % run.returncode

    def expectation(self, text, answer):
        """the facts of libvirt's answer, without what only chance decides"""
        expected, given = (self.facts.facts(ET.fromstring(document)) for document in (answer, text))
        expected["machine_input"] = given["machine"]
        macs = [device.get("mac") for device in given["devices"] if device["kind"] == "interface"]
        for device in expected["devices"]:
            if device["kind"] == "interface" and (int(device["key"]) >= len(macs) or macs[int(device["key"])] is None):
                device.pop("mac", None)
        return expected

    def compare(self, text):
        """-> (what: identical, refused, beyond, unstable, theirs, ours, differs; the lines that tell)"""
        answer, refusal = self.libvirt(text)
        result, objection = self.ours(text)
        if refusal is not None:
            room = "beyond" if any(words in refusal for words in NO_ROOM) and refusal.startswith("internal error") else "theirs"
            return ("refused" if objection is not None else room), ["libvirt: " + refusal]
        if objection is not None:
            return ("ours" if self.libvirt(answer)[1] is None else "unstable"), ["berth: " + objection]
        found = self.facts.diff(self.expectation(text, answer), self.facts.facts(ET.fromstring(result)))
        return ("differs" if found else "identical"), found


def gist(what, lines):
    """what kind of difference it is: without numbers and names"""
    if what == "differs":
        parts = [re.match(r"(\S+).*?: (\w+)", line) for line in lines]
        return "differs: " + ", ".join(sorted({part.group(1).split("[")[0] + " " + part.group(2) for part in parts if part}))
    text = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{2}(?=[:.])|\d+", "N", lines[0])
    return what + ": " + re.sub(r"^berth: \S+: ", "berth: ", re.sub(r"'[^']*'", "'…'", text))


def shrink(judge, guest, what, lines):
    """-> (devices, lines): as few devices as show the same kind of difference"""
    devices = list(guest.devices)
    wanted = gist(what, lines) if what != "differs" else None
    size = max(1, len(devices) // 2)
    while True:
        position = 0
        while position < len(devices):
            fewer = devices[:position] + devices[position + size:]
            now, told = judge.compare(guest.document(fewer))
            if now == what and (wanted is None or gist(now, told) == wanted):
                devices, lines = fewer, told
            else:
                position += size
        if size == 1:
            return devices, lines
        size = max(1, size // 2)


def keep(directory, judge, guest, devices, lines):
    os.makedirs(directory, exist_ok=True)
    text = guest.document(devices)
    answer, _ = judge.libvirt(text)
    for ending, content in ((".xml", text), (".txt", "\n".join(lines) + "\n"), (".libvirt.xml", answer)):
        if content is not None:
            with open(os.path.join(directory, guest.name + ending), "w", encoding="utf-8") as file:
                file.write(content)


def guests(options):
    if options.files:
        yield from (Document(path) for path in options.files)
    else:
        yield from (random_guest.make(options.seed, number) for number in range(options.first, options.first + options.count))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uri", required=True)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--save", help="folder for the reproducers; without it they are only told")
    parser.add_argument("--most", type=int, default=40, help="shrink so many differences, only count the others (default 40)")
    parser.add_argument("--refusals", action="store_true", help="count what libvirt says where both refuse")
    parser.add_argument("--berth", default=os.path.join(TOP, "build", "berth"))
    parser.add_argument("--facts", default=os.path.join(TOP, "..", "shared", "conformance"), help="folder of facts.py")
    parser.add_argument("files", nargs="*")
    return parser.parse_args()


def main():
    options = parse()
    sys.path.insert(0, options.facts)
    import facts  # the corpus' own extractor and comparer

    judge = Judge(options, facts)
    counts, gists, refusals, started = collections.Counter(), collections.Counter(), collections.Counter(), time.monotonic()
    for guest in guests(options):
        what, lines = judge.compare(guest.document())
        agreed = what in ("identical", "refused", "beyond", "unstable")
        counts[what if agreed else "different"] += 1
        if agreed and what != "identical":
            refusals[gist(what, lines)] += 1
        if agreed:
            continue
        if counts["different"] > options.most:
            gists[gist(what, lines)] += 1
            continue
        devices, lines = shrink(judge, guest, what, lines)
        gists[gist(what, lines)] += 1
        print("%s: %s, %d devices" % (guest.name, what, len(devices)))
        print("".join("  %s\n" % line for line in lines[:6] + devices[:6]), end="", flush=True)
        if options.save:
            keep(options.save, judge, guest, devices, lines)
    for text, count in gists.most_common() + (refusals.most_common() if options.refusals else []):
        print("%5d %s" % (count, text))
    print("%s: %d guests in %d s: %d identical, %d refused by both, %d beyond libvirt, %d that libvirt refuses again, %d different" % (
        "files" if options.files else "seed " + options.seed, sum(counts.values()), time.monotonic() - started, counts["identical"],
        counts["refused"], counts["beyond"], counts["unstable"], counts["different"]))
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
