# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random x86 guests in libvirt's domain format: the same seed and number give the same guest on every machine.

A guest is a head (machine, memory, features) and a list of devices, each one a string, so that a finder of differences
can drop devices one by one. Every guest has a temper: most are sober (what a user could mean), some are odd (explicit addresses
that may not fit), a few are wild (anything goes). Left out is what libvirt refuses because of its host or of its QEMU.
"""
import random

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VIRTIO = ("virtio", "virtio", "virtio-transitional", "virtio-non-transitional")
MACHINES = (("pc", 36), ("q35", 41), ("pc-i440fx-9.0", 3), ("pc-q35-9.0", 3), ("pc-i440fx-6.2", 2), ("pc-i440fx-7.2", 2), ("pc-q35-6.2", 2),
            ("pc-q35-7.2", 2), ("isapc", 5), ("microvm", 4))
NETS = ("virtio", "virtio", "virtio-transitional", "virtio-non-transitional", "e1000", "e1000e", "igb", "rtl8139", "vmxnet3",
        "pcnet", "ne2k_pci", "i82551", "tulip", "E1000", "82545em", "Am79C970A", "Am79C973", "82540EM", "82543GC", "vlance", "vmxnet", "vmxnet2",
        "netfront", "lan9118", "scm91c111", "usb-net", "made-up", None)
NET_TYPES = ("user", "user", "user", "bridge", "network", "ethernet", "direct", "hostdev", "hostdev", "vhostuser", "vdpa", "mcast", "server",
             "client", "udp", "null", "internal")
SOUNDS = ("es1370", "ac97", "ich6", "ich9", "usb", "sb16", "pcspk", "virtio", "ich7")
VIDEOS = ("vga", "cirrus", "vmvga", "qxl", "virtio", "bochs", "ramfb", "none", "default", None)
PRIMARY_ONLY = ("vga", "cirrus", "vmvga", "bochs", "ramfb", "none", "default", None)
ODD_VIDEOS = ("xen", "vbox", "parallels", "gop")
SCSI = ("virtio-scsi", "virtio-scsi", "virtio-transitional", "virtio-non-transitional", "lsilogic", "lsisas1068", "lsisas1078",
        "vmpvscsi", "am53c974", "dc390", "auto", None)
ODD_SCSI = ("buslogic", "ncr53c90", "ibmvscsi")
USB = ("piix3-uhci", "piix4-uhci", "ehci", "nec-xhci", "qemu-xhci", "pci-ohci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2",
       "ich9-uhci3", None)
ODD_USB = ("none", "none", "vt82c686b-uhci", "default", "qusb1")
PCI_ON_PC = ("pci-bridge", "pci-bridge", "pci-expander-bus")
PCI_ON_Q35 = ("pcie-root-port", "pcie-root-port", "pcie-root-port", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge",
              "pcie-switch-upstream-port", "pcie-switch-downstream-port", "pcie-expander-bus")
DISK_BUSES = (("virtio", 6), ("scsi", 4), ("sata", 3), ("ide", 2), ("usb", 2), ("fdc", 1), ("nvme", 1), (None, 2))
PREFIX = {"virtio": "vd", "scsi": "sd", "sata": "sd", "ide": "hd", "usb": "sd", "fdc": "fd", "nvme": "nvme", "sd": "sd", "xen": "xvd", "uml": "ubd"}
DEFAULT_BUS = {"vd": "virtio", "sd": "scsi", "hd": "ide", "fd": "fdc"}
INPUTS = (("mouse", "ps2"), ("keyboard", "ps2"), ("mouse", "usb"), ("keyboard", "usb"), ("tablet", "usb"), ("mouse", "virtio"),
          ("keyboard", "virtio"), ("tablet", "virtio"), ("tablet", None), ("mouse", None), ("keyboard", None),
          ("passthrough", "virtio"), ("passthrough", None), ("evdev", None))


def weighted(rng, pairs):
    return rng.choices([value for value, _ in pairs], [weight for _, weight in pairs])[0]


def attributes(**values):
    """" name='value'" for each that is not None"""
    return "".join(" %s='%s'" % (name, value) for name, value in values.items() if value is not None)


def target_name(prefix, number):
    text = ""
    number += 1
    while number > 0:
        number, letter = divmod(number - 1, 26)
        text = LETTERS[letter] + text
    return prefix + text


class Guest:
    """One guest: head() and devices make the document"""

    def __init__(self, seed, number):
        self.rng = rng = random.Random("%s/%d" % (seed, number))
        self.name = "random-%s-%d" % (seed, number)
        self.machine = weighted(rng, MACHINES)
        self.q35 = "q35" in self.machine
        self.pci = self.machine not in ("isapc", "microvm")
        temper = rng.random()
        self.sober = temper < 0.55
        self.wild = temper > 0.85
        self.addressing = rng.choice((0, 0, 0.1, 0.3, 0.7)) if not self.sober else rng.choice((0, 0, 0, 0.1, 0.3))
        self.ps2_off = rng.random() < 0.05
        self.slots = rng.choice((0, 0, 4, 16)) if self.machine != "isapc" else 0
        self.spice = rng.random() < 0.3
        self.numbers = {}
        self.used = set()
        self.devices = []

    # ---- chances and numbers ----

    def chance(self, probability):
        return self.rng.random() < probability

    def pick(self, values):
        return self.rng.choice(values)

    def odd(self, probability):
        """something that may not fit: never in a sober guest, often in a wild one"""
        return not self.sober and self.chance(probability * (3 if self.wild else 1))

    def spice_only(self, *values):
        """what needs spice graphics: of a guest that has them (or not, in odd guests)"""
        return values if self.spice or self.odd(0.05) else ()

    def count(self, what):
        """0, 1, 2 ... for each name"""
        self.numbers[what] = self.numbers.get(what, -1) + 1
        return self.numbers[what]

    def fresh(self, what, draw):
        """a value of draw() that no other has (or one that another has, in odd guests); None if there seems to be none"""
        for _ in range(20):
            value = draw()
            if (what, value) not in self.used or self.odd(0.01):
                self.used.add((what, value))
                return value
        return None

    # ---- addresses ----

    def pci_place(self):
        buses = [0] * 4 + list(range(0, 1 + max(1, self.numbers.get("pci", 0))))
        bus = self.pick(buses)
        if self.odd(0.1):
            bus = self.pick((1, 2, 3, 5, 8, 31))
        slot = self.rng.randrange(1, 31)
        if bus > 0 and self.q35 and self.chance(0.5 if self.wild else 0.95):
            slot = 0
        if self.odd(0.05):
            slot = self.pick((0, 1, 2, 0x1d, 0x1f, 31))
        function = 0 if self.chance(0.8) or (self.sober and bus > 0) else self.rng.randrange(8)
        return bus, slot, function

    def pci_address(self, always=False):
        if not always and not self.chance(self.addressing):
            return self.wrong_address()
        if self.odd(0.03):
            return "<address type='pci'/>"
        bus, slot, function = self.fresh("pci", self.pci_place) or (0, 0, 0)
        multi = self.pick((None, None, None, "on", "off"))
        if self.odd(0.01):
            return "<address type='pci' domain='1' bus='%d' slot='%d' function='0'/>" % (bus, slot)
        form = self.pick(("<address type='pci' domain='0x0000' bus='0x%02x' slot='0x%02x' function='0x%x'%s/>",
                          "<address type='pci' bus='%d' slot='%d' function='%d'%s/>"))
        return form % (bus, slot, function, attributes(multifunction=multi))

    def drive_address(self, bus):
        if not self.chance(self.addressing):
            return self.wrong_address()
        limits = {"ide": (1, 2, 2), "fdc": (1, 1, 2), "sata": (3, 1, 6), "scsi": (3, 1, 7), "nvme": (3, 1, 2)}.get(bus, (2, 2, 8))
        if self.odd(0.1):
            limits = (4, 3, 20)
        if self.odd(0.05):
            return "<address type='drive'/>"

        def draw():
            return tuple(self.rng.randrange(n) for n in limits)
        controller, number, unit = self.fresh("drive " + str(bus), draw) or (0, 0, 0)
        target = 0 if not self.odd(0.1) else self.rng.randrange(3)
        if self.chance(0.1):
            return "<address type='drive' controller='%d' unit='%d'/>" % (controller, unit)
        return "<address type='drive' controller='%d' bus='%d' target='%d' unit='%d'/>" % (controller, number, target, unit)

    def usb_address(self):
        if not self.chance(self.addressing):
            return self.wrong_address()
        if self.chance(0.2):
            return "<address type='usb' bus='%d'/>" % (self.rng.randrange(2) if self.odd(0.5) else 0)

        def draw():
            port = str(self.rng.randrange(1, 5 if self.sober else 8))
            while self.chance(0.1 if self.sober else 0.3) and port.count(".") < 4:
                port += ".%d" % self.rng.randrange(1, 9)
            return 0 if self.chance(0.8) else self.rng.randrange(3), port
        bus, port = self.fresh("usb", draw) or (0, "0")
        if self.odd(0.03):
            port = "0"
        return "<address type='usb' bus='%d' port='%s'/>" % (bus, port)

    def port_address(self):
        if not self.chance(max(self.addressing, 0.15)):
            return ""

        def draw():
            return self.pick((0, 0, 0, 1, 2)), self.rng.randrange(1, 31)
        controller, port = self.fresh("virtio-serial", draw) or (0, 0)
        if self.chance(0.2):
            return "<address type='virtio-serial' controller='%d'/>" % controller
        if self.odd(0.05):
            port = self.pick((0, 31, 32, 200))
        return "<address type='virtio-serial' controller='%d' bus='0' port='%d'/>" % (controller, port)

    def isa_address(self):
        if not self.chance(self.addressing):
            return self.wrong_address()
        return "<address type='isa'%s/>" % attributes(iobase=self.pick((None, "0x3f8", "0x2f8")), irq=self.pick((None, "0x4", "0x3")))

    def dimm_address(self):
        if not self.chance(self.addressing):
            return ""
        slot = self.fresh("dimm", lambda: self.rng.randrange(max(self.slots, 1) + (2 if self.odd(0.2) else 0)))
        if slot is None:
            return ""
        return "<address type='dimm' slot='%d'%s/>" % (slot, attributes(base="0x%x" % (0x100000000 + slot * 0x40000000)
                                                                        if self.chance(0.3) else None))

    def wrong_address(self):
        """nothing; in odd guests seldom an address of whatever type"""
        if not self.odd(0.006):
            return ""
        return self.pick(("<address type='pci' bus='0' slot='9'/>", "<address type='usb' bus='0' port='1'/>",
                          "<address type='drive' controller='0' bus='0' target='0' unit='0'/>", "<address type='virtio-mmio'/>",
                          "<address type='virtio-serial' controller='0' bus='0' port='3'/>", "<address type='isa' iobase='0x500'/>",
                          "<address type='ccid' controller='0' slot='0'/>", "<address type='unassigned'/>", "<address bus='0'/>",
                          "<address type='pci' bus='0x100' slot='1'/>", "<address type='pci' slot='0x20'/>",
                          "<address type='pci' slot='3' function='8'/>", "<address type='spapr-vio' reg='0x3000'/>",
                          "<address type='dimm' slot='1'/>"))

    # ---- the document ----

    def head(self):
        memory = "<memory unit='MiB'>1024</memory><vcpu>%d</vcpu>" % (1 if self.machine == "isapc" else 2)
        numa = "<cpu><numa><cell id='0' cpus='0' memory='512' unit='MiB'/><cell id='1' cpus='1' memory='512' unit='MiB'/></numa></cpu>"
        if self.machine == "isapc":
            numa = ""
        if self.slots:
            memory = "<maxMemory slots='%d' unit='GiB'>64</maxMemory>" % self.slots + memory
        features = "<features>%s%s</features>" % ("<acpi/>" if self.machine != "isapc" else "", "<ps2 state='off'/>" if self.ps2_off else "")
        return ("<domain type='qemu'>\n<name>%s</name>\n%s\n<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>\n"
                "<os><type arch='x86_64' machine='%s'>hvm</type></os>\n%s\n%s\n" % (self.name, memory, self.machine, features, numa))

    def document(self, devices=None):
        chosen = self.devices if devices is None else devices
        return self.head() + "<devices>\n" + "".join(text + "\n" for text in chosen) + "</devices>\n</domain>\n"


# ---- devices: each function returns one device of guest g, or a list of them ----


def disk(g):
    bus = weighted(g.rng, DISK_BUSES) if g.pci or g.odd(0.1) else "fdc"
    if g.odd(0.02):
        bus = g.pick(("sd", "xen", "uml"))
    if bus == "ide" and g.q35 and not g.odd(0.1):
        bus = "sata"
    device = "floppy" if bus == "fdc" else g.pick(("disk", "disk", "disk", "cdrom"))
    lun = bus == "scsi" and g.chance(0.05)
    if bus in ("virtio", "nvme") and device == "cdrom" and not g.odd(0.05):
        device = "disk"
    prefix = PREFIX.get(bus) or g.pick(("vd", "sd", "vd" if g.q35 else "hd"))
    if bus is None and prefix == "vd":
        device = "disk"
    if bus in ("virtio", "scsi", "sata", "usb") and g.chance(0.1):
        prefix = g.pick(("vd", "sd", "hd", "xvd"))
    most = {"ide": 4, "fdc": 2, "hd": 4}.get(bus or prefix, 26)
    if g.odd(0.05) or (bus in ("virtio", "scsi", "sata") and g.chance(0.05)):
        most = 60
    name = g.fresh("target", lambda: target_name(prefix, g.rng.randrange(most)) if prefix != "nvme" else "nvme%dn%d" % (
        g.rng.randrange(3), g.rng.randrange(1, 4)))
    if name is None:
        return []
    if g.odd(0.004):
        name = g.pick(("vda1", "xyz", "nvme0n1", "sd", "vdA"))
    effective = bus or DEFAULT_BUS[prefix]
    serial = "<serial>%s</serial>" % (g.pick(("one", "two")) if effective == "nvme" else name) if g.chance(0.9 if effective == "nvme" else 0.1) and effective not in ("sd", "xen", "uml") else ""
    model = g.pick(VIRTIO) if effective == "virtio" and g.chance(0.3) else None
    if effective in ("ide", "sata", "scsi", "fdc", "nvme"):
        where = g.drive_address(effective)
    else:
        where = g.usb_address() if effective == "usb" else g.pci_address()
    kind, source = disk_source(g, name)
    if lun:
        kind, device, source = "block", "lun", "<source dev='/dev/%s'/>" % name
    removable = attributes(removable="on") if effective == "usb" and g.chance(0.2) else ""
    return ("<disk type='%s' device='%s'%s><driver name='qemu' type='raw'/>%s<target dev='%s'%s%s/>%s%s%s</disk>"
            % (kind, device, attributes(model=model), source, name, attributes(bus=bus), removable,
               "<readonly/>" if device == "cdrom" else "", serial, where))


def disk_source(g, name):
    """-> (the disk's type, its <source>)"""
    return g.pick((("file", "<source file='/images/%s'/>" % name),) * 4 + (
        ("block", "<source dev='/dev/%s'/>" % name), ("volume", "<source pool='p' volume='%s'/>" % name),
        ("network", "<source protocol='nbd' name='%s'><host name='localhost' port='10809'/></source>" % name),
        ("nvme", "<source type='pci' managed='yes' namespace='1'><address domain='0' bus='0x01' slot='0' function='0'/></source>")))


def interface(g):
    kind = g.pick(NET_TYPES)
    inner = {"bridge": "<source bridge='br0'/>", "network": "<source network='net0'/>", "direct": "<source dev='eth0' mode='bridge'/>",
             "vhostuser": "<source type='unix' path='/run/v%d' mode='client'/>" % g.count("vhostuser"), "vdpa": "<source dev='/dev/vhost-vdpa-0'/>",
             "mcast": "<source address='230.0.0.1' port='5558'/>", "server": "<source address='127.0.0.1' port='5558'/>",
             "client": "<source address='127.0.0.1' port='5558'/>",
             "udp": "<source address='127.0.0.1' port='11115'><local address='127.0.0.1' port='11116'/></source>",
             "internal": "<source name='n'/>",
             "hostdev": "<source><address type='pci' domain='0' bus='0x%02x' slot='0x%02x' function='0'/></source>"
                        % (g.rng.randrange(3, 200), g.count("host pci") % 32)}.get(kind, "")
    model = g.pick(NETS) if kind != "hostdev" else None
    if kind in ("vhostuser", "vdpa") and not g.odd(0.2):
        model = g.pick(VIRTIO)
    mac = "<mac address='52:54:00:00:%02x:%02x'/>" % divmod(g.count("mac") % 65536, 256) if g.chance(0.5) else ""
    where = g.usb_address() if model == "usb-net" else g.pci_address()
    inner += "<model type='%s'/>" % model if model else ""
    if g.chance(0.1):
        inner += "<alias name='ua-n%d'/>" % g.count("alias")
    if g.chance(0.05):
        inner += "<acpi index='%d'/>" % (g.count("acpi") + 1)
    return "<interface type='%s'>%s%s%s</interface>" % (kind, mac, inner, where)


def sound(g):
    model = g.pick(SOUNDS)
    where = g.usb_address() if model == "usb" else g.pci_address() if model not in ("sb16", "pcspk") else g.wrong_address()
    return "<sound model='%s'>%s</sound>" % (model, where)


def video(g):
    first = g.count("video") == 0
    model = g.pick(VIDEOS if first or g.odd(0.1) else ("qxl", "virtio"))
    primary = "yes" if model != "none" and ((first and g.chance(0.1)) or g.odd(0.1)) else None
    inner = "<model%s/>" % attributes(type=model, primary=primary) if model else ""
    where = g.pci_address() if model not in ("ramfb", "none") else g.wrong_address()
    return "<video>%s%s</video>" % (inner, where)


def graphics(g):
    if g.count("graphics") > 1 and not g.odd(0.1):
        return []
    egl = ("<graphics type='egl-headless'/>",) if g.spice or g.odd(0.1) else ()
    return g.pick(("<graphics type='vnc'/>",) * 3 + ("<graphics type='sdl' display=':0'/>", "<graphics type='dbus'/>") + egl)


def audio(g):
    return "<audio id='%d' type='%s'/>" % (g.count("audio") + 1, g.pick(("none", "none", "spice", "pulseaudio", "file", "alsa", "oss", "jack")))


def hostdev_pci(g):
    where = g.pci_address() if not g.odd(0.1) else "<address type='unassigned'/>"
    return ("<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='0x%02x' slot='0x%02x' function='%d'/></source>%s</hostdev>"
            % (g.rng.randrange(3, 200), g.count("host pci") % 32, g.rng.randrange(8), where))


def hostdev_usb(g):
    return ("<hostdev mode='subsystem' type='usb'><source><vendor id='0x%04x'/><product id='0x%04x'/></source>%s</hostdev>"
            % (0x1000 + g.count("host usb"), g.rng.randrange(1, 0xffff), g.usb_address()))


def hostdev_scsi(g):
    return ("<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host%d'/><address bus='0' target='0' unit='%d'/></source>%s</hostdev>"
            % (g.rng.randrange(4), g.count("host scsi"), g.drive_address("scsi")))


def hostdev_iscsi(g):
    return ("<hostdev mode='subsystem' type='scsi'><source protocol='iscsi' name='iqn.2013-07.com.example:t%d%s'><host name='example.com' port='3260'/>"
            "</source>%s</hostdev>" % (g.count("iscsi"), g.pick(("", "/0", "/1")), g.drive_address("scsi")))


def hostdev_usb_place(g):
    return ("<hostdev mode='subsystem' type='usb'><source><address bus='%d' device='%d'/></source>%s</hostdev>"
            % (g.rng.randrange(1, 5), g.count("host usb place") + 1, g.usb_address()))


def hostdev_mdev(g):
    return ("<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='c2177883-f1bb-47f0-914d-%012x'/></source>%s</hostdev>"
            % (g.count("mdev"), g.pci_address()))


def hostdev_vhost(g):
    return ("<hostdev mode='subsystem' type='scsi_host'%s><source protocol='vhost' wwpn='naa.50014050000%05x'/>%s</hostdev>"
            % (attributes(model=g.pick(VIRTIO + (None, None))), g.count("vhost"), g.pci_address()))


def index_of(g, kind):
    """an index that is fresh, or none"""
    if g.chance(0.4):
        return None
    return g.fresh("index " + kind, lambda: g.rng.randrange(4 if g.sober else 6))


def controller_scsi(g):
    return "<controller type='scsi'%s>%s</controller>" % (attributes(
        index=index_of(g, "scsi"), model=g.pick(SCSI if not g.odd(0.03) else ODD_SCSI)), g.pci_address())


def controller_sata(g):
    return "<controller type='sata'%s>%s</controller>" % (attributes(index=index_of(g, "sata")), g.pci_address())


def controller_nvme(g):
    serial = "<serial>%s</serial>" % g.pick(("one", "two")) if g.chance(0.7) else ""
    return "<controller type='nvme'%s>%s%s</controller>" % (attributes(index=index_of(g, "nvme")), serial, g.pci_address())


def controller_ide(g):
    if g.count("ide") > 0 and not g.odd(0.1):
        return []
    return "<controller type='ide'%s>%s</controller>" % (
        attributes(index=0 if not g.odd(0.2) else index_of(g, "ide")),
        "<address type='pci' bus='0' slot='1' function='1'/>" if g.chance(0.2) else g.pci_address() if g.odd(0.2) else "")


def controller_fdc(g):
    if g.count("fdc") > 0 and not g.odd(0.1):
        return []
    return "<controller type='fdc'%s/>" % attributes(index=0 if not g.odd(0.1) else index_of(g, "fdc"))


def controller_ccid(g):
    return "<controller type='ccid'%s>%s</controller>" % (attributes(index=index_of(g, "ccid")), g.usb_address())


def controller_serial(g):
    return "<controller type='virtio-serial'%s>%s</controller>" % (
        attributes(index=index_of(g, "virtio-serial"), model=g.pick(VIRTIO) if g.chance(0.3) else None,
                   ports=g.pick((None, None, None, 1, 2, 4, 16, 31)), vectors=g.pick((None, None, 2, 4))), g.pci_address())


def controller_usb(g):
    model = g.pick(USB) if not g.odd(0.03) else g.pick(ODD_USB)
    index = g.fresh("index usb", lambda: g.rng.randrange(3))
    if g.chance(0.3):
        index = None
    if model and model.startswith("ich9"):
        return ich9_group(g, index)
    ports = g.rng.randrange(1, 16) if model in ("nec-xhci", "qemu-xhci") and g.chance(0.3) else None
    if g.odd(0.01):
        ports = 16
    where = g.pci_address()
    if model == "piix3-uhci" and index == 0 and not g.q35 and not g.odd(0.2):
        where = "<address type='pci' bus='0' slot='1' function='2'/>" if g.chance(0.3) else ""
    return "<controller type='usb'%s>%s</controller>" % (attributes(index=index, model=model, ports=ports), where)


def ich9_group(g, index):
    """the four of one group, or (in odd guests) some of them, in any order, with or without addresses"""
    members = [("ich9-ehci1", None, 7), ("ich9-uhci1", 0, 0), ("ich9-uhci2", 2, 1), ("ich9-uhci3", 4, 2)]
    if g.odd(0.3):
        g.rng.shuffle(members)
        members = members[:g.rng.randrange(1, 5)]
    together = (0, g.rng.randrange(1, 31)) if g.chance(g.addressing) else None
    group = []
    for model, start, function in members:
        master = "<master startport='%d'/>" % start if start is not None and g.chance(0.8) else ""
        where = ""
        if together and g.chance(0.8):
            where = "<address type='pci' bus='%d' slot='%d' function='%d'%s/>" % (
                together + (function, " multifunction='on'" if function == 0 and g.chance(0.5) else ""))
        elif g.odd(0.05):
            where = g.pci_address(always=True)
        group.append("<controller type='usb'%s>%s%s</controller>" % (attributes(index=index, model=model), master, where))
    return group


def controller_pci(g):
    models = PCI_ON_Q35 if g.q35 else PCI_ON_PC
    if g.odd(0.03):
        models = PCI_ON_PC + PCI_ON_Q35 + ("pci-root", "pcie-root")
    index = g.fresh("index pci", lambda: g.count("pci") + 1 if not g.odd(0.15) else g.rng.randrange(20))
    model = g.pick(models)
    target = ""
    if g.chance(0.15):
        target = {"pci-bridge": "<target chassisNr='%d'/>" % g.rng.randrange(1, 256 + g.odd(0.1)),
                  "pcie-root-port": "<target chassis='%d' port='0x%x'/>" % (g.rng.randrange(256), g.rng.randrange(256)),
                  "pcie-switch-downstream-port": "<target chassis='%d' port='0x%x'/>" % (g.rng.randrange(256), g.rng.randrange(256)),
                  "pci-expander-bus": "<target busNr='%d'/>" % g.rng.randrange(1, 255),
                  "pcie-expander-bus": "<target busNr='%d'><node>%d</node></target>" % (g.rng.randrange(1, 255), g.rng.randrange(2 + g.odd(0.2))),
                  }.get(model, "")
    first = "<controller type='pci' index='0' model='%s'/>" % ("pcie-root" if g.q35 else "pci-root")
    devices = []
    if g.count("pci controllers") == 0 and (g.chance(0.3) or g.chance(0.9) and g.q35):
        devices.append(first)
    if g.chance(0.05) or (g.chance(0.5) and devices and g.sober):
        index = None
    devices.append("<controller type='pci'%s>%s%s</controller>" % (attributes(index=index, model=model), target, g.pci_address()))
    if model == "pcie-switch-upstream-port":
        devices += ["<controller type='pci' index='%d' model='pcie-switch-downstream-port'/>" % (g.count("pci") + 1)
                    for _ in range(g.rng.randrange(4))]
    return devices


def channel(g):
    kind = g.pick(("unix", "pty", "null", "guestfwd", "file", "tcp") + g.spice_only("spicevmc", "spiceport") + ("qemu-vdagent",) * g.odd(0.1))
    if kind == "guestfwd":
        return "<channel type='pty'><target type='guestfwd' address='10.0.2.%d' port='4600'/></channel>" % (g.count("guestfwd") % 250 + 1)
    source = {"unix": "<source mode='bind' path='/run/c%d'/>" % g.count("channel"), "file": "<source path='/var/log/c'/>",
              "tcp": "<source mode='connect' host='localhost' service='4000'/><protocol type='raw'/>",
              "spiceport": "<source channel='org.example.%d'/>" % g.count("spiceport")}.get(kind, "")
    text = "com.example.%d" % g.count("port") if g.chance(0.8) else None
    if kind in ("spicevmc", "qemu-vdagent"):
        text = g.pick(("com.redhat.spice.0", None)) if kind == "spicevmc" else "com.redhat.spice.0"
    name = attributes(name=text)
    if g.odd(0.02):
        return "<channel type='unix'><target type='xen' name='x'/></channel>"
    return "<channel type='%s'>%s<target type='virtio'%s/>%s</channel>" % (kind, source, name, g.port_address())


def console(g):
    kind = g.pick(("serial", "virtio", "virtio", None)) if not g.odd(0.03) else g.pick(("xen", "sclp", "uml"))
    if kind != "virtio" and (g.numbers.get("console", -1) >= 0) and not g.odd(0.1):
        kind = "virtio"
    g.count("console")
    port = g.rng.randrange(4) if g.odd(0.1) else None
    where = g.port_address() if kind == "virtio" else g.wrong_address()
    target = "<target%s/>" % attributes(type=kind, port=port) if kind or port is not None else ""
    return "<console type='pty'>%s%s</console>" % (target, where)


def serial(g):
    if g.odd(0.02):
        return "<serial type='pty'><target type='%s'/></serial>" % g.pick(("spapr-vio-serial", "sclp-serial", "made-up"))
    kind = g.pick((None, "isa-serial", "pci-serial", "usb-serial", "isa-debug") if g.pci or g.odd(0.1) else (None, "isa-serial"))
    if kind in (None, "isa-serial") and g.count("isa serial") > 3 and not g.odd(0.1):
        kind = "pci-serial"
    port = g.fresh("serial", lambda: g.rng.randrange(4)) if g.chance(0.2) else None
    where = {"pci-serial": g.pci_address, "usb-serial": g.usb_address}.get(kind, g.isa_address)()
    target = "<target%s/>" % attributes(type=kind, port=port) if kind or port is not None else ""
    return "<serial type='pty'>%s%s</serial>" % (target, where)


def parallel(g):
    if g.count("parallel") > 2:
        return []
    return "<parallel type='pty'>%s</parallel>" % ("<target port='%d'/>" % g.rng.randrange(3) if g.chance(0.3) else "")


def smartcard(g):
    if g.count("smartcard") > 0 and not g.odd(0.2):
        return []
    where = "<address type='ccid' controller='%d' slot='%d'/>" % (g.odd(0.2), g.odd(0.2)) if g.chance(g.addressing) else g.wrong_address()
    certificates = "".join("<certificate>cert%d</certificate>" % n for n in range(3))
    return g.pick(g.spice_only("<smartcard mode='passthrough' type='spicevmc'>%s</smartcard>") + (
        "<smartcard mode='host'>%s</smartcard>", "<smartcard mode='passthrough' type='pty'>%s</smartcard>", "<smartcard mode='host-certificates'>" + certificates + "%s</smartcard>")) % where


def input_device(g):
    kind, bus = g.pick(INPUTS)
    if bus == "ps2" and g.ps2_off and not g.odd(0.1):
        bus = "usb"
    where = {"usb": g.usb_address, "virtio": g.pci_address, "ps2": g.wrong_address}.get(bus, str)()
    if kind == "passthrough" and bus is None:
        where = g.pci_address()
    source = {"passthrough": "<source evdev='/dev/input/event%d'/>", "evdev": "<source dev='/dev/input/event%d'/>"}.get(kind)
    source = source % g.count("event") if source else ""
    model = g.pick(VIRTIO) if bus == "virtio" and g.chance(0.5) and (g.odd(0.2) or g.sober is False and g.chance(0.1)) else None
    return "<input type='%s'%s>%s%s</input>" % (kind, attributes(bus=bus, model=model), source, where)


def filesystem(g):
    name = "fs%d" % g.count("fs")
    if g.chance(0.3):
        return ("<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/%s'/><target dir='%s'/>%s</filesystem>"
                % (name, name, g.pci_address()))
    if g.chance(0.2):
        driver = "<driver type='%s'%s/>" % (g.pick(("path", "handle")) if g.odd(0.2) else "path", attributes(wrpolicy=g.pick((None, "immediate"))))
        return ("<filesystem type='mount' accessmode='passthrough'>%s<source dir='/srv/%s'/><target dir='%s'/>%s</filesystem>"
                % (driver, name, name, g.pci_address()))
    return ("<filesystem type='mount' accessmode='mapped'%s><source dir='/srv/%s'/><target dir='%s'/>%s</filesystem>"
            % (attributes(model=g.pick(VIRTIO) if g.chance(0.3) else None), name, name, g.pci_address()))


def watchdog(g):
    model = g.pick(("i6300esb", "ib700" if not g.q35 else "itco"))
    if g.count("watchdog " + model) > 0 and not g.odd(0.1):
        return []
    if g.odd(0.03):
        model = g.pick(("diag288", "itco", "ib700"))
    where = g.pci_address() if model == "i6300esb" else g.wrong_address()
    return "<watchdog model='%s'%s>%s</watchdog>" % (model, attributes(action=g.pick((None, "reset", "poweroff", "none", "dump"))), where)


def memballoon(g):
    if g.count("memballoon") > 0 and not g.odd(0.1):
        return []
    if g.chance(0.3):
        return "<memballoon model='none'/>"
    return "<memballoon model='%s'>%s</memballoon>" % (g.pick(VIRTIO), g.pci_address())


def rng_device(g):
    backend = g.pick(("<backend model='random'>/dev/urandom</backend>", "<backend model='builtin'/>",
                      "<backend model='egd' type='tcp'><source mode='connect' host='localhost' service='1234'/></backend>"))
    return "<rng model='%s'>%s%s</rng>" % (g.pick(VIRTIO), backend, g.pci_address())


def hub(g):
    return "<hub type='usb'>%s</hub>" % g.usb_address()


def shmem(g):
    name = "shmem%d" % g.count("shmem")
    if g.chance(0.5):
        return "<shmem name='%s'><model type='ivshmem-plain'/><size unit='M'>4</size>%s</shmem>" % (name, g.pci_address())
    return ("<shmem name='%s'><model type='ivshmem-doorbell'/><server path='/run/%s'/><msi/>%s</shmem>" % (name, name, g.pci_address()))


def tpm(g):
    if g.count("tpm") > 0 and not g.odd(0.2):
        return []
    backend = g.pick(("<backend type='passthrough'><device path='/dev/tpm0'/></backend>", "<backend type='emulator' version='2.0'/>",
                      "<backend type='external'><source type='unix' mode='connect' path='/run/tpm'/></backend>"))
    model = g.pick(("tpm-tis", "tpm-crb", None)) if not g.odd(0.05) else g.pick(("tpm-spapr", "spapr-tpm-proxy"))
    return "<tpm%s>%s%s</tpm>" % (attributes(model=model), backend, g.wrong_address())


def panic(g):
    if g.odd(0.03):
        return "<panic model='%s'/>" % g.pick(("pseries", "s390"))
    model = g.pick(("isa", "hyperv", "pvpanic", None) if g.pci or g.odd(0.1) else ("isa", None))
    if g.count("panic %s" % (model or "isa")) > 0 and not g.odd(0.1):
        return []
    where = g.pci_address() if model == "pvpanic" else g.wrong_address() if model == "hyperv" else g.isa_address()
    return "<panic%s>%s</panic>" % (attributes(model=model), where)


def memory(g):
    if not g.slots and not g.odd(0.05):
        return []
    model = g.pick(("dimm", "dimm", "nvdimm", "virtio-mem", "virtio-pmem"))
    if g.count("memory") >= g.slots and not g.odd(0.1):
        return []
    size, node = "<size unit='MiB'>512</size>", "<node>%d</node>" % g.rng.randrange(2)
    where = g.dimm_address() if model in ("dimm", "nvdimm") else g.pci_address()
    source = "<source><path>/nvdimm%d</path></source>" % g.count("pmem") if model in ("nvdimm", "virtio-pmem") else ""
    target = {"virtio-pmem": size, "virtio-mem": size + node + "<block unit='MiB'>2</block><requested unit='MiB'>64</requested>"}
    return ("<memory model='%s'%s>%s<target>%s</target>%s</memory>"
            % (model, " access='shared'" if model in ("nvdimm", "virtio-pmem") else "", source, target.get(model, size + node), where))


def redirdev(g):
    if g.spice_only(1) and g.chance(0.5):
        return "<redirdev bus='usb' type='spicevmc'>%s</redirdev>" % g.usb_address()
    return "<redirdev bus='usb' type='tcp'><source mode='connect' host='localhost' service='4000'/>%s</redirdev>" % g.usb_address()


def nvram(g):
    return "<nvram><address type='spapr-vio' reg='0x3000'/></nvram>" if g.odd(0.3) else []


def emulator(g):
    return "<emulator>/usr/bin/qemu-system-x86_64</emulator>" if g.count("emulator") == 0 else []


def vsock(g):
    if g.count("vsock") > 0 and not g.odd(0.2):
        return []
    return "<vsock%s><cid auto='yes'/>%s</vsock>" % (attributes(model=g.pick(VIRTIO + (None,))), g.pci_address())


def iommu(g):
    if g.count("iommu") > 0 and not g.odd(0.1):
        return []
    model = g.pick(("intel", "virtio", "amd")) if g.q35 else "virtio"
    return "<iommu model='%s'>%s</iommu>" % (model, g.pci_address() if model == "virtio" and g.chance(0.3) else g.wrong_address())


def crypto(g):
    return "<crypto model='virtio' type='qemu'><backend model='builtin' queues='1'/>%s</crypto>" % g.pci_address()


def pstore(g):
    if g.count("pstore") > 0 and not g.odd(0.1):
        return []
    return ("<pstore backend='acpi-erst'><path>/images/pstore</path><size unit='KiB'>64</size>%s</pstore>" % g.pci_address())


# kind, weight, where: on machines without PCI what needs a PCI place is seldom asked for
KINDS = ((disk, 14, "any"), (interface, 12, "pci"), (sound, 4, "pci"), (video, 3, "pci"), (graphics, 1, "pci"), (hostdev_pci, 4, "pci"),
         (hostdev_usb, 3, "usb"), (hostdev_scsi, 3, "pci"), (hostdev_iscsi, 1, "pci"), (hostdev_usb_place, 1, "usb"), (hostdev_mdev, 2, "pci"), (hostdev_vhost, 2, "pci"), (controller_scsi, 3, "pci"),
         (controller_sata, 1, "pci"), (controller_nvme, 1, "pci"), (controller_ide, 1, "pc"), (controller_fdc, 1, "any"), (controller_ccid, 1, "usb"),
         (controller_serial, 2, "pci"), (controller_usb, 2, "pci"), (controller_pci, 6, "pci"), (channel, 5, "pci"), (console, 2, "pci"),
         (serial, 3, "any"), (parallel, 1, "any"), (smartcard, 1, "usb"), (input_device, 4, "usb"), (filesystem, 3, "pci"),
         (watchdog, 1, "pci"), (memballoon, 1, "pci"), (rng_device, 3, "pci"), (hub, 1, "usb"), (shmem, 2, "pci"), (tpm, 1, "any"),
         (panic, 1, "any"), (memory, 3, "pci"), (redirdev, 2, "usb"), (vsock, 1, "pci"), (iommu, 1, "q35"), (crypto, 2, "pci"),
         (pstore, 1, "pci"), (audio, 1, "any"), (nvram, 1, "any"), (emulator, 1, "any"))


def fits(g, where):
    if where == "any" or g.odd(0.02):
        return True
    if where in ("pc", "q35"):
        return g.pci and g.q35 == (where == "q35")
    return g.pci if where == "pci" else g.pci or g.chance(0.05)


def make(seed, number):
    """the guest of that seed and number"""
    g = Guest(seed, number)
    most = g.pick((3, 8, 15, 30, 60))
    kinds = [kind for kind in KINDS if fits(g, kind[2])]
    if g.chance(0.3):  # many of a few kinds
        kinds = g.rng.sample(kinds, min(len(kinds), 4))
    for _ in range(g.rng.randrange(most + 1)):
        made = g.rng.choices([kind for kind, _, _ in kinds], [weight for _, weight, _ in kinds])[0](g)
        g.devices += made if isinstance(made, list) else [made]
    if g.spice and g.pci:
        g.devices.append("<graphics type='spice'/>")
    if g.chance(0.2):
        g.rng.shuffle(g.devices)
    return g
