/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What belongs to the guest as a whole. */
#include "kinds/build.h"

#include <string.h>

static const BerthXmlNode *root_of(const BerthBuild *build) {
  return build->document->root;
}

static const char *get(const BerthBuild *build, const char *path) {
  return berth_model_device_get(build->inventory->domain, path);
}

/* The domain's element called @name, for the line in messages; the domain itself if there is none. */
static const BerthXmlNode *node_of(const BerthBuild *build, const char *name) {
  const BerthXmlNode *node = berth_xml_node_child(root_of(build), name);
  return node != NULL ? node : root_of(build);
}

/* ---- the options ---- */

static gboolean add_name(BerthBuild *build, GError **error) {
  const char *name = get(build, "name"), *uuid = get(build, "uuid");
  if (name != NULL) {
    json_object *props = berth_model_qemu_option(build->qemu, "-name", NULL);
    berth_json_set_string(props, "guest", name);
    berth_json_set_boolean(props, "debug-threads", TRUE);
  }
  if (uuid != NULL)
    berth_model_qemu_option(build->qemu, "-uuid", uuid);
  return TRUE;
}

static gboolean has_feature(const BerthBuild *build, const char *name) {
  return berth_xml_node_child(berth_xml_node_child(root_of(build), "features"), name) != NULL;
}

static gboolean is_x86(const char *arch) {
  return g_strcmp0(arch, "x86_64") == 0 || g_strcmp0(arch, "i686") == 0;
}

static const BerthDevice *pc_speaker(const BerthInventory *inventory) {
  const BerthDevice *sound;
  for (guint i = 0; (sound = berth_model_inventory_walk(inventory, BERTH_SOUND, &i)) != NULL;) {
    if (berth_model_device_is(sound, "@model", "pcspk"))
      return sound;
  }
  return NULL;
}

/* An absent <acpi/> means a guest without ACPI, as with libvirt. */
static gboolean fill_machine(BerthBuild *build, json_object *props, GError **error) {
  static const BerthMap map[] = {
      {"features/vmport/@state", "vmport", BERTH_MAP_WORD},
      {"features/smm/@state", "smm", BERTH_MAP_WORD},
      {"features/ps2/@state", "i8042", BERTH_MAP_SWITCH},
      {NULL},
  };
  const BerthXmlNode *hpet = berth_kinds_timer(build->inventory, "hpet");
  const char *present = berth_xml_node_get(hpet, "@present"), *irqchip = get(build, "features/ioapic/@driver");
  berth_json_set_boolean(props, "usb", FALSE);
  berth_json_set_boolean(props, "dump-guest-core", berth_kinds_is_on(get(build, "memory/@dumpCore")));
  berth_json_set_boolean(props, "acpi", has_feature(build, "acpi"));
  if (present != NULL)
    berth_json_set_boolean(props, "hpet", berth_kinds_is_on(present));
  if (irqchip != NULL)
    berth_json_set_string(props, "kernel-irqchip", g_str_equal(irqchip, "qemu") ? "split" : "on");
  if (berth_kinds_is_on(get(build, "os/bios/@useserial")))
    berth_json_set_boolean(props, "graphics", FALSE); /* the BIOS writes to the serial port then */
  const BerthDevice *speaker = pc_speaker(build->inventory);
  if (speaker != NULL) {
    g_autofree char *audiodev = berth_kinds_audiodev(speaker);
    berth_json_set_string(props, "pcspk-audiodev", audiodev);
  }
  return berth_kinds_map(build, build->inventory->domain, map, props, error);
}

/* What the accelerators keep beside the guest's memory. */
static gboolean add_accelerator(BerthBuild *build, const char *name, GError **error) {
  const BerthXmlNode *features = berth_xml_node_child(root_of(build), "features");
  const BerthXmlNode *cache = berth_xml_node_child(berth_xml_node_child(features, "tcg"), "tb-cache");
  const char *ring = get(build, "features/kvm/dirty-ring/@size");
  json_object *props = berth_model_qemu_option(build->qemu, "-accel", name);
  guint64 bytes = 0;
  if (g_str_equal(name, "kvm") && ring != NULL && berth_kinds_is_on(get(build, "features/kvm/dirty-ring/@state")))
    berth_json_set_int(props, "dirty-ring-size", (gint64)g_ascii_strtoull(ring, NULL, 10));
  if (!g_str_equal(name, "tcg") || cache == NULL)
    return TRUE;
  if (!berth_kinds_size(build, cache, cache->text, "KiB", &bytes, error))
    return FALSE;
  berth_json_set_int(props, "tb-size", (gint64)(bytes >> 20));
  return TRUE;
}

static gboolean add_machine(BerthBuild *build, json_object **machine, GError **error) {
  const char *type = get(build, "@type"), *os = get(build, "os/type");
  const BerthInventory *inventory = build->inventory;
  if (!is_x86(inventory->arch) || !berth_kinds_is_word(inventory->machine)) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, node_of(build, "os"),
                    "machine '%s' of architecture '%s' is not supported by start yet", inventory->machine, inventory->arch);
    return FALSE;
  }
  if (g_strcmp0(type, "kvm") != 0 && g_strcmp0(type, "qemu") != 0) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, root_of(build),
                    "<domain type='%s'> is not supported by start; 'kvm' and 'qemu' are", type != NULL ? type : "");
    return FALSE;
  }
  if (os != NULL && strstr(os, "hvm") == NULL) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, node_of(build, "os"), "<os><type>%s is not supported by start",
                    os);
    return FALSE;
  }
  *machine = berth_model_qemu_option(build->qemu, "-machine", inventory->machine);
  if (!fill_machine(build, *machine, error))
    return FALSE;
  return add_accelerator(build, g_str_equal(type, "kvm") ? "kvm" : "tcg", error);
}

static gboolean add_boot(BerthBuild *build, GError **error) {
  static const BerthMap map[] = {
      {"os/bootmenu/@enable", "menu", BERTH_MAP_SWITCH},
      {"os/bootmenu/@timeout", "splash-time", BERTH_MAP_NUMBER},
      {"os/bios/@rebootTimeout", "reboot-timeout", BERTH_MAP_NUMBER},
      {NULL},
  };
  static const struct {
    const char *path, *option;
  } direct[] = {{"os/kernel", "-kernel"}, {"os/initrd", "-initrd"}, {"os/cmdline", "-append"}};
  const char *table = get(build, "os/acpi/table"), *kind = get(build, "os/acpi/table/@type");
  if (table != NULL) {
    json_object *acpi = berth_model_qemu_option(build->qemu, "-acpitable", NULL);
    if (g_strcmp0(kind, "slic") == 0)
      berth_json_set_string(acpi, "sig", "SLIC");
    berth_json_set_string(acpi, "file", table);
  }
  json_object *props = berth_model_qemu_option(build->qemu, "-boot", NULL);
  if (!berth_kinds_map(build, build->inventory->domain, map, props, error))
    return FALSE;
  berth_json_set_boolean(props, "strict", TRUE);
  if (get(build, "os/kernel") == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(direct); i++) {
    const char *value = get(build, direct[i].path);
    if (value != NULL)
      berth_model_qemu_option(build->qemu, direct[i].option, value);
  }
  return TRUE;
}

/* The chipsets' names for what <pm> and <pcihole64> set. */
static const struct {
  const char *pci_root, *power, *hole;
} chipsets[] = {
    {"pci-root", "PIIX4_PM", "i440FX-pcihost.pci-hole64-size"},
    {"pcie-root", "ICH9-LPC", "q35-pcihost.pci-hole64-size"},
};

static void add_power(BerthBuild *build, const char *device, const char *path, const char *property) {
  const char *enabled = get(build, path);
  g_autofree char *name = g_strconcat(device, ".", property, NULL);
  if (enabled != NULL)
    berth_kinds_global(build, name, berth_kinds_is_on(enabled) ? "0" : "1");
}

/* Room for SMM, which q35 alone has to choose. */
static gboolean add_tseg(BerthBuild *build, GError **error) {
  const BerthXmlNode *smm = berth_xml_node_child(berth_xml_node_child(root_of(build), "features"), "smm");
  const BerthXmlNode *tseg = berth_xml_node_child(smm, "tseg");
  guint64 bytes = 0;
  if (tseg == NULL)
    return TRUE;
  if (!berth_kinds_size(build, tseg, tseg->text, "MiB", &bytes, error))
    return FALSE;
  if (g_strcmp0(build->inventory->family->pci_root, "pcie-root") != 0 || bytes == 0 || (bytes & 0xfffff) != 0) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, tseg, "<tseg>: only q35 has one, in whole MiB");
    return FALSE;
  }
  g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, bytes >> 20);
  berth_kinds_global(build, "mch.extended-tseg-mbytes", size);
  return TRUE;
}

static gboolean add_chipset(BerthBuild *build, GError **error) {
  const BerthInventory *inventory = build->inventory;
  const BerthDevice *root = berth_model_inventory_controller(inventory, "pci", 0);
  const BerthXmlNode *hole = root != NULL ? berth_xml_node_child(root->node, "pcihole64") : NULL;
  guint64 kib = 0;
  for (guint i = 0; i < G_N_ELEMENTS(chipsets); i++) {
    if (g_strcmp0(inventory->family->pci_root, chipsets[i].pci_root) != 0)
      continue;
    if (!add_tseg(build, error))
      return FALSE;
    add_power(build, chipsets[i].power, "pm/suspend-to-mem/@enabled", "disable_s3");
    add_power(build, chipsets[i].power, "pm/suspend-to-disk/@enabled", "disable_s4");
    if (hole == NULL)
      return TRUE;
    if (!berth_kinds_kib(build, hole, hole->text, &kib, error))
      return FALSE;
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT "K", kib);
    berth_kinds_global(build, chipsets[i].hole, size);
  }
  return TRUE;
}

/* A rehearsal has neither clock nor firmware: it never runs. */
gboolean berth_kinds_build_machine(BerthBuild *build, GError **error) {
  json_object *machine = NULL;
  return add_name(build, error) && add_machine(build, &machine, error) &&
         berth_kinds_go_on(build, berth_kinds_build_cpu(build, error), error) &&
         berth_kinds_go_on(build, berth_kinds_build_memory(build, machine, error), error) &&
         berth_kinds_go_on(build, berth_kinds_build_vcpus(build, error), error) &&
         berth_kinds_go_on(build, berth_kinds_build_threads(build, error), error) &&
         (build->forgiven != NULL || (berth_kinds_build_clock(build, error) && berth_kinds_build_lifecycle(build, error))) &&
         berth_kinds_go_on(build, add_boot(build, error), error) && add_chipset(build, error) &&
         (build->forgiven != NULL || berth_kinds_build_firmware(build, machine, error)) &&
         berth_kinds_go_on(build, berth_kinds_build_audio(build, error), error) && berth_kinds_build_display(build, error);
}
