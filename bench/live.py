#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running guests: berth beside virsh and beside QEMU alone, as ratios of times measured pair by pair.

  live.py BERTH [--pairs N] [--guests N]

libvirt's side is a libvirtd of its own in a private folder; without libvirt's packages that side is left out. Medians; "beyond process
start" has the time of "berth --version" and "virsh --version" taken off. fsyncs are counted with strace, if it is there.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

QEMU = shutil.which("qemu-system-x86_64")
NIC = "<interface type='user'><mac address='52:54:00:00:02:01'/><model type='virtio'/></interface>"
DISK = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/><target dev='%s' bus='scsi'/></disk>")


def domain(name, image):
    return ("<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm"
            "</type></os><features><acpi/></features><devices><emulator>%s</emulator><controller type='scsi' index='0' model='virtio-scsi'/>"
            "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>%s</devices></domain>"
            % (name, uuid.uuid5(uuid.NAMESPACE_DNS, name), QEMU, DISK % (image, "sda")))


class Qmp:
    def __init__(self, path, seconds=30):
        deadline = time.monotonic() + seconds
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.001)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self.ask("qmp_capabilities")

    def read(self):
        return json.loads(self.stream.readline())

    def ask(self, command, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = self.read()
            if "return" in answer or "error" in answer:
                return answer.get("return")

    def close(self):
        self.stream.close()
        self.socket.close()


class Side:
    """A command with its own state; run() gives seconds."""

    def __init__(self, words, environment):
        self.words, self.environment = words, environment

    def run(self, *words, check=True):
        before = time.monotonic()
        answer = subprocess.run(self.words + list(words), env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        seconds = time.monotonic() - before
        if check and answer.returncode != 0:
            sys.exit("bench: %s %s: %s" % (self.words[0], " ".join(words), answer.stderr.strip()))
        return seconds


def libvirt(folder):
    """virsh on a libvirtd of its own, and that; (None, None) without libvirt."""
    daemon = shutil.which("libvirtd") or shutil.which("libvirtd", path="/usr/sbin")
    if not daemon or not shutil.which("virsh"):
        print("libvirt is left out: libvirt-daemon-driver-qemu or libvirt-clients is not installed")
        return None, None
    home = os.path.join(folder, "libvirt")
    environment = dict(os.environ, HOME=home, LC_ALL="C")
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"):
        environment[name] = os.path.join(home, name)
        os.makedirs(environment[name], 0o700)
    configuration = os.path.join(home, "libvirtd.conf")
    with open(configuration, "w") as out:
        out.write('unix_sock_dir = "%s"\nauth_unix_rw = "none"\n' % home)
    for name in ("/var/lib/libvirt", "/var/run/libvirt", "/etc/libvirt"):
        os.makedirs(name, exist_ok=True)
    # As root there is no session daemon: it runs as nobody, who owns the folder.
    words = []
    if os.geteuid() == 0:
        for base, folders, files in os.walk(home):
            for name in [base] + [os.path.join(base, f) for f in files]:
                os.chown(name, 65534, 65534)
        os.chmod(folder, 0o755)
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    log = open(os.path.join(folder, "libvirtd.log"), "w")
    process = subprocess.Popen(words + [daemon], env=environment, stdout=log, stderr=log)
    path = os.path.join(environment["XDG_RUNTIME_DIR"], "libvirt", "libvirt-sock")
    for _ in range(200):
        if os.path.exists(path) or process.poll() is not None:
            break
        time.sleep(0.05)
    virsh = Side(["virsh", "-q", "-c", "qemu:///session?socket=" + path], environment)
    if process.poll() is not None or subprocess.run(virsh.words + ["version"], env=environment, stdout=subprocess.DEVNULL,
                                                    stderr=log).returncode != 0:
        print("libvirt is left out: its daemon does not start here (%s)" % open(log.name).read().strip().splitlines()[-1:])
        process.kill()
        return None, None
    return virsh, process


def dirty(pid):
    with open("/proc/%d/smaps_rollup" % pid) as rollup:
        values = {line.split(":")[0]: int(line.split()[1]) for line in rollup if " kB" in line}
    return values["Private_Dirty"], values["Pss"]


def parents(world):
    """The supervisors of a state folder."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % entry, "rb") as line:
                words = line.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if world in words and "adopt" in words:
            found.append(int(entry))
    return found


def bare_start(command, run_dir):
    """QEMU alone with berth's command line, up to where "cont" has returned."""
    os.makedirs(run_dir, exist_ok=True)
    before = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    qmp = Qmp(os.path.join(run_dir, "control.qmp"))
    qmp.ask("cont")
    seconds = time.monotonic() - before
    qmp.close()
    process.kill()
    process.wait()
    return seconds


def fsyncs(side, *words):
    if not shutil.which("strace"):
        return None
    log = tempfile.mktemp()
    traced = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", log] + side.words + list(words),
                              env=side.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    if words[0] == "start":
        time.sleep(5)  # strace stays with the supervisor
        with open(log) as lines:
            count = sum("sync(" in line for line in lines)
        side.run("destroy", words[1])
    traced.wait()
    if words[0] == "start":
        os.unlink(log)
        return count
    with open(log) as lines:
        count = sum("sync(" in line for line in lines)
    os.unlink(log)
    return count


def show(name, times, base, start, other, aim):
    mine, theirs = statistics.median(times), statistics.median(base) if base else None
    line = "%-15s berth %6.1f ms (beyond process start %6.1f)" % (name, mine * 1e3, (mine - start) * 1e3)
    if base:
        ratio = statistics.median(a / b for a, b in zip(times, base))
        line += "  %-10s %6.1f ms  ratio %5.2f" % (other, theirs * 1e3, ratio) + ("  aim %s" % aim if aim else "")
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("berth")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--guests", type=int, default=50)
    arguments = parser.parse_args()
    if not QEMU:
        print("bench: left out: no qemu-system-x86_64")
        return 0
    folder = tempfile.mkdtemp(prefix="berth-bench-")
    try:
        measure(arguments, folder)
    finally:
        berth = Side([os.path.abspath(arguments.berth)], dict(os.environ, BERTH_STATE=os.path.join(folder, "state")))
        for name in ["g"] + ["m%d" % n for n in range(arguments.guests)]:
            berth.run("destroy", name, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def measure(arguments, folder):
    state = os.path.join(folder, "state")
    berth = Side([os.path.abspath(arguments.berth)], dict(os.environ, BERTH_STATE=state, BERTH_QEMU=QEMU))
    virsh, daemon = libvirt(folder)
    try:
        compare(arguments, folder, state, berth, virsh)
        use_memory(arguments, folder, state, berth, daemon)
    finally:
        if daemon:
            virsh.run("destroy", "g", check=False)
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(20)


def image(folder, name):
    path = os.path.join(folder, name)
    with open(path, "wb") as out:
        out.truncate(1 << 20)
    os.chmod(path, 0o666)
    return path


def start_big(pairs, folder, state, berth, start, what, xml):
    """Beside QEMU alone, a guest with many devices."""
    path = os.path.join(folder, "big.xml")
    with open(path, "w") as out:
        out.write(xml)
    berth.run("define", path)
    berth.run("start", "big")
    command, run_dir = command_of(state)
    berth.run("destroy", "big")
    mine, alone = [], []
    for _ in pairs:
        mine.append(berth.run("start", "big"))
        berth.run("destroy", "big")
        alone.append(bare_start(command, run_dir))
        shutil.rmtree(run_dir, ignore_errors=True)
    berth.run("undefine", "big")
    show("start, " + what, mine, alone, start, "QEMU alone", "1.20")


def big(machine, devices):
    return domain("big", "").replace("machine='pc'", "machine='%s'" % machine).split("<controller")[0] + devices + "</devices></domain>"


def compare_big(pairs, folder, state, berth, start):
    disks = "".join(DISK % (image(folder, "big%d.img" % n), "sd" + chr(97 + n)) for n in range(24))
    nics = "".join(NIC.replace("02:01", "03:%02x" % n) for n in range(24))
    start_big(pairs, folder, state, berth, start, "24 disks", big("pc", "<controller type='scsi' index='0' model='virtio-scsi'/>" + disks))
    start_big(pairs, folder, state, berth, start, "24 NICs", big("q35", nics))


def compare(arguments, folder, state, berth, virsh):
    pairs = range(arguments.pairs)
    files = {}
    for side, name in ((berth, "b"), (virsh, "v")):
        for what, xml in (("domain", domain("g", image(folder, name + ".img"))), ("nic", NIC), ("disk", DISK % (image(folder, name + "2.img"), "sdb"))):
            files[name, what] = os.path.join(folder, "%s-%s.xml" % (name, what))
            with open(files[name, what], "w") as out:
                out.write(xml)
    start = statistics.median(berth.run("--version") for _ in pairs)
    print("berth --version %.1f ms%s" % (start * 1e3, ", virsh --version %.1f ms" % (
        statistics.median(virsh.run("--version") for _ in pairs) * 1e3) if virsh else ""))

    times = [(berth.run("define", files["b", "domain"]), virsh.run("define", files["v", "domain"]) if virsh else None) for _ in pairs]
    show("define", [a for a, _ in times], [b for _, b in times] if virsh else None, start, "virsh", "0.50")

    compare_big(pairs, folder, state, berth, start)
    berth.run("start", "g")
    command, run_dir = command_of(state)
    berth.run("destroy", "g")
    mine, alone, theirs = [], [], []
    for _ in pairs:
        mine.append(berth.run("start", "g"))
        berth.run("destroy", "g")
        alone.append(bare_start(command, run_dir))
        shutil.rmtree(run_dir, ignore_errors=True)
        if virsh:
            theirs.append(virsh.run("start", "g"))
            virsh.run("destroy", "g")
    show("start", mine, alone, start, "QEMU alone", "1.20")
    if virsh:
        show("start", mine, theirs, start, "virsh", None)

    berth.run("start", "g", "--paused")
    if virsh:
        virsh.run("start", "g", "--paused")
    results = {"attach-device": ([], []), "detach-device": ([], [])}
    for _ in pairs:
        for verb in ("attach-device", "detach-device"):
            results[verb][0].append(berth.run(verb, "g", files["b", "disk"], "--live"))
            if virsh:
                results[verb][1].append(virsh.run(verb, "g", files["v", "disk"], "--live"))
    for verb, (a, b) in results.items():
        show(verb, a, b, start, "virsh", "0.33" if verb == "attach-device" else None)
    with open(files["b", "nic"] + ".xml", "w") as out:  # a definition that is a new one
        out.write(domain("g", os.path.join(folder, "b.img")).replace("</devices>", NIC + "</devices>"))
    round_trip = []
    qmp = Qmp(os.path.join(run_dir, "control.qmp"))
    for _ in pairs:
        before = time.monotonic()
        qmp.ask("blockdev-add", **{"driver": "null-co", "node-name": "bench"})
        qmp.ask("device_add", **{"driver": "scsi-hd", "drive": "bench", "id": "bench", "bus": "scsi0.0"})
        round_trip.append(time.monotonic() - before)
        qmp.ask("device_del", id="bench")
        time.sleep(0.02)
        qmp.ask("blockdev-del", **{"node-name": "bench"})
    qmp.close()
    show("attach-device", results["attach-device"][0], round_trip, start, "bare QMP", None)
    counts = [(verb, fsyncs(berth, verb, *words)) for verb, words in (
        ("define", [files["b", "nic"] + ".xml"]), ("attach-device", ["g", files["b", "disk"], "--live"]),
        ("detach-device", ["g", files["b", "disk"], "--live"]), ("destroy", ["g"]), ("start", ["g", "--paused"]))]
    print("fsyncs: %s" % ", ".join("%s %s" % count for count in counts))


def qemu_of(state):
    for entry in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % entry, "rb") as line:
                words = line.read().decode(errors="replace")
        except OSError:
            continue
        if state in words and "-nodefaults" in words:
            return entry
    sys.exit("bench: QEMU does not run")


def command_of(state):
    """The command line of the QEMU that runs, and its run folder."""
    with open("/proc/%s/cmdline" % qemu_of(state)) as line:
        command = line.read().rstrip("\0").split("\0")
    return command, os.path.dirname([word for word in command if "control.qmp" in word][0].split("path=")[1].split(",")[0])


def use_memory(arguments, folder, state, berth, daemon):
    for number in range(arguments.guests):
        path = os.path.join(folder, "m%d.xml" % number)
        with open(path, "w") as out:
            out.write(domain("m%d" % number, image(folder, "m%d.img" % number)).replace("52:54:00:00:00:01", "52:54:00:01:00:%02x" % number))
        berth.run("define", path)
        berth.run("start", "m%d" % number, "--paused")
        if number in (0, arguments.guests - 1):
            time.sleep(1)
            each = [dirty(pid) for pid in parents(state)]
            print("supervisors of %d paused guests: private dirty %d KiB (most %d), PSS %d KiB (most %d) each" % (
                len(each), statistics.mean(d for d, _ in each), max(d for d, _ in each), statistics.mean(p for _, p in each),
                max(p for _, p in each)), flush=True)
    if daemon:
        print("libvirtd: private dirty %d KiB, PSS %d KiB" % dirty(daemon.pid))


if __name__ == "__main__":
    sys.exit(main())
