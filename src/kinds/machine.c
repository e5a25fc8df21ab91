/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What belongs to the guest as a whole. */
#include "kinds/build.h"

#include <errno.h>
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

/* ---- numbers ---- */

static gboolean read_count(const BerthBuild *build, const char *name, const char *text, guint64 *count, GError **error) {
  g_autofree char *number = g_strstrip(g_strdup(text));
  char *end = NULL;
  *count = g_ascii_strtoull(number, &end, 10);
  if (end != number && *end == '\0' && number[0] != '-' && *count > 0 && *count <= 65535)
    return TRUE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, node_of(build, name), "<%s>: '%s' is not a count", name, number);
  return FALSE;
}

/* ---- the options ---- */

static gboolean add_name(BerthBuild *build, GError **error) {
  const char *name = get(build, "name"), *uuid = get(build, "uuid");
  if (name != NULL) {
    JsonObject *props = berth_model_qemu_option(build->qemu, "-name", NULL);
    json_object_set_string_member(props, "guest", name);
    json_object_set_boolean_member(props, "debug-threads", TRUE);
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

static gboolean has_pc_speaker(const BerthInventory *inventory) {
  const BerthDevice *sound;
  for (guint i = 0; (sound = berth_model_inventory_walk(inventory, BERTH_SOUND, &i)) != NULL;) {
    if (berth_model_device_is(sound, "@model", "pcspk"))
      return TRUE;
  }
  return FALSE;
}

/* An absent <acpi/> means a guest without ACPI, as with libvirt. */
static gboolean fill_machine(BerthBuild *build, JsonObject *props, GError **error) {
  static const BerthMap map[] = {
      {"features/vmport/@state", "vmport", BERTH_MAP_WORD},
      {"features/smm/@state", "smm", BERTH_MAP_WORD},
      {NULL},
  };
  const BerthXmlNode *hpet = berth_kinds_timer(build->inventory, "hpet");
  const char *present = berth_xml_node_get(hpet, "@present");
  json_object_set_boolean_member(props, "usb", FALSE);
  json_object_set_boolean_member(props, "dump-guest-core", berth_kinds_is_on(get(build, "memory/@dumpCore")));
  json_object_set_boolean_member(props, "acpi", has_feature(build, "acpi"));
  if (present != NULL)
    json_object_set_boolean_member(props, "hpet", berth_kinds_is_on(present));
  if (has_pc_speaker(build->inventory))
    json_object_set_string_member(props, "pcspk-audiodev", BERTH_KINDS_AUDIODEV);
  return berth_kinds_map(build, build->inventory->domain, map, props, error);
}

static gboolean add_machine(BerthBuild *build, GError **error) {
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
  JsonObject *props = berth_model_qemu_option(build->qemu, "-machine", inventory->machine);
  if (!fill_machine(build, props, error))
    return FALSE;
  berth_model_qemu_option(build->qemu, "-accel", g_str_equal(type, "kvm") ? "kvm" : "tcg");
  return TRUE;
}

static gboolean add_memory(BerthBuild *build, GError **error) {
  const BerthXmlNode *memory = berth_xml_node_child(root_of(build), "memory");
  const BerthXmlNode *current = berth_xml_node_child(root_of(build), "currentMemory");
  guint64 kib = 0, now = 0;
  if (memory == NULL) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, root_of(build), "<memory> is missing");
    return FALSE;
  }
  if (!berth_kinds_kib(build, memory, memory->text, &kib, error))
    return FALSE;
  if (current != NULL && !berth_kinds_kib(build, current, current->text, &now, error))
    return FALSE;
  if (current != NULL && now != kib) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, current,
                    "<currentMemory> other than <memory> is not supported by start yet");
    return FALSE;
  }
  g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT "k", kib);
  json_object_set_string_member(berth_model_qemu_option(build->qemu, "-m", NULL), "size", size);
  return TRUE;
}

/* Written topology must hold all vCPUs; without one each vCPU is a socket. */
static gboolean fill_topology(const BerthBuild *build, guint64 vcpus, JsonObject *props, GError **error) {
  static const char *const parts[] = {"sockets", "dies", "clusters", "cores", "threads"};
  const BerthXmlNode *topology = berth_xml_node_child(berth_xml_node_child(root_of(build), "cpu"), "topology");
  guint64 product = 1;
  if (topology == NULL) {
    json_object_set_int_member(props, "sockets", (gint64)vcpus);
    json_object_set_int_member(props, "cores", 1);
    json_object_set_int_member(props, "threads", 1);
    return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    g_autofree char *path = g_strconcat("@", parts[i], NULL);
    const char *value = berth_xml_node_get(topology, path);
    guint64 count = 1;
    if (value != NULL && !read_count(build, "cpu", value, &count, error))
      return FALSE;
    product *= count;
    if (count > 1 || (i != 1 && i != 2))
      json_object_set_int_member(props, parts[i], (gint64)count);
    if (product > 65535)
      break;
  }
  if (product == vcpus)
    return TRUE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, topology,
                  "<topology> holds %" G_GUINT64_FORMAT " vCPUs, but <vcpu> says %" G_GUINT64_FORMAT, product, vcpus);
  return FALSE;
}

static gboolean add_vcpus(BerthBuild *build, GError **error) {
  const char *text = get(build, "vcpu"), *current = get(build, "vcpu/@current");
  guint64 vcpus = 1, now = 0;
  if (text != NULL && !read_count(build, "vcpu", text, &vcpus, error))
    return FALSE;
  if (!read_count(build, "vcpu", current != NULL ? current : text != NULL ? text : "1", &now, error))
    return FALSE;
  if (now > vcpus) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, node_of(build, "vcpu"), "<vcpu>: more are on than there are");
    return FALSE;
  }
  g_autofree char *on = g_strdup_printf("%" G_GUINT64_FORMAT, now);
  JsonObject *props = berth_model_qemu_option(build->qemu, "-smp", on);
  if (now < vcpus)
    json_object_set_int_member(props, "maxcpus", (gint64)vcpus);
  return fill_topology(build, vcpus, props, error);
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
  JsonObject *props = berth_model_qemu_option(build->qemu, "-boot", NULL);
  if (!berth_kinds_map(build, build->inventory->domain, map, props, error))
    return FALSE;
  json_object_set_boolean_member(props, "strict", TRUE);
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

static gboolean add_chipset(BerthBuild *build, GError **error) {
  const BerthInventory *inventory = build->inventory;
  const BerthDevice *root = berth_model_inventory_controller(inventory, "pci", 0);
  const BerthXmlNode *hole = root != NULL ? berth_xml_node_child(root->node, "pcihole64") : NULL;
  guint64 kib = 0;
  for (guint i = 0; i < G_N_ELEMENTS(chipsets); i++) {
    if (g_strcmp0(inventory->family->pci_root, chipsets[i].pci_root) != 0)
      continue;
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

static void add_audio(BerthBuild *build) {
  if (!berth_kinds_has_sound(build->inventory))
    return;
  JsonObject *props = berth_model_qemu_option(build->qemu, "-audiodev", "none");
  json_object_set_string_member(props, "id", BERTH_KINDS_AUDIODEV);
}

gboolean berth_kinds_build_machine(BerthBuild *build, GError **error) {
  if (!add_name(build, error) || !add_machine(build, error) || !berth_kinds_build_cpu(build, error) || !add_memory(build, error) ||
      !add_vcpus(build, error) || !berth_kinds_build_clock(build, error) || !add_boot(build, error) || !add_chipset(build, error))
    return FALSE;
  add_audio(build);
  return berth_kinds_build_display(build, error);
}
