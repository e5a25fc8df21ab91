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

static gboolean read_count(const BerthBuild *build, const char *name, const char *text, guint64 *count, GError **error) {
  g_autofree char *number = g_strstrip(g_strdup(text));
  char *end = NULL;
  *count = g_ascii_strtoull(number, &end, 10);
  if (end != number && *end == '\0' && number[0] != '-' && *count > 0 && *count <= 65535)
    return TRUE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, node_of(build, name), "<%s>: '%s' is not a count from 1 to 65535",
                  name, number);
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

static const BerthDevice *pc_speaker(const BerthInventory *inventory) {
  const BerthDevice *sound;
  for (guint i = 0; (sound = berth_model_inventory_walk(inventory, BERTH_SOUND, &i)) != NULL;) {
    if (berth_model_device_is(sound, "@model", "pcspk"))
      return sound;
  }
  return NULL;
}

/* An absent <acpi/> means a guest without ACPI, as with libvirt. */
static gboolean fill_machine(BerthBuild *build, JsonObject *props, GError **error) {
  static const BerthMap map[] = {
      {"features/vmport/@state", "vmport", BERTH_MAP_WORD},
      {"features/smm/@state", "smm", BERTH_MAP_WORD},
      {"features/ps2/@state", "i8042", BERTH_MAP_SWITCH},
      {NULL},
  };
  const BerthXmlNode *hpet = berth_kinds_timer(build->inventory, "hpet");
  const char *present = berth_xml_node_get(hpet, "@present"), *irqchip = get(build, "features/ioapic/@driver");
  json_object_set_boolean_member(props, "usb", FALSE);
  json_object_set_boolean_member(props, "dump-guest-core", berth_kinds_is_on(get(build, "memory/@dumpCore")));
  json_object_set_boolean_member(props, "acpi", has_feature(build, "acpi"));
  if (present != NULL)
    json_object_set_boolean_member(props, "hpet", berth_kinds_is_on(present));
  if (irqchip != NULL)
    json_object_set_string_member(props, "kernel-irqchip", g_str_equal(irqchip, "qemu") ? "split" : "on");
  const BerthDevice *speaker = pc_speaker(build->inventory);
  if (speaker != NULL) {
    g_autofree char *audiodev = berth_kinds_audiodev(speaker);
    json_object_set_string_member(props, "pcspk-audiodev", audiodev);
  }
  return berth_kinds_map(build, build->inventory->domain, map, props, error);
}

static gboolean add_machine(BerthBuild *build, JsonObject **machine, GError **error) {
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
  berth_model_qemu_option(build->qemu, "-accel", g_str_equal(type, "kvm") ? "kvm" : "tcg");
  return TRUE;
}

/* A written topology holds all vCPUs (assign/check-guest.c); without one each vCPU is a socket. */
static gboolean fill_topology(const BerthBuild *build, guint64 vcpus, JsonObject *props, GError **error) {
  static const char *const parts[] = {"sockets", "dies", "clusters", "cores", "threads"};
  const BerthXmlNode *topology = berth_xml_node_child(berth_xml_node_child(root_of(build), "cpu"), "topology");
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
    if (count > 1 || (i != 1 && i != 2))
      json_object_set_int_member(props, parts[i], (gint64)count);
  }
  return TRUE;
}

/* QEMU starts with the first vCPUs on; others would have to be plugged in. */
static gboolean check_switched_on(const BerthBuild *build, guint64 now, GError **error) {
  const BerthXmlNode *vcpu = berth_xml_node_child(berth_xml_node_child(root_of(build), "vcpus"), "vcpu");
  for (; vcpu != NULL; vcpu = berth_xml_node_next(vcpu, "vcpu")) {
    const char *id = berth_xml_node_get(vcpu, "@id");
    gboolean on = berth_kinds_is_on(berth_xml_node_get(vcpu, "@enabled"));
    if (id != NULL && on == (g_ascii_strtoull(id, NULL, 10) < now))
      continue;
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, vcpu,
                    "<vcpu id='%s'> is on or off other than the first %" G_GUINT64_FORMAT
                    " are, which is not supported by start yet",
                    id != NULL ? id : "", now);
    return FALSE;
  }
  return TRUE;
}

/* Threads with a number, then as many as are missing, with the lowest free numbers. */
static gboolean add_threads(BerthBuild *build, GError **error) {
  const BerthXmlNode *thread = berth_xml_node_child(berth_xml_node_child(root_of(build), "iothreadids"), "iothread");
  g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  guint64 wanted = 0;
  const char *count = get(build, "iothreads");
  if (count != NULL && !g_str_equal(count, "0") && !read_count(build, "iothreads", count, &wanted, error))
    return FALSE;
  for (guint64 next = 1; thread != NULL || g_hash_table_size(used) < wanted;) {
    const char *written = berth_xml_node_get(thread, "@id");
    guint64 id = next;
    if (thread != NULL && !read_count(build, "iothreadids", written != NULL ? written : "", &id, error))
      return FALSE;
    next += thread == NULL;
    thread = berth_xml_node_next(thread, "iothread");
    g_autofree char *name = g_strdup_printf("iothread%" G_GUINT64_FORMAT, id);
    if (!g_hash_table_add(used, g_strdup(name)))
      continue;
    JsonObject *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
    json_object_set_string_member(props, "qom-type", "iothread");
    json_object_set_string_member(props, "id", name);
  }
  return TRUE;
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
  if (!check_switched_on(build, now, error))
    return FALSE;
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

/* A rehearsal has neither clock nor firmware: it never runs. */
gboolean berth_kinds_build_machine(BerthBuild *build, GError **error) {
  JsonObject *machine = NULL;
  return add_name(build, error) && add_machine(build, &machine, error) &&
         berth_kinds_go_on(build, berth_kinds_build_cpu(build, error), error) &&
         berth_kinds_go_on(build, berth_kinds_build_memory(build, machine, error), error) &&
         berth_kinds_go_on(build, add_vcpus(build, error), error) && berth_kinds_go_on(build, add_threads(build, error), error) &&
         (build->forgiven != NULL || berth_kinds_build_clock(build, error)) &&
         berth_kinds_go_on(build, add_boot(build, error), error) && add_chipset(build, error) &&
         (build->forgiven != NULL || berth_kinds_build_firmware(build, machine, error)) &&
         berth_kinds_go_on(build, berth_kinds_build_audio(build, error), error) && berth_kinds_build_display(build, error);
}
