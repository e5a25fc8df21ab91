#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line that berth prints is the one that starts the guest: fed to QEMU byte by byte, and asked over QMP. Prints TAP.

  command.py BERTH
"""
import json
import os
import signal
import subprocess
import sys

from world import (QEMU, Failed, Skip, World, alive, check, disk, domain, machine_domain, monitor, nic, processes, rng, scsi, tap, verified,
                   wait_for)
import shutil
import socket

UUID = "<uuid>11111111-2222-3333-4444-555555555555</uuid>"
PASS_THROUGH = ("  <q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
                "<q:env name='BERTH_TEST' value='a b=c'/><q:arg value='-msg'/><q:arg value='timestamp=on'/></q:commandline>\n")
OUT_OF_ORDER = ("  <vcpu current='2'>4</vcpu>\n  <vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/><vcpu id='1' enabled='no' "
                "hotpluggable='yes'/><vcpu id='2' enabled='no' hotpluggable='yes'/><vcpu id='3' enabled='yes' hotpluggable='yes'/></vcpus>\n")
VNC = "<graphics type='vnc' passwd='secret'><listen type='socket'/></graphics>"
TPM = "<tpm model='tpm-crb'><backend type='emulator'/></tpm>"


def ask(path, *commands):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(path)
        stream = connection.makefile("rw")
        stream.readline()
        for command in ("qmp_capabilities",) + commands:
            stream.write(json.dumps({"execute": command}) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
            while "event" in answer:
                answer = json.loads(stream.readline())
    return answer.get("return")


def run_folder(words):
    """The folder of the monitors that the words name."""
    option = [w for w in words if "/control.qmp" in w][0]
    return [p[len("path="):] for p in option.split(",") if p.startswith("path=")][0][:-len("/control.qmp")]


def is_up(path, process):
    """QEMU waits at its monitor, and has all that it was given."""
    wait_for(lambda: os.path.exists(path) or process.poll() is not None, 60, "the monitor")
    check(process.poll() is None, "QEMU ended with %s" % process.poll())
    status = ask(path, "query-status")
    check(status["status"] == "prelaunch" and not status["running"], "status: %s" % status)
    check(ask(path, "query-pci") is not None, "there is no PCI")
    ask(path, "quit")
    check(process.wait(30) == 0, "QEMU ended with %s" % process.returncode)


def the_bytes_start_the_guest(devices, machine, more=""):
    with World() as world:
        text = machine_domain(machine, devices(world), more).replace("<name>guest</name>", "<name>guest</name>" + UUID)
        answer = subprocess.run([sys.argv[1], "command", "-", "--format", "argv"], env=world.environment, input=text.encode(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        check(answer.returncode == 0, answer.stderr.decode())
        words = [w.decode() for w in answer.stdout.split(b"\0")[:-1]]
        check(words == json.loads(world.berth("command", "-", "--format", "json", text=text)), "argv and json differ")
        folder = run_folder(words)
        os.makedirs(folder, 0o700)
        with subprocess.Popen(words, stdin=subprocess.DEVNULL) as process:
            try:
                is_up(folder + "/control.qmp", process)
            finally:
                process.kill()


def the_line_starts_the_guest():
    """The line for a shell does what start does before: folders, files with secrets, helpers."""
    if shutil.which("swtpm") is None:
        raise Skip("no swtpm")
    with World() as world:
        text = machine_domain("q35", [nic(1), VNC, TPM], PASS_THROUGH).replace("<name>guest</name>", "<name>guest</name>" + UUID)
        line = world.berth("command", "-", text=text)
        folder = run_folder(world.berth("command", "-", "--format", "json", text=text).split('"'))
        with subprocess.Popen(["sh", "-c", line], stdin=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                is_up(folder + "/control.qmp", process)
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


def helpers_end_with_the_guest():
    if shutil.which("swtpm") is None:
        raise Skip("no swtpm")
    with World() as world:
        world.berth("define", "-", text=machine_domain("q35", [TPM, nic(0)]))
        world.berth("start", "guest", "--paused")
        verified(world)
        found = processes(world, "swtpm\0socket")
        check(len(found) == 1, "helpers: %s" % found)
        world.berth("destroy", "guest")
        wait_for(lambda: not alive(found[0]), 10, "the end of swtpm")
        world.berth("start", "guest", "--paused")


def luks_image(path):
    """Encrypted with "pass". qemu-img measures how fast this CPU is, and fails where the clock of CPU time is too coarse for it."""
    for _ in range(10):
        made = subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=pass", "-o",
                               "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", path, "1M"], stderr=subprocess.PIPE, text=True)
        if "accurate CPU usage" not in made.stderr:
            check(made.returncode == 0, "qemu-img: %s" % made.stderr)
            return
    raise Skip("qemu-img cannot encrypt here: " + made.stderr.strip())


def a_secret_is_read_from_its_file():
    with World() as world:
        image = os.path.join(world.folder, "luks.qcow2")
        luks_image(image)
        encrypted = ("<disk type='file'><driver type='qcow2'/><source file='%s'><encryption format='luks'><secret type='passphrase' "
                     "usage='a/b'/></encryption></source><target dev='vda'/></disk>" % image)
        answer = world.run("define", "-", text=domain("q35", [encrypted]))
        check(answer.returncode == 0 and "passphrase:a%2Fb" in answer.stderr, "define: %s" % answer.stderr)
        refused = world.run("start", "guest", "--paused")
        check(refused.returncode == 4 and "the secret's value is not there" in refused.stderr, "start: %s" % refused.stderr)
        folder = os.path.join(world.state_folder, "secrets")
        os.makedirs(folder, 0o700)
        with open(os.path.join(folder, "passphrase:a%2Fb"), "w") as secret:
            secret.write("pass")
        world.berth("start", "guest", "--paused")
        verified(world)


def a_network_is_what_its_definition_says():
    with World() as world:
        text = domain("q35", ["<interface type='network'><source network='n'/><model type='virtio'/></interface>"])
        answer = world.run("command", "-", text=text)
        check(answer.returncode == 0 and "network 'n' has no definition" in answer.stderr, answer.stderr)
        folder = os.path.join(world.state_folder, "networks")
        os.makedirs(folder)
        with open(os.path.join(folder, "n.xml"), "w") as network:
            network.write("<network><name>n</name><forward mode='nat'/><bridge name='br-n'/></network>")
        answer = world.run("command", "-", text=text)
        check('"br":"br-n"' in answer.stdout and "network 'n'" not in answer.stderr, answer.stdout + answer.stderr)


def what_needs_another_qemu_is_refused():
    with World() as world:
        granule = "<iommu model='virtio'><driver><granule mode='host'/></driver></iommu>"
        answer = world.run("--qemu", QEMU, "command", "-", text=domain("q35", [granule]))
        newer = answer.returncode == 0
        check(newer or (answer.returncode == 4 and "granule needs QEMU 9.1" in answer.stderr), answer.stderr)


def tests():
    def plain(world):
        return [disk(world, "vda"), nic(0), nic(1), rng()]

    def many(world):
        return [scsi(), disk(world, "sda"), disk(world, "vda"), nic(0), nic(2), VNC.replace(" passwd='secret'", ""), "<video><model type='virtio'/></video>",
                "<channel type='unix'><target type='virtio' name='a,b'/></channel>", "<input type='tablet' bus='usb'/>"]

    for machine in ("pc", "q35"):
        yield "%s: the bytes of argv start a plain guest" % machine, the_bytes_start_the_guest, (plain, machine)
        yield "%s: the bytes of argv start a guest of many kinds" % machine, the_bytes_start_the_guest, (many, machine)
    yield "the bytes of argv have QEMU's own arguments and environment", the_bytes_start_the_guest, (plain, "q35", PASS_THROUGH)
    yield "the bytes of argv start vCPUs out of order", the_bytes_start_the_guest, (plain, "q35", OUT_OF_ORDER)
    yield "the line for a shell starts a guest with a password and a TPM", the_line_starts_the_guest, ()
    yield "helpers end with the guest", helpers_end_with_the_guest, ()
    yield "a secret is read from its file, and missed where it is not", a_secret_is_read_from_its_file, ()
    yield "a network is the bridge that its definition says", a_network_is_what_its_definition_says, ()
    yield "what needs another QEMU is refused by its version", what_needs_another_qemu_is_refused, ()


if __name__ == "__main__":
    sys.exit(tap(tests()))
