#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""UEFI variables from the first start to undefine, on a real QEMU with a real UEFI. Prints TAP.

  firmware.py BERTH
"""
import glob
import os
import sys

from world import Skip, World, ask, check, domain, gone, nic, tap, wait_for

CODE, VARS = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
UUID = "6f1c8a52-0000-4000-8000-00000000beef"


def uefi(os_attributes="", elements=""):
    text = domain("q35", [nic(0, "virtio")]).replace("unit='MiB'>64<", "unit='MiB'>256<")
    text = text.replace("</name>", "</name>\n  <uuid>%s</uuid>" % UUID)
    return text.replace("<os>", "<os%s>" % os_attributes).replace("</os>", elements + "</os>")


def read(path):
    with open(path, "rb") as data:
        return data.read()


def flash(world):
    """What is behind the two chips: node name -> file."""
    nodes = ask(world, {"execute": "query-named-block-nodes"})
    return {n["node-name"]: n["file"] for n in nodes if n["node-name"].startswith("node-pflash")}


def need_ovmf():
    if not os.path.exists(CODE):
        raise Skip("no %s (package ovmf)" % CODE)
    if not glob.glob("/usr/share/qemu/firmware/*.json"):
        raise Skip("no descriptors in /usr/share/qemu/firmware (package ovmf)")


def life_of(text, path_of):
    """From the first start to undefine."""
    need_ovmf()
    with World() as world:
        world.berth("define", "-", text=text % {"folder": world.folder})
        path = path_of(world)
        check(not os.path.exists(path), "it is there before the first start")
        world.berth("start", "guest", "--paused")
        behind = flash(world)
        check(behind.get("node-pflash1") == path and behind.get("node-pflash0") != path, "the chips are %s" % behind)
        check(len(read(path)) in (len(read(v)) for v in glob.glob("/usr/share/OVMF/OVMF_VARS*.fd")), "it is no copy of a template")
        check(os.stat(path).st_mode & 0o077 == 0, "others may read it")
        world.berth("destroy", "guest")
        with open(path, "r+b") as out:  # what a guest would write
            out.seek(-4, 2)
            out.write(b"mine")
        world.berth("define", "-", text=(text % {"folder": world.folder}).replace("</devices>", nic(1, "virtio") + "</devices>"))
        world.berth("start", "guest", "--paused")
        check(read(path).endswith(b"mine"), "a start has made it anew")
        world.berth("destroy", "guest")
        world.berth("start", "guest", "--paused", "--reset-nvram")
        check(not read(path).endswith(b"mine") and os.stat(path).st_mode & 0o077 == 0, "--reset-nvram has not made it anew")
        world.berth("destroy", "guest")
        with open(path, "r+b") as out:
            out.seek(-4, 2)
            out.write(b"mine")
        answer = world.run("undefine", "guest")
        check(answer.returncode == 2 and "--keep-nvram" in answer.stderr and path in answer.stderr, answer.stderr)
        check(len(world.guests()) == 1, "it was undefined all the same")
        check(world.run("undefine", "guest", "--nvram", "--keep-nvram").returncode == 2, "both at once")
        world.berth("undefine", "guest", "--keep-nvram")
        check(read(path).endswith(b"mine"), "it was not kept")
        world.berth("define", "-", text=text % {"folder": world.folder})
        world.berth("undefine", "guest", "--nvram")
        check(not os.path.exists(path), "it was not removed")


def own_path(world):
    return os.path.join(world.state_folder, "nvram", UUID + "_VARS.fd")


def written_path(world):
    return os.path.join(world.folder, "my", "variables")


def guest_writes():
    """A real UEFI writes into its own copy; the template stays as it is."""
    need_ovmf()
    with World() as world:
        world.berth("define", "-", text=uefi(" firmware='efi'"))
        world.berth("start", "guest")
        first = read(own_path(world))
        wait_for(lambda: read(own_path(world)) != first, 120, "a variable that is written")
        world.berth("destroy", "guest")
        check(gone(world), "QEMU is still there")


def none_needs_none():
    """A guest without variables is undefined without a word about them."""
    with World() as world:
        world.berth("define", "-", text=domain("pc", []))
        answer = world.run("start", "guest", "--paused", "--reset-nvram")
        check(answer.returncode == 2 and "no UEFI variables" in answer.stderr, "%d: %s" % (answer.returncode, answer.stderr))
        check(world.state("guest") == "shut off" and gone(world), "it was started all the same")
        world.berth("undefine", "guest")


def as_another_user():
    """The copy is the user's that QEMU runs as, who can reach it and nothing else of the store."""
    need_ovmf()
    if os.getuid() != 0:
        raise Skip("not root")
    with World() as world:
        os.chmod(world.folder, 0o711)
        world.berth("define", "-", text=uefi(" firmware='efi'"))
        for user in ("nobody", "daemon", "root"):
            world.berth("start", "guest", "--paused", "--qemu-user", user)
            check(flash(world)["node-pflash1"] == own_path(world), "the chips are %s" % flash(world))
            world.berth("destroy", "guest")


EXPLICIT = uefi(elements="<loader readonly='yes' type='pflash'>%s</loader><nvram template='%s'>%%(folder)s/my/variables</nvram>" % (CODE, VARS))
TESTS = [
    ("firmware='efi': the guest's variables live from the first start to undefine", life_of, (uefi(" firmware='efi'"), own_path)),
    ("<nvram template>: they do so at the written path, too", life_of, (EXPLICIT, written_path)),
    ("a real UEFI writes its variables into the guest's own copy", guest_writes, ()),
    ("a guest without variables needs no word about them", none_needs_none, ()),
    ("another user's QEMU has its variables", as_another_user, ()),
]

if __name__ == "__main__":
    sys.exit(tap(TESTS))
