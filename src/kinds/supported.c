/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What start understands, so that nothing is ignored in silence: what this table does not have is an error. */
#include "kinds/build.h"

#include <string.h>

#define QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"
#define VIRTIO " iommu ats packed page_per_vq"
#define SWITCHED "state"

/*
 * One row an element: its path below <domain> ("*": any device), and the attributes that are understood, with the values that are
 * if not all of them. NULL: nothing in it changes the guest's hardware, all of it is fine.
 */
typedef struct {
  const char *path, *attributes;
} Row;

static const Row guest_rows[] = {
    {"", "type id"},
    {"name", ""},
    {"uuid", ""},
    {"title", NULL},
    {"description", NULL},
    {"metadata", NULL},
    {"memory", "unit dumpCore"},
    {"currentMemory", "unit"},
    {"vcpu", "placement=static current"},
    {"resource", NULL},
    {"seclabel", NULL},
    {"on_poweroff", NULL},
    {"on_reboot", NULL},
    {"on_crash", NULL},
    {"on_lockfailure", NULL},
    {"os", ""},
    {"os/type", "arch machine"},
    {"os/kernel", ""},
    {"os/initrd", ""},
    {"os/cmdline", ""},
    {"os/boot", "dev=hd|cdrom|fd|network"},
    {"os/bootmenu", "enable timeout"},
    {"os/bios", "rebootTimeout"},
    {"features", ""},
    {"features/acpi", ""},
    {"features/apic", "eoi"},
    {"features/pae", ""},
    {"features/hap", NULL},
    {"features/vmport", "state=on|off|auto"},
    {"features/smm", "state=on|off"},
    {"features/pmu", SWITCHED},
    {"features/pvspinlock", SWITCHED},
    {"features/kvm", ""},
    {"features/kvm/hidden", SWITCHED},
    {"features/hyperv", "mode=custom"},
    {"features/hyperv/relaxed", SWITCHED},
    {"features/hyperv/vapic", SWITCHED},
    {"features/hyperv/spinlocks", "state retries"},
    {"features/hyperv/vpindex", SWITCHED},
    {"features/hyperv/runtime", SWITCHED},
    {"features/hyperv/synic", SWITCHED},
    {"features/hyperv/stimer", SWITCHED},
    {"features/hyperv/stimer/direct", SWITCHED},
    {"features/hyperv/reset", SWITCHED},
    {"features/hyperv/vendor_id", "state value"},
    {"features/hyperv/frequencies", SWITCHED},
    {"features/hyperv/reenlightenment", SWITCHED},
    {"features/hyperv/tlbflush", SWITCHED},
    {"features/hyperv/ipi", SWITCHED},
    {"features/hyperv/evmcs", SWITCHED},
    {"features/hyperv/avic", SWITCHED},
    {"cpu", "mode=custom|host-model|host-passthrough|maximum match check migratable"},
    {"cpu/model", "fallback vendor_id"},
    {"cpu/vendor", ""},
    {"cpu/topology", "sockets dies clusters cores threads"},
    {"cpu/feature", "policy=force|require|optional|disable|forbid name"},
    {"cpu/cache", "level=3 mode=passthrough|emulate|disable"},
    {"clock", "offset start adjustment basis"},
    {"clock/timer", "name=rtc|pit|hpet|kvmclock|hypervclock|tsc tickpolicy track present frequency"},
    {"pm", ""},
    {"pm/suspend-to-mem", "enabled"},
    {"pm/suspend-to-disk", "enabled"},
    {"devices", ""},
    {"devices/emulator", NULL},
};

static const Row device_rows[] = {
    {"devices/*/address", NULL},
    {"devices/*/alias", NULL},
    {"devices/*/acpi", "index"},
    {"devices/disk", "type=file|block device=disk|cdrom|floppy snapshot sgio rawio=no "
                     "model=virtio|virtio-transitional|virtio-non-transitional"},
    {"devices/disk/driver",
     "name=qemu type=raw|qcow2|qcow|qed|vmdk|vdi|vhdx|vpc cache=default|none|writeback|writethrough|directsync|"
     "unsafe io=native|threads|io_uring discard=unmap|ignore detect_zeroes=off|on|unmap copy_on_read=off "
     "error_policy=stop|report|ignore|enospace rerror_policy=stop|report|ignore queues queue_size ioeventfd "
     "event_idx" VIRTIO},
    {"devices/disk/source", "file dev startupPolicy index"},
    {"devices/disk/source/seclabel", NULL},
    {"devices/disk/backingStore", ""},
    {"devices/disk/target", "dev bus tray=closed removable rotation_rate"},
    {"devices/disk/readonly", ""},
    {"devices/disk/shareable", ""},
    {"devices/disk/serial", ""},
    {"devices/disk/wwn", ""},
    {"devices/disk/vendor", ""},
    {"devices/disk/product", ""},
    {"devices/disk/geometry", "cyls heads secs trans=none|lba|auto"},
    {"devices/disk/blockio", "logical_block_size physical_block_size"},
    {"devices/disk/boot", "order"},
    {"devices/interface", "type=user|bridge|ethernet|null trustGuestRxFilters=no"},
    {"devices/interface/mac", "address"},
    {"devices/interface/source", "bridge"},
    {"devices/interface/model", "type"},
    {"devices/interface/target", "dev managed"},
    {"devices/interface/driver",
     "name=qemu|vhost queues rx_queue_size tx_queue_size ioeventfd event_idx txmode=iothread|timer" VIRTIO},
    {"devices/interface/link", "state=up"},
    {"devices/interface/boot", "order"},
    {"devices/interface/rom", "bar file enabled"},
    {"devices/controller", "type index model ports vectors"},
    {"devices/controller/driver", "queues cmd_per_lun max_sectors ioeventfd" VIRTIO},
    {"devices/controller/model", "name"},
    {"devices/controller/target", "chassisNr chassis port busNr hotplug"},
    {"devices/controller/master", "startport"},
    {"devices/controller/pcihole64", "unit"},
    {"devices/graphics", "type=vnc port autoport socket listen sharePolicy=allow-exclusive|force-shared|ignore powerControl=no"},
    {"devices/graphics/listen", "type=address|socket address socket"},
    {"devices/video", ""},
    {"devices/video/driver", "name=qemu" VIRTIO},
    {"devices/video/model", "type heads vram vram64 ram vgamem primary blob=off"},
    {"devices/video/model/acceleration", "accel2d=no accel3d=no"},
    {"devices/video/model/resolution", "x y"},
    {"devices/sound", "model multichannel"},
    {"devices/sound/codec", "type"},
    {"devices/sound/audio", "id=1"},
    {"devices/audio", "id=1 type=none"},
    {"devices/rng", "model"},
    {"devices/rng/driver", VIRTIO},
    {"devices/rng/rate", "bytes period"},
    {"devices/rng/backend", "model=random|builtin"},
    {"devices/memballoon", "model autodeflate freePageReporting"},
    {"devices/memballoon/driver", VIRTIO},
    {"devices/memballoon/stats", NULL},
    {"devices/watchdog", "model action=reset|shutdown|poweroff|pause|none|dump|inject-nmi"},
    {"devices/input", "type=tablet|mouse|keyboard bus=ps2|usb|virtio model=virtio"},
    {"devices/input/driver", VIRTIO},
    {"devices/hub", "type=usb"},
    {"devices/panic", "model=isa|pvpanic"},
    {"devices/hostdev", "mode=subsystem type=pci|usb managed"},
    {"devices/hostdev/source", ""},
    {"devices/hostdev/source/address", NULL},
    {"devices/hostdev/source/vendor", "id"},
    {"devices/hostdev/source/product", "id"},
    {"devices/hostdev/driver", "name=vfio"},
    {"devices/hostdev/boot", "order"},
    {"devices/hostdev/rom", "bar file enabled"},
};

/* The four kinds of ports have nearly all in common: their rows are paths below these. */
static const char *const ports[] = {"devices/serial", "devices/parallel", "devices/console", "devices/channel"};

static const Row port_rows[] = {
    {"", "type=pty|null|file|unix|stdio|tcp|udp|dev|pipe tty"},
    {"/source", "path mode=bind|connect append host service tls=no"},
    {"/source/seclabel", NULL},
    {"/source/reconnect", "enabled timeout"},
    {"/protocol", "type=raw|telnet"},
    {"/target", "type=isa-serial|usb-serial|pci-serial|isa-debug|serial|virtio port name state"},
    {"/target/model", "name=isa-serial|usb-serial|pci-serial|isa-debugcon"},
    {"/log", "file append"},
};

static const Row *find_in(const Row *rows, guint n, const char *path) {
  for (guint i = 0; i < n; i++) {
    if (g_str_equal(rows[i].path, path))
      return &rows[i];
  }
  return NULL;
}

/* The row of @path; of a port if it is below one, of any device if it is a device's child. */
static const Row *find_row(const char *path) {
  const Row *row = find_in(guest_rows, G_N_ELEMENTS(guest_rows), path);
  if (row == NULL)
    row = find_in(device_rows, G_N_ELEMENTS(device_rows), path);
  for (guint i = 0; i < G_N_ELEMENTS(ports) && row == NULL; i++) {
    gsize length = strlen(ports[i]);
    if (strncmp(path, ports[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
      row = find_in(port_rows, G_N_ELEMENTS(port_rows), path + length);
  }
  const char *child = g_str_has_prefix(path, "devices/") ? strchr(path + strlen("devices/"), '/') : NULL;
  if (row != NULL || child == NULL)
    return row;
  g_autofree char *any = g_strconcat("devices/*", child, NULL);
  return find_in(device_rows, G_N_ELEMENTS(device_rows), any);
}

/* Whether @spec, "name" or "name=a|b|c", covers the attribute. */
static gboolean covers(const char *spec, const BerthXmlAttribute *attribute) {
  const char *equals = strchr(spec, '=');
  gsize length = equals != NULL ? (gsize)(equals - spec) : strlen(spec);
  if (strlen(attribute->name) != length || strncmp(spec, attribute->name, length) != 0)
    return FALSE;
  if (equals == NULL)
    return TRUE;
  g_auto(GStrv) values = g_strsplit(equals + 1, "|", -1);
  return g_strv_contains((const char *const *)values, attribute->value);
}

static gboolean check_attribute(const BerthXmlDocument *document, const BerthXmlNode *node, const BerthXmlAttribute *attribute,
                                const GStrv specs, GError **error) {
  if (strchr(attribute->name, ':') != NULL || g_str_equal(attribute->name, "xmlns"))
    return TRUE;
  for (guint i = 0; specs[i] != NULL; i++) {
    if (covers(specs[i], attribute))
      return TRUE;
  }
  berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, document, node, "<%s %s='%.100s'> is not supported by start yet", node->name,
                  attribute->name, attribute->value);
  return FALSE;
}

static gboolean check_node(const BerthXmlDocument *document, const BerthXmlNode *node, const char *path, GError **error);

static gboolean check_children(const BerthXmlDocument *document, const BerthXmlNode *node, const char *path, GError **error) {
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next) {
    g_autofree char *below = g_strconcat(path, path[0] != '\0' ? "/" : "", child->name, NULL);
    if (child->ns != NULL && !g_str_equal(child->ns, QEMU_NAMESPACE))
      continue;
    if (!check_node(document, child, below, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean check_node(const BerthXmlDocument *document, const BerthXmlNode *node, const char *path, GError **error) {
  const Row *row = find_row(path);
  if (row == NULL) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, document, node, "<%s> is not supported by start yet", node->name);
    return FALSE;
  }
  if (row->attributes == NULL)
    return TRUE;
  g_auto(GStrv) specs = g_strsplit(row->attributes, " ", -1);
  for (guint i = 0; i < node->n_attributes; i++) {
    if (!check_attribute(document, node, &node->attributes[i], specs, error))
      return FALSE;
  }
  return check_children(document, node, path, error);
}

gboolean berth_kinds_supported(const BerthXmlDocument *document, GError **error) {
  return check_node(document, document->root, "", error);
}
