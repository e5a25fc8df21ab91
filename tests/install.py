#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What make install leaves is enough for somebody else: examples/smallest.c is compiled against it, by pkg-config alone, and run.

  install.py BUILD SOURCE    prints TAP
"""
import os
import shlex
import subprocess
import sys
import tempfile

DOMAIN = """<domain type='qemu'>
  <name>small</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='%s'>hvm</type></os>
  <devices>
%s  </devices>
</domain>
"""
NIC = "    <interface type='user'><mac address='52:54:00:00:00:0%d'/><model type='virtio'/></interface>\n"


def point(number, ok, name):
    print("%sok %d - %s" % ("" if ok else "not ", number, name), flush=True)
    return ok


def main():
    build, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    print("1..4")
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, DESTDIR=folder)
        install = subprocess.run(["meson", "install", "--no-rebuild", "-C", build], env=environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        pc = [os.path.join(d, "berth.pc") for d, _, names in os.walk(folder) if "berth.pc" in names]
        if not point(1, install.returncode == 0 and len(pc) == 1, "make install leaves one berth.pc"):
            print("# " + install.stdout.replace("\n", "\n# "))
            return 1
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc[0]), PKG_CONFIG_SYSROOT_DIR=folder)
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "berth"], env=environment, stdout=subprocess.PIPE, text=True)
        # the sysroot is put in front of every path; those of other packages are the system's
        words = [w if not w.startswith("-I" + folder) or os.path.isdir(w[2:]) else "-I" + w[2 + len(folder):]
                 for w in shlex.split(flags.stdout)]
        program = os.path.join(folder, "smallest")
        sanitize = ["-fsanitize=address,undefined"] if os.environ.get("BERTH_SANITIZED") else []
        cc = subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror"] + sanitize +
                            [os.path.join(source, "examples/smallest.c"), "-o", program] + words, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
        if not point(2, cc.returncode == 0, "examples/smallest.c compiles against the installed library"):
            print("# " + cc.stdout.replace("\n", "\n# "))
            return 1
        libs = [w[2:] for w in words if w.startswith("-L")]
        environment = dict(os.environ, LD_LIBRARY_PATH=":".join(libs))

        def run(nics):
            xml = os.path.join(folder, "small.xml")
            with open(xml, "w") as out:
                out.write(DOMAIN % ("q35", "".join(NIC % n for n in nics)))
            return subprocess.run([program, xml, os.path.join(folder, "small.berth")], env=environment, stdout=subprocess.PIPE,
                                  text=True)

        def place(text, nic):
            piece = text.split("52:54:00:00:00:0%d" % nic)[1].split("</interface>")[0]
            return piece[piece.index("<address type="):].split("/>")[0]

        first, second = run([1, 2]), run([2])
        ok = first.returncode == 0 and second.returncode == 0
        point(3, ok and "<address type='pci'" in first.stdout, "it gives addresses")
        point(4, ok and place(first.stdout, 2) == place(second.stdout, 2), "the second NIC stays when the first one goes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
