/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the document says outside <devices> and of several devices at once. */
#include "assign/check.h"

#include "facts/machine.h"

static gboolean refuse_node(const BerthAssignment *assignment, const BerthXmlNode *node, GError **error, const char *text) {
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory->document, node, "%s", text);
  return FALSE;
}

static guint64 count_cells(const BerthXmlNode *numa) {
  guint64 n = 0;
  for (const BerthXmlNode *cell = berth_xml_node_child(numa, "cell"); cell != NULL; cell = berth_xml_node_next(cell, "cell"))
    n++;
  return n;
}

/* Guest NUMA cells are numbered from 0 without gaps; a cell without id has its position. */
static gboolean check_numa(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  const BerthXmlNode *numa = berth_xml_node_child(berth_xml_node_child(domain, "cpu"), "numa");
  guint64 n = count_cells(numa), seen = 0;
  guint64 position = 0;
  for (const BerthXmlNode *cell = berth_xml_node_child(numa, "cell"); cell != NULL;
       cell = berth_xml_node_next(cell, "cell"), position++) {
    const char *text = berth_xml_node_get(cell, "@id"), *access = berth_xml_node_get(cell, "@memAccess");
    guint64 id = text != NULL ? g_ascii_strtoull(text, NULL, 10) : position;
    guint64 bit = id < 64 ? G_GUINT64_CONSTANT(1) << id : 0;
    if (id >= n || (seen & bit) != 0)
      return refuse_node(assignment, cell, error, "NUMA cells must be numbered from 0 without gaps, each id once");
    seen |= bit;
    if (access != NULL && !g_str_equal(access, "shared") && !g_str_equal(access, "private"))
      return refuse_node(assignment, cell, error, "memAccess must be shared or private");
  }
  const BerthXmlNode *memnode = berth_xml_node_child(berth_xml_node_child(domain, "numatune"), "memnode");
  return memnode == NULL || n > 0 || refuse_node(assignment, memnode, error, "<memnode> needs guest NUMA cells (<cpu><numa>)");
}

/* Only one page size can be that of all memory; without NUMA cells a page size of a cell is, too. */
static gboolean are_cells(const char *nodes, const BerthXmlNode *numa) {
  guint64 n = count_cells(numa);
  for (const char *p = nodes; *p != '\0'; p++) {
    char *end = NULL;
    if (g_ascii_isdigit(*p) && g_ascii_strtoull(p, &end, 10) >= MAX(n, 1))
      return FALSE;
    p = end != NULL ? end - 1 : p;
  }
  return TRUE;
}

static gboolean check_hugepages(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  const BerthXmlNode *pages = berth_xml_node_child(berth_xml_node_child(domain, "memoryBacking"), "hugepages");
  const BerthXmlNode *numa = berth_xml_node_child(berth_xml_node_child(domain, "cpu"), "numa");
  guint general = 0;
  for (const BerthXmlNode *page = berth_xml_node_child(pages, "page"); page != NULL; page = berth_xml_node_next(page, "page")) {
    const char *nodes = berth_xml_node_get(page, "@nodeset");
    general += nodes == NULL || numa == NULL;
    if (nodes != NULL && !are_cells(nodes, numa))
      return refuse_node(assignment, page, error, "a NUMA node of this page size is not among those of <cpu><numa>");
    if (general > 1)
      return refuse_node(assignment, page, error, "this is a second page size for all of the memory");
  }
  return TRUE;
}

#define MAX_VCPUS 4096

/* Marks the vCPUs of a list such as "0-3,^2,7"; FALSE if one of them is marked already. What is malformed ends the list. */
static gboolean mark_vcpus(const char *list, gboolean *marked) {
  g_autofree gboolean *wanted = g_new0(gboolean, MAX_VCPUS);
  for (const char *p = list; p != NULL && *p != '\0';) {
    gboolean excluded = *p == '^';
    char *end = NULL;
    guint64 from = g_ascii_strtoull(p + excluded, &end, 10), to = from;
    if (*end == '-')
      to = g_ascii_strtoull(end + 1, &end, 10);
    for (guint64 i = from; i <= to && i < MAX_VCPUS; i++)
      wanted[i] = !excluded;
    p = *end == ',' ? end + 1 : NULL;
  }
  for (guint i = 0; i < MAX_VCPUS; i++) {
    if (wanted[i] && marked[i])
      return FALSE;
    marked[i] = marked[i] || wanted[i];
  }
  return TRUE;
}

static gboolean check_schedulers(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  g_autofree gboolean *marked = g_new0(gboolean, MAX_VCPUS);
  const BerthXmlNode *tune = berth_xml_node_child(domain, "cputune");
  for (const BerthXmlNode *node = berth_xml_node_child(tune, "vcpusched"); node != NULL;
       node = berth_xml_node_next(node, "vcpusched")) {
    if (!mark_vcpus(berth_xml_node_get(node, "@vcpus"), marked))
      return refuse_node(assignment, node, error, "a vCPU of this <vcpusched> has a scheduler already");
  }
  return TRUE;
}

/* (transfer full) */
static char *bare_uuid(const char *text) {
  GString *bare = g_string_new(NULL);
  for (; *text != '\0'; text++) {
    if (g_ascii_isxdigit(*text))
      g_string_append_c(bare, g_ascii_tolower(*text));
  }
  return g_string_free(bare, FALSE);
}

/* The firmware tells the guest one uuid. */
static gboolean check_smbios_uuid(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  const char *uuid = berth_xml_node_get(domain, "uuid");
  const BerthXmlNode *system = berth_xml_node_child(berth_xml_node_child(domain, "sysinfo"), "system");
  for (const BerthXmlNode *entry = berth_xml_node_child(system, "entry"); uuid != NULL && entry != NULL;
       entry = berth_xml_node_next(entry, "entry")) {
    if (g_strcmp0(berth_xml_node_get(entry, "@name"), "uuid") != 0 || entry->text == NULL)
      continue;
    g_autofree char *one = bare_uuid(uuid), *other = bare_uuid(entry->text);
    if (!g_str_equal(one, other))
      return refuse_node(assignment, entry, error, "this uuid is not that of <uuid>");
  }
  return TRUE;
}

/* The firmware can try each device once, and either by device or by kind of device. */
static gboolean check_boot(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  gboolean by_kind = berth_xml_node_child(berth_xml_node_child(domain, "os"), "boot") != NULL;
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    const BerthDevice *device = assignment->inventory->devices->pdata[i];
    const char *order = berth_model_device_get(device, "boot/@order");
    if (order == NULL)
      continue;
    if (by_kind)
      return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error,
                                 "has a boot order, but <os> has <boot dev>; only one of the two can hold");
    const BerthDevice *other = g_hash_table_lookup(seen, order);
    if (other != NULL)
      return berth_assign_refuse_pair(assignment, device, other, "has the same boot order", error);
    g_hash_table_insert(seen, (gpointer)order, (gpointer)device);
  }
  return TRUE;
}

/* Slots for memory, and the addresses behind it, are there only if <maxMemory> keeps room for them. */
static gboolean check_memory(const BerthAssignment *assignment, GError **error) {
  guint i = 0;
  const BerthDevice *memory = berth_model_inventory_walk(assignment->inventory, BERTH_MEMORY, &i);
  if (memory == NULL || berth_model_device_number(assignment->inventory->domain, "maxMemory/@slots", 0) > 0)
    return TRUE;
  return berth_assign_refuse(assignment, memory, BERTH_ERROR_BAD_INPUT, error, "needs <maxMemory slots='...'>");
}

static gboolean check_features(const BerthAssignment *assignment, const BerthXmlNode *domain, GError **error) {
  const BerthXmlNode *ps2 = berth_xml_node_child(berth_xml_node_child(domain, "features"), "ps2");
  return ps2 == NULL || assignment->inventory->family->ps2 || refuse_node(assignment, ps2, error, "this machine has no PS/2");
}

/* A SPICE channel ends in the SPICE server. */
static gboolean check_spice(const BerthAssignment *assignment, GError **error) {
  static const struct {
    BerthElementId element;
    const char *type;
  } rows[] = {
      {BERTH_CHANNEL, "spicevmc"},   {BERTH_CHANNEL, "spiceport"},   {BERTH_CONSOLE, "spicevmc"},  {BERTH_CONSOLE, "spiceport"},
      {BERTH_SERIAL, "spicevmc"},    {BERTH_SERIAL, "spiceport"},    {BERTH_PARALLEL, "spicevmc"}, {BERTH_PARALLEL, "spiceport"},
      {BERTH_SMARTCARD, "spicevmc"}, {BERTH_SMARTCARD, "spiceport"}, {BERTH_REDIRDEV, "spicevmc"}, {BERTH_REDIRDEV, "spiceport"},
      {BERTH_AUDIO, "spice"},
  };
  const BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(assignment->inventory, BERTH_GRAPHICS, &i)) != NULL;) {
    if (berth_model_device_is(device, "@type", "spice"))
      return TRUE;
  }
  for (gsize row = 0; row < G_N_ELEMENTS(rows); row++) {
    for (guint i = 0; (device = berth_model_inventory_walk(assignment->inventory, rows[row].element, &i)) != NULL;) {
      if (berth_model_device_is(device, "@type", rows[row].type))
        return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "%s needs <graphics type='spice'/>",
                                   rows[row].type);
    }
  }
  return TRUE;
}

gboolean berth_assign_check_domain(const BerthAssignment *assignment, GError **error) {
  const BerthXmlNode *domain = assignment->inventory->domain->node;
  return check_numa(assignment, domain, error) && check_hugepages(assignment, domain, error) &&
         check_schedulers(assignment, domain, error) && check_smbios_uuid(assignment, domain, error) &&
         check_boot(assignment, domain, error) && check_memory(assignment, error) && check_features(assignment, domain, error) &&
         check_spice(assignment, error);
}
