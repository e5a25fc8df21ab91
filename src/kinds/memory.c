/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's memory: how much, what is behind it on the host, which NUMA cell it belongs to; and memory devices. */
#include "kinds/build.h"

#include <string.h>

static const BerthXmlNode *root_of(const BerthBuild *build) {
  return build->document->root;
}

static const BerthXmlNode *backing_of(const BerthInventory *inventory) {
  return berth_xml_node_child(inventory->document->root, "memoryBacking");
}

static const BerthXmlNode *cells_of(const BerthBuild *build) {
  return berth_xml_node_child(berth_xml_node_child(root_of(build), "cpu"), "numa");
}

/* ---- what is behind memory ---- */

typedef struct {
  gboolean memfd, file, shared, huge, prealloc;
  guint64 page; /* bytes; 0: the host's default huge page */
} Backing;

static gboolean is_shared(const BerthXmlNode *backing) {
  return g_strcmp0(berth_xml_node_get(backing, "access/@mode"), "shared") == 0;
}

gboolean berth_kinds_memory_is_shared(const BerthInventory *inventory) {
  const BerthXmlNode *cell = berth_xml_node_child(berth_xml_node_child(inventory->document->root, "cpu"), "numa");
  gboolean all = is_shared(backing_of(inventory)), any = FALSE;
  for (cell = berth_xml_node_child(cell, "cell"); cell != NULL; cell = berth_xml_node_next(cell, "cell")) {
    const char *access = berth_xml_node_get(cell, "@memAccess");
    if (access == NULL ? !all : !g_str_equal(access, "shared"))
      return FALSE;
    any = TRUE;
  }
  return any || all;
}

void berth_kinds_need_shared_memory(BerthBuild *build, const BerthDevice *device) {
  if (!berth_kinds_memory_is_shared(build->inventory))
    berth_kinds_need(build, device, NULL, NULL, "needs <memoryBacking><access mode='shared'/></memoryBacking>");
}

/* The <page> for cell @cell: the one whose nodeset has it, else the one without a nodeset. Guests without cells have cell 0. */
static gboolean find_page(const BerthBuild *build, const BerthXmlNode *huge, guint64 cell, const BerthXmlNode **found,
                          gboolean *any, GError **error) {
  *found = NULL;
  *any = berth_xml_node_child(huge, "page") == NULL;
  for (const BerthXmlNode *page = berth_xml_node_child(huge, "page"); page != NULL; page = berth_xml_node_next(page, "page")) {
    const char *nodes = berth_xml_node_get(page, "@nodeset");
    if (nodes == NULL) {
      *found = *found != NULL ? *found : page;
      continue;
    }
    g_autoptr(GByteArray) set = berth_kinds_set(build, page, nodes, error);
    if (set == NULL)
      return FALSE;
    if (cell < set->len && set->data[cell] != 0)
      *found = page;
  }
  *any |= *found != NULL;
  return TRUE;
}

/* Pages of this size are what the guest's memory has anyway. */
#define SMALL_PAGE 4096

static gboolean read_backing(const BerthBuild *build, guint64 cell, Backing *out, GError **error) {
  const BerthXmlNode *backing = backing_of(build->inventory), *huge = berth_xml_node_child(backing, "hugepages"), *page = NULL;
  const char *source = berth_xml_node_get(backing, "source/@type");
  *out = (Backing){.memfd = g_strcmp0(source, "memfd") == 0,
                   .file = g_strcmp0(source, "file") == 0,
                   .shared = is_shared(backing),
                   .prealloc = g_strcmp0(berth_xml_node_get(backing, "allocation/@mode"), "immediate") == 0};
  if (huge == NULL)
    return TRUE;
  if (!find_page(build, huge, cell, &page, &out->huge, error))
    return FALSE;
  if (page != NULL && !berth_kinds_size(build, page, berth_xml_node_get(page, "@size"), "KiB", &out->page, error))
    return FALSE;
  out->huge &= out->page != SMALL_PAGE;
  return TRUE;
}

/* Huge pages come by memfd: no file system of them need be mounted. Memory in files is in one without a name in the run folder. */
static void add_backend(BerthBuild *build, const char *id, guint64 bytes, const Backing *backing) {
  gboolean memfd = backing->huge || (!backing->file && (backing->memfd || backing->shared));
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
  berth_json_set_string(props, "qom-type",
                        memfd           ? "memory-backend-memfd"
                        : backing->file ? "memory-backend-file"
                                        : "memory-backend-ram");
  berth_json_set_string(props, "id", id);
  if (memfd && backing->huge)
    berth_json_set_boolean(props, "hugetlb", TRUE);
  if (memfd && backing->huge && backing->page > 0)
    berth_json_set_int(props, "hugetlbsize", (gint64)backing->page);
  if (!memfd && backing->file)
    berth_json_set_string(props, "mem-path", build->host->run_dir);
  if (memfd || backing->file)
    berth_json_set_boolean(props, "share", backing->shared);
  if (backing->prealloc || backing->huge)
    berth_json_set_boolean(props, "prealloc", TRUE);
  berth_json_set_int(props, "size", (gint64)bytes);
}

/* ---- how much ---- */

static const BerthXmlNode *target_of(const BerthDevice *device) {
  return berth_xml_node_child(device->node, "target");
}

static gboolean device_size(const BerthBuild *build, const BerthDevice *device, guint64 *bytes, GError **error) {
  const BerthXmlNode *size = berth_xml_node_child(target_of(device), "size");
  if (size == NULL)
    return berth_kinds_refuse(build, device, error, "<target><size> is missing");
  return berth_kinds_size(build, size, size->text, "KiB", bytes, error);
}

/* The guest's memory comes in whole MiB, as with libvirt; QEMU takes nothing finer than 8 KiB. */
static guint64 whole_mib(guint64 kib) {
  return (kib + 1023) / 1024 * 1024;
}

/* With cells, what the guest starts with is their sum; without, <memory> less the memory devices, which it includes. */
static gboolean initial_size(const BerthBuild *build, guint64 *kib, GError **error) {
  const BerthXmlNode *cell = berth_xml_node_child(cells_of(build), "cell"),
                     *memory = berth_xml_node_child(root_of(build), "memory");
  const BerthDevice *device;
  guint64 part = 0;
  *kib = 0;
  for (; cell != NULL; cell = berth_xml_node_next(cell, "cell")) {
    if (!berth_kinds_kib(build, cell, berth_xml_node_get(cell, "@memory"), &part, error))
      return FALSE;
    *kib += whole_mib(part);
  }
  if (*kib > 0)
    return TRUE;
  if (memory == NULL) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, root_of(build), "<memory> is missing");
    return FALSE;
  }
  if (!berth_kinds_kib(build, memory, memory->text, kib, error))
    return FALSE;
  if (*kib == 0) { /* QEMU would take its own default */
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, memory, "<memory> is 0");
    return FALSE;
  }
  for (guint i = 0; (device = berth_model_inventory_walk(build->inventory, BERTH_MEMORY, &i)) != NULL;) {
    if (!device_size(build, device, &part, error))
      return FALSE;
    if (part / 1024 >= *kib)
      return berth_kinds_refuse(build, device, error, "memory devices leave nothing of <memory> to start with");
    *kib -= part / 1024;
  }
  *kib = whole_mib(*kib);
  return TRUE;
}

static gboolean has_balloon(const BerthInventory *inventory) {
  const BerthDevice *balloon;
  for (guint i = 0; (balloon = berth_model_inventory_walk(inventory, BERTH_MEMBALLOON, &i)) != NULL;) {
    if (balloon->kind != NULL && balloon->kind->driver != NULL)
      return TRUE;
  }
  return FALSE;
}

/* The hardware is all of <memory>. What the guest is asked to give back of it is said to the balloon while it runs, and needs one.
 */
static gboolean check_current(BerthBuild *build, guint64 kib, GError **error) {
  const BerthXmlNode *current = berth_xml_node_child(root_of(build), "currentMemory");
  guint64 now = 0;
  if (current == NULL)
    return TRUE;
  if (!berth_kinds_kib(build, current, current->text, &now, error))
    return FALSE;
  if (whole_mib(now) >= kib)
    return TRUE;
  if (has_balloon(build->inventory))
    berth_json_set_int(berth_model_qemu_command(build->qemu, "balloon"), "value", (gint64)now * 1024);
  else
    berth_kinds_note(build, NULL, current, "<currentMemory> has no effect: there is no memory balloon to hold the rest");
  return TRUE;
}

static gboolean add_size(BerthBuild *build, guint64 kib, GError **error) {
  const BerthXmlNode *most = berth_xml_node_child(root_of(build), "maxMemory");
  g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT "k", kib);
  guint64 limit = 0;
  json_object *props = berth_model_qemu_option(build->qemu, "-m", NULL);
  berth_json_set_string(props, "size", size);
  if (most == NULL)
    return TRUE;
  if (!berth_kinds_kib(build, most, most->text, &limit, error))
    return FALSE;
  if (limit < kib) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, most, "<maxMemory> is less than the guest starts with");
    return FALSE;
  }
  g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT "k", limit);
  berth_json_set_int(props, "slots", (gint64)berth_model_device_number(build->inventory->domain, "maxMemory/@slots", 0));
  berth_json_set_string(props, "maxmem", text);
  return TRUE;
}

/* ---- NUMA cells ---- */

static gboolean append_cpus(const BerthBuild *build, const BerthXmlNode *cell, GString *out, GError **error) {
  const char *text = berth_xml_node_get(cell, "@cpus");
  g_autoptr(GByteArray) set = text != NULL ? berth_kinds_set(build, cell, text, error) : NULL;
  if (text != NULL && set == NULL)
    return FALSE;
  for (guint first = 0; set != NULL && first < set->len; first++) {
    guint last = first;
    if (set->data[first] == 0)
      continue;
    while (last + 1 < set->len && set->data[last + 1] != 0)
      last++;
    g_string_append_printf(out, last > first ? ",cpus=%u-%u" : ",cpus=%u", first, last);
    first = last;
  }
  return TRUE;
}

static gboolean cell_number(const BerthBuild *build, const BerthXmlNode *node, const char *path, guint64 fallback, guint64 *number,
                            GError **error) {
  const char *text = berth_xml_node_get(node, path);
  char *end = NULL;
  *number = text != NULL ? g_ascii_strtoull(text, &end, 10) : fallback;
  if (text == NULL || (end != text && *end == '\0' && text[0] != '-' && *number <= G_MAXUINT16))
    return TRUE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, node, "<%s %s='%s'> is not a number", node->name, path + 1, text);
  return FALSE;
}

static gboolean add_cell(BerthBuild *build, const BerthXmlNode *cell, guint64 id, GError **error) {
  const char *access = berth_xml_node_get(cell, "@memAccess");
  g_autofree char *name = g_strdup_printf("ram-node%" G_GUINT64_FORMAT, id);
  g_autoptr(GString) text = g_string_new(NULL);
  Backing backing;
  guint64 kib = 0;
  if (!read_backing(build, id, &backing, error) || !berth_kinds_kib(build, cell, berth_xml_node_get(cell, "@memory"), &kib, error))
    return FALSE;
  if (access != NULL)
    backing.shared = g_str_equal(access, "shared");
  add_backend(build, name, whole_mib(kib) * 1024, &backing);
  g_string_append_printf(text, "node,nodeid=%" G_GUINT64_FORMAT, id);
  if (!append_cpus(build, cell, text, error))
    return FALSE;
  g_string_append_printf(text, ",memdev=%s", name);
  berth_model_qemu_option(build->qemu, "-numa", text->str);
  return TRUE;
}

static gboolean add_distances(BerthBuild *build, const BerthXmlNode *cell, guint64 id, GError **error) {
  const BerthXmlNode *sibling = berth_xml_node_child(berth_xml_node_child(cell, "distances"), "sibling");
  for (; sibling != NULL; sibling = berth_xml_node_next(sibling, "sibling")) {
    guint64 other = 0, value = 0;
    if (!cell_number(build, sibling, "@id", 0, &other, error) || !cell_number(build, sibling, "@value", 10, &value, error))
      return FALSE;
    json_object *props = berth_model_qemu_option(build->qemu, "-numa", "dist");
    berth_json_set_int(props, "src", (gint64)id);
    berth_json_set_int(props, "dst", (gint64)other);
    berth_json_set_int(props, "val", (gint64)value);
  }
  return TRUE;
}

typedef gboolean (*EachCell)(BerthBuild *build, const BerthXmlNode *cell, guint64 id, GError **error);

/* Cells in the order of their numbers, as QEMU wants them; without numbers, as they stand. */
static gboolean for_cells(BerthBuild *build, EachCell each, GError **error) {
  guint n = 0;
  for (const BerthXmlNode *c = berth_xml_node_child(cells_of(build), "cell"); c != NULL; c = berth_xml_node_next(c, "cell"))
    n++;
  for (guint64 wanted = 0; wanted < n; wanted++) {
    guint64 position = 0, id = 0;
    gboolean done = FALSE;
    const BerthXmlNode *c = berth_xml_node_child(cells_of(build), "cell");
    for (; c != NULL && !done; c = berth_xml_node_next(c, "cell"), position++) {
      if (!cell_number(build, c, "@id", position, &id, error))
        return FALSE;
      done = id == wanted;
      if (done && !each(build, c, id, error))
        return FALSE;
    }
    if (!done) {
      berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, cells_of(build), "<numa> has no cell %" G_GUINT64_FORMAT,
                      wanted);
      return FALSE;
    }
  }
  return TRUE;
}

/* ---- the guest's own memory ---- */

/* Machines name their memory, and migration wants the same name. */
static const char *ram_id(const BerthInventory *inventory) {
  return g_str_has_prefix(inventory->machine, "microvm") ? "microvm.ram" : "pc.ram";
}

static gboolean add_main_backend(BerthBuild *build, json_object *machine, guint64 kib, GError **error) {
  Backing backing;
  if (!read_backing(build, 0, &backing, error))
    return FALSE;
  if (!backing.memfd && !backing.file && !backing.shared && !backing.huge && !backing.prealloc)
    return TRUE;
  berth_json_set_string(machine, "memory-backend", ram_id(build->inventory));
  add_backend(build, ram_id(build->inventory), kib * 1024, &backing);
  return TRUE;
}

static gboolean has_kind(const BerthInventory *inventory, const char *variant) {
  const BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(inventory, BERTH_MEMORY, &i)) != NULL;) {
    if (device->kind != NULL && g_str_equal(device->kind->variant, variant))
      return TRUE;
  }
  return FALSE;
}

gboolean berth_kinds_build_memory(BerthBuild *build, json_object *machine, GError **error) {
  const BerthXmlNode *backing = backing_of(build->inventory);
  guint64 kib = 0;
  if (!initial_size(build, &kib, error) || (build->forgiven == NULL && !check_current(build, kib, error)) ||
      !add_size(build, kib, error))
    return FALSE;
  if (has_kind(build->inventory, "nvdimm"))
    berth_json_set_boolean(machine, "nvdimm", TRUE);
  if (berth_xml_node_child(backing, "nosharepages") != NULL)
    berth_json_set_boolean(machine, "mem-merge", FALSE);
  if (berth_xml_node_child(backing, "locked") != NULL)
    berth_json_set_boolean(berth_model_qemu_option(build->qemu, "-overcommit", NULL), "mem-lock", TRUE);
  if (cells_of(build) == NULL)
    return add_main_backend(build, machine, kib, error);
  return for_cells(build, add_cell, error) && for_cells(build, add_distances, error);
}

/* ---- memory devices ---- */

static gboolean optional_size(const BerthBuild *build, const BerthXmlNode *node, const char *property, json_object *props,
                              GError **error) {
  guint64 bytes = 0;
  if (node == NULL)
    return TRUE;
  if (!berth_kinds_size(build, node, node->text, "KiB", &bytes, error))
    return FALSE;
  berth_json_set_int(props, property, (gint64)bytes);
  return TRUE;
}

/* Persistent memory is a file of the user's. */
static gboolean add_file(BerthBuild *build, const BerthDevice *device, const char *id, guint64 bytes, GError **error) {
  const BerthXmlNode *source = berth_xml_node_child(device->node, "source");
  const char *path = berth_xml_node_get(source, "path");
  gboolean pmem = berth_xml_node_child(source, "pmem") != NULL;
  gboolean shared = berth_model_device_get(device, "@access") != NULL ? berth_model_device_is(device, "@access", "shared")
                                                                      : is_shared(backing_of(build->inventory));
  if (path == NULL)
    return berth_kinds_refuse(build, device, error, "<source><path> is missing");
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
  berth_json_set_string(props, "qom-type", "memory-backend-file");
  berth_json_set_string(props, "id", id);
  berth_json_set_string(props, "mem-path", path);
  berth_json_set_boolean(props, "share", shared || g_str_equal(device->kind->variant, "virtio-pmem"));
  berth_json_set_int(props, "size", (gint64)bytes);
  if (pmem)
    berth_json_set_boolean(props, "pmem", TRUE);
  else if (!shared && g_str_equal(device->kind->variant, "nvdimm"))
    berth_json_set_boolean(props, "prealloc", TRUE);
  return !g_str_equal(device->kind->variant, "nvdimm") ||
         optional_size(build, berth_xml_node_child(source, "alignsize"), "align", props, error);
}

static gboolean add_ram(BerthBuild *build, const BerthDevice *device, const char *id, guint64 bytes, GError **error) {
  const BerthXmlNode *page = berth_xml_node_child(berth_xml_node_child(device->node, "source"), "pagesize");
  guint64 node = berth_model_device_number(device, "target/node", 0);
  Backing backing;
  if (!read_backing(build, node, &backing, error))
    return FALSE;
  if (page != NULL) {
    if (!berth_kinds_size(build, page, page->text, "KiB", &backing.page, error))
      return FALSE;
    backing.huge = backing.page != SMALL_PAGE;
  }
  if (berth_model_device_get(device, "@access") != NULL)
    backing.shared = berth_model_device_is(device, "@access", "shared");
  backing.prealloc &= !g_str_equal(device->kind->variant, "virtio-mem");
  add_backend(build, id, bytes, &backing);
  return TRUE;
}

#define MODULE_UNIT (G_GUINT64_CONSTANT(2) << 20)

/* What of a memory device is said to QEMU, and for which: as in libvirt it has no effect elsewhere. Sizes have a unit. */
static const struct {
  const char *element, *variants, *property; /* no property: it is its back end's */
  BerthMapForm form;
  gboolean size;
} options[] = {
    {"target/node", "dimm nvdimm virtio-mem", "node", BERTH_MAP_NUMBER, FALSE},
    {"target/label/size", "nvdimm", "label-size", BERTH_MAP_NUMBER, TRUE},
    {"target/block", "virtio-mem", "block-size", BERTH_MAP_NUMBER, TRUE},
    {"target/requested", "virtio-mem", "requested-size", BERTH_MAP_NUMBER, TRUE},
    {"target/@dynamicMemslots", "virtio-mem", "dynamic-memslots", BERTH_MAP_SWITCH, FALSE},
    {"target/address/@base", "virtio-mem virtio-pmem", "memaddr", BERTH_MAP_NUMBER, FALSE},
    {"uuid", "nvdimm", "uuid", BERTH_MAP_WORD, FALSE},
    {"source/path", "nvdimm virtio-pmem", NULL, BERTH_MAP_TEXT, FALSE},
    {"source/alignsize", "nvdimm", NULL, BERTH_MAP_TEXT, FALSE},
    {"source/pagesize", "dimm virtio-mem", NULL, BERTH_MAP_TEXT, FALSE},
};

/* The element at @path below @node. */
static const BerthXmlNode *element_at(const BerthXmlNode *node, const char *path) {
  g_auto(GStrv) names = g_strsplit(path, "/", -1);
  for (guint i = 0; names[i] != NULL && node != NULL; i++)
    node = berth_xml_node_child(node, names[i]);
  return node;
}

static gboolean set_options(BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
    const BerthMap map[] = {{options[i].element, options[i].property, options[i].form}, {NULL}};
    g_auto(GStrv) variants = g_strsplit(options[i].variants, " ", -1);
    if (berth_model_device_get(device, options[i].element) == NULL)
      continue;
    if (!g_strv_contains((const char *const *)variants, device->kind->variant))
      berth_kinds_note(build, device, NULL, "%s is not something a %s has, and has no effect", options[i].element,
                       device->kind->variant);
    else if (options[i].property == NULL)
      continue;
    else if (!(options[i].size
                   ? optional_size(build, element_at(device->node, options[i].element), options[i].property, props, error)
                   : berth_kinds_map(build, device, map, props, error)))
      return FALSE;
  }
  return TRUE;
}

/* As libvirt has it. QEMU says so in bytes, and only when it starts. */
static gboolean check_requested(const BerthBuild *build, const BerthDevice *device, json_object *props, guint64 bytes,
                                GError **error) {
  gint64 requested = berth_json_member_int(props, "requested-size", 0);
  gint64 block = berth_json_member_int(props, "block-size", 0);
  const char *why = requested > (gint64)bytes             ? "<requested> is more than its <size>"
                    : block > 0 && requested % block != 0 ? "<requested> is no multiple of its <block>"
                                                          : NULL;
  if (why != NULL)
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, element_at(device->node, "target/requested"), "<memory>: %s",
                    why);
  return why == NULL;
}

gboolean berth_kinds_build_memory_device(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  const BerthXmlNode *target = target_of(device);
  g_autofree char *id = berth_kinds_id("mem", device);
  guint64 bytes = 0;
  if (kind->driver == NULL)
    return berth_kinds_refuse(build, device, error, "model '%s' is not supported by start yet", kind->variant);
  if (berth_kinds_is_on(berth_model_device_get(device, "target/@dynamicMemslots")) &&
      !berth_kinds_since(build, device, 8, 2, "dynamicMemslots", error))
    return FALSE;
  if (!device_size(build, device, &bytes, error))
    return FALSE;
  gboolean file = g_str_equal(kind->variant, "nvdimm") || g_str_equal(kind->variant, "virtio-pmem");
  if (!file) /* as libvirt does: huge pages fit into any module */
    bytes = (bytes + MODULE_UNIT - 1) / MODULE_UNIT * MODULE_UNIT;
  if (!(file ? add_file : add_ram)(build, device, id, bytes, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "memdev", id);
  if (berth_xml_node_child(target, "readonly") != NULL)
    berth_json_set_boolean(props, "unarmed", TRUE);
  return set_options(build, device, props, error) && check_requested(build, device, props, bytes, error);
}
