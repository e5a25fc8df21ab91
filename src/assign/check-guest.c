/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's CPU, chipset and firmware, as libvirt 12.8 answers. */
#include "assign/check.h"

#include "facts/machine.h"

static gboolean refuse_node(const BerthAssignment *assignment, const BerthXmlNode *node, GError **error, const char *text) {
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory->document, node, "<%s>: %s", node->name, text);
  return FALSE;
}

static guint64 number_or(const BerthXmlNode *node, const char *path, guint64 fallback) {
  const char *text = berth_xml_node_get(node, path);
  return text != NULL ? g_ascii_strtoull(text, NULL, 10) : fallback;
}

/* The sockets, dies … that are written make the number of vCPUs. */
static gboolean check_topology(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  static const char *const parts[] = {"@sockets", "@dies", "@clusters", "@cores", "@threads"};
  const BerthXmlNode *topology = berth_xml_node_child(berth_xml_node_child(domain, "cpu"), "topology");
  guint64 cpus = 1;
  for (gsize i = 0; topology != NULL && i < G_N_ELEMENTS(parts); i++) {
    guint64 part = number_or(topology, parts[i], 1);
    cpus = part == 0 || part > G_MAXUINT32 ? part : cpus * part;
    if (cpus == 0 || cpus > G_MAXUINT32)
      return refuse_node(assignment, topology, error, "each part must be a number from 1");
  }
  guint64 vcpus = number_or(domain, "vcpu", 1);
  if (topology == NULL || cpus == vcpus)
    return TRUE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory->document, topology,
                  "<topology> holds %" G_GUINT64_FORMAT " vCPUs, but <vcpu> says %" G_GUINT64_FORMAT, cpus, vcpus);
  return FALSE;
}

static gboolean check_cache(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  const BerthXmlNode *cpu = berth_xml_node_child(domain, "cpu"), *cache = berth_xml_node_child(cpu, "cache");
  const char *level = berth_xml_node_get(cache, "@level"), *mode = berth_xml_node_get(cache, "@mode");
  const char *cpu_mode = berth_xml_node_get(cpu, "@mode");
  if (cache == NULL)
    return TRUE;
  if (level != NULL && (number_or(cache, "@level", 0) < 1 || number_or(cache, "@level", 0) > 3))
    return refuse_node(assignment, cache, error, "levels are 1 to 3");
  if (g_strcmp0(mode, "emulate") == 0)
    return g_strcmp0(level, "3") == 0 || refuse_node(assignment, cache, error, "only level='3' can be emulated");
  if (g_strcmp0(mode, "passthrough") == 0 && g_strcmp0(cpu_mode, "host-passthrough") != 0 && g_strcmp0(cpu_mode, "maximum") != 0)
    return refuse_node(assignment, cache, error, "passthrough needs <cpu mode='host-passthrough'> or 'maximum'");
  return mode == NULL || level == NULL || refuse_node(assignment, cache, error, "passthrough and disable are for all levels");
}

/* The memory that q35 keeps for system management. */
static gboolean check_smm(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  const BerthXmlNode *smm = berth_xml_node_child(berth_xml_node_child(domain, "features"), "smm");
  const BerthXmlNode *tseg = berth_xml_node_child(smm, "tseg");
  if (tseg == NULL || g_strcmp0(berth_xml_node_get(smm, "@state"), "off") == 0)
    return TRUE;
  if (!assignment->inventory->family->itco)
    return refuse_node(assignment, tseg, error, "only q35 has it");
  const char *unit = berth_xml_node_get(tseg, "@unit");
  return berth_assign_bytes(tseg->text, unit != NULL ? unit : "MiB") % (1u << 20) == 0 ||
         refuse_node(assignment, tseg, error, "it must be a multiple of 1 MiB");
}

/* UEFI tells the guest of its hardware by ACPI. */
static gboolean check_uefi(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  const BerthXmlNode *os = berth_xml_node_child(domain, "os"), *loader = berth_xml_node_child(os, "loader");
  gboolean pflash = g_strcmp0(berth_xml_node_get(loader, "@type"), "pflash") == 0;
  if ((!pflash && g_strcmp0(berth_xml_node_get(os, "@firmware"), "efi") != 0) ||
      berth_xml_node_child(berth_xml_node_child(domain, "features"), "acpi") != NULL)
    return TRUE;
  return refuse_node(assignment, pflash ? loader : os, error, "UEFI needs <features><acpi/></features>");
}

/* QEMU draws by OpenGL on one display; egl-headless draws for others: vnc and spice, beside which there may be no window. */
static gboolean check_displays(const BerthAssignment *assignment, G_GNUC_UNUSED const BerthXmlNode *domain, GError **error) {
  const BerthDevice *graphics, *egl = NULL, *gl = NULL, *window = NULL;
  for (guint i = 0; (graphics = berth_model_inventory_walk(assignment->inventory, BERTH_GRAPHICS, &i)) != NULL;) {
    if (berth_model_device_is(graphics, "@type", "egl-headless"))
      egl = graphics;
    else if (!berth_model_device_is(graphics, "@type", "vnc") && !berth_model_device_is(graphics, "@type", "spice"))
      window = graphics;
    if (berth_model_device_is(graphics, "@type", "spice") && berth_model_device_is(graphics, "gl/@enable", "yes"))
      gl = graphics;
  }
  if (egl != NULL && gl != NULL)
    return berth_assign_refuse_pair(assignment, egl, gl, "draws by OpenGL, which only one display can, and this does the same",
                                    error);
  if (egl != NULL && window != NULL)
    return berth_assign_refuse(assignment, egl, BERTH_ERROR_BAD_INPUT, error,
                               "egl-headless draws for vnc and spice only; leave out the graphics of type %s",
                               berth_model_device_get(window, "@type"));
  return TRUE;
}

gboolean berth_assign_check_guest(const BerthAssignment *assignment, GError **error) {
  static gboolean (*const checks[])(const BerthAssignment *, const BerthXmlNode *,
                                    GError **) = {check_topology, check_cache, check_smm, check_uefi, check_displays};
  for (gsize i = 0; i < G_N_ELEMENTS(checks); i++) {
    if (!checks[i](assignment, assignment->inventory->domain->node, error))
      return FALSE;
  }
  return TRUE;
}
