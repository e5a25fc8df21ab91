/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The nodes behind a disk: filters, the layers of its image, where their bytes come from (blocks.c). */
#include "kinds/build.h"

#include <string.h>

/* QEMU's limit on node names, less the suffix that the lower node gets. */
#define MAX_NODE_NAME 26

typedef struct {
  const char *name;
  gboolean direct, no_flush;
  const char *write_cache;
} CacheMode;

static const CacheMode cache_modes[] = {
    {"none", TRUE, FALSE, "on"},        {"writeback", FALSE, FALSE, "on"}, {"writethrough", FALSE, FALSE, "off"},
    {"directsync", TRUE, FALSE, "off"}, {"unsafe", FALSE, TRUE, "on"},
};

static const CacheMode *cache_mode(const BerthDevice *device) {
  const char *name = berth_model_device_get(device, "driver/@cache");
  for (guint i = 0; i < G_N_ELEMENTS(cache_modes); i++) {
    if (g_strcmp0(cache_modes[i].name, name) == 0)
      return &cache_modes[i];
  }
  return NULL;
}

/* A node name may not be longer than 31 characters, an alias may: then its hash stands for it. */
char *berth_kinds_node_name(const BerthDevice *device) {
  g_autofree char *name = berth_kinds_id("node-", device);
  if (strlen(name) <= MAX_NODE_NAME)
    return g_steal_pointer(&name);
  g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, device->id, -1);
  return g_strdup_printf("node-%.20s", hash);
}

const char *berth_kinds_write_cache(const BerthDevice *device) {
  const CacheMode *mode = cache_mode(device);
  return mode != NULL ? mode->write_cache : NULL;
}

static void set_cache(json_object *node, const CacheMode *mode) {
  if (mode == NULL)
    return;
  json_object *cache = json_object_new_object();
  berth_json_set_boolean(cache, "direct", mode->direct);
  berth_json_set_boolean(cache, "no-flush", mode->no_flush);
  berth_json_set(node, "cache", cache);
}

static gboolean is_read_only(const BerthDevice *device) {
  return berth_xml_node_child(device->node, "readonly") != NULL || berth_model_device_is(device, "@device", "cdrom");
}

/* Options that both the file's node and the format's have. */
static gboolean fill_node(const BerthBuild *build, const BerthDevice *device, json_object *node, GError **error) {
  static const BerthMap map[] = {{"driver/@discard", "discard", BERTH_MAP_WORD}, {NULL}};
  berth_json_set_boolean(node, "read-only", is_read_only(device));
  set_cache(node, cache_mode(device));
  return berth_kinds_map(build, device, map, node, error);
}

/* Of a backing store nothing is ever written. */
static gboolean fill_file(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, json_object *node,
                          GError **error) {
  static const BerthMap map[] = {{"driver/@io", "aio", BERTH_MAP_WORD}, {NULL}};
  const char *type = berth_xml_node_get(holder, "@type");
  gboolean local = type == NULL || g_str_equal(type, "file") || g_str_equal(type, "block");
  if (!berth_kinds_block_source(build, device, holder, node, error) ||
      (local && !berth_kinds_map(build, device, map, node, error)) || !fill_node(build, device, node, error))
    return FALSE;
  if (holder != device->node)
    berth_json_set_boolean(node, "read-only", TRUE);
  return TRUE;
}

/* The lowest node of @holder: the file, or a part of it. */
static gboolean fill_storage(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, json_object *node,
                             GError **error) {
  static const BerthMap map[] = {{"@offset", "offset", BERTH_MAP_NUMBER}, {"@size", "size", BERTH_MAP_NUMBER}, {NULL}};
  const BerthXmlNode *source = berth_xml_node_child(holder, "source");
  const BerthXmlNode *slice = berth_xml_node_child(berth_xml_node_child(source, "slices"), "slice");
  if (slice == NULL)
    return fill_file(build, device, holder, node, error);
  json_object *file = json_object_new_object();
  berth_json_set_string(node, "driver", "raw");
  berth_json_set(node, "file", file);
  return fill_file(build, device, holder, file, error) && berth_kinds_map_node(build, device, slice, map, node, error) &&
         fill_node(build, device, node, error);
}

/* QEMU unmaps zeroes only where it may discard; where it may not, it writes them. */
static const char *detect_zeroes(const BerthDevice *device) {
  const char *zeroes = berth_model_device_get(device, "driver/@detect_zeroes");
  if (g_strcmp0(zeroes, "unmap") == 0 && !berth_model_device_is(device, "driver/@discard", "unmap"))
    return "on";
  return zeroes;
}

static const char *format_of(const BerthDevice *device, const BerthXmlNode *holder) {
  const char *format =
      holder == device->node ? berth_model_device_get(device, "driver/@type") : berth_xml_node_get(holder, "format/@type");
  return g_strcmp0(format, "fat") == 0 ? "raw" : format;
}

static gboolean set_format_cache(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, json_object *node,
                                 GError **error) {
  const BerthXmlNode *format = berth_xml_node_child(holder, holder == device->node ? "driver" : "format");
  const BerthXmlNode *size = berth_xml_node_child(berth_xml_node_child(format, "metadata_cache"), "max_size");
  guint64 bytes = 0;
  if (size == NULL)
    return TRUE;
  if (!berth_kinds_size(build, size, size->text, "bytes", &bytes, error))
    return FALSE;
  berth_json_set_int(node, "cache-size", (gint64)bytes);
  return TRUE;
}

/* ---- encryption ---- */

/* LUKS is a layer of its own below raw content, and part of qcow2's. */
static gboolean encrypts(const BerthXmlNode *holder) {
  return berth_kinds_block_encryption(holder) != NULL &&
         g_strcmp0(berth_xml_node_get(berth_kinds_block_encryption(holder), "@engine"), "librbd") != 0;
}

static gboolean fill_encryption(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, json_object *node,
                                GError **error) {
  const BerthXmlNode *encryption = berth_kinds_block_encryption(holder);
  g_autofree char *secret = berth_kinds_block_secret_id(device, holder, BERTH_KINDS_SECRET_KEY);
  const char *driver = berth_json_member_string(node, "driver");
  if (g_strcmp0(berth_xml_node_get(encryption, "@format"), "luks") != 0)
    return berth_kinds_refuse(build, device, error, "encryption of format '%s' is not one that QEMU has; luks is",
                              berth_xml_node_get(encryption, "@format"));
  if (g_str_equal(driver, "luks")) {
    berth_json_set_string(node, "key-secret", secret);
    return TRUE;
  }
  if (!g_str_equal(driver, "qcow2"))
    return berth_kinds_refuse(build, device, error, "encryption is something only raw and qcow2 images have");
  json_object *encrypt = json_object_new_object();
  berth_json_set(node, "encrypt", encrypt);
  berth_json_set_string(encrypt, "format", "luks");
  berth_json_set_string(encrypt, "key-secret", secret);
  return TRUE;
}

/* One layer: the format's node with the file's inside, or the file's alone for raw images. @name: of a top layer, else NULL. */
static gboolean fill_layer(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, json_object *node,
                           const char *name, GError **error) {
  const char *format = format_of(device, holder);
  gboolean raw = format == NULL || g_str_equal(format, "raw");
  if (raw && !encrypts(holder))
    return fill_storage(build, device, holder, node, error);
  json_object *file = json_object_new_object();
  berth_json_set_string(node, "driver", raw ? "luks" : format);
  berth_json_set(node, "file", file);
  if (name != NULL) {
    g_autofree char *file_name = g_strconcat(name, "-file", NULL);
    berth_json_set_string(file, "node-name", file_name);
  }
  if (!fill_storage(build, device, holder, file, error) || !fill_node(build, device, node, error) ||
      (encrypts(holder) && !fill_encryption(build, device, holder, node, error)))
    return FALSE;
  if (holder != device->node)
    berth_json_set_boolean(node, "read-only", TRUE);
  return set_format_cache(build, device, holder, node, error);
}

/* The disk's layers, each the backing store of the one before. What the document does not say of a chain QEMU finds in the images;
 * an empty <backingStore/> says that it ends. */
static gboolean fill_layers(const BerthBuild *build, const BerthDevice *device, json_object *node, const char *name,
                            GError **error) {
  const BerthXmlNode *holder = device->node;
  while (TRUE) {
    const BerthXmlNode *next = berth_xml_node_child(holder, "backingStore");
    const char *format = format_of(device, holder);
    if (!fill_layer(build, device, holder, node, holder == device->node ? name : NULL, error))
      return FALSE;
    if (next == NULL || format == NULL || g_str_equal(format, "raw"))
      return TRUE;
    if (berth_xml_node_get(next, "@type") == NULL && berth_xml_node_child(next, "source") == NULL) {
      berth_json_set(node, "backing", NULL);
      return TRUE;
    }
    json_object *backing = json_object_new_object();
    berth_json_set(node, "backing", backing);
    node = backing;
    holder = next;
  }
}

/* ---- throttling ---- */

/* What <iotune> says and what a throttle group calls it. */
static const struct {
  const char *element, *limit;
} limits[] = {
    {"total_bytes_sec", "bps-total"},
    {"read_bytes_sec", "bps-read"},
    {"write_bytes_sec", "bps-write"},
    {"total_iops_sec", "iops-total"},
    {"read_iops_sec", "iops-read"},
    {"write_iops_sec", "iops-write"},
    {"total_bytes_sec_max", "bps-total-max"},
    {"read_bytes_sec_max", "bps-read-max"},
    {"write_bytes_sec_max", "bps-write-max"},
    {"total_iops_sec_max", "iops-total-max"},
    {"read_iops_sec_max", "iops-read-max"},
    {"write_iops_sec_max", "iops-write-max"},
    {"total_bytes_sec_max_length", "bps-total-max-length"},
    {"read_bytes_sec_max_length", "bps-read-max-length"},
    {"write_bytes_sec_max_length", "bps-write-max-length"},
    {"total_iops_sec_max_length", "iops-total-max-length"},
    {"read_iops_sec_max_length", "iops-read-max-length"},
    {"write_iops_sec_max_length", "iops-write-max-length"},
    {"size_iops_sec", "iops-size"},
};

/* The throttle group of the disk; disks that name one group share it, and the first says its limits. *@id (transfer full) stays
 * NULL where the disk has no limits. */
static gboolean add_throttle(BerthBuild *build, const BerthDevice *device, char **id, GError **error) {
  const BerthXmlNode *tune = berth_xml_node_child(device->node, "iotune");
  const char *group = berth_xml_node_get(tune, "group_name");
  if (tune == NULL)
    return TRUE;
  if (group != NULL && !berth_kinds_is_word(group))
    return berth_kinds_refuse(build, device, error, "<group_name>%s is not a word", group);
  g_autofree char *name = group != NULL ? g_strconcat("throttle-", group, NULL) : berth_kinds_id("throttle-", device);
  if (!berth_kinds_has_object(build->qemu, name)) {
    json_object *object = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT), *values = json_object_new_object();
    berth_json_set_string(object, "qom-type", "throttle-group");
    berth_json_set_string(object, "id", name);
    berth_json_set(object, "limits", values);
    for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
      const BerthMap map[] = {{limits[i].element, limits[i].limit, BERTH_MAP_NUMBER}, {NULL}};
      if (!berth_kinds_map_node(build, device, tune, map, values, error))
        return FALSE;
    }
  }
  *id = g_steal_pointer(&name);
  return TRUE;
}

/* ---- the disk's tree ---- */

/* A filter: (transfer none) the node below it. */
static json_object *add_filter(const BerthDevice *device, json_object *node, const char *driver) {
  json_object *below = json_object_new_object();
  berth_json_set_string(node, "driver", driver);
  berth_json_set_boolean(node, "read-only", is_read_only(device));
  berth_json_set(node, "file", below);
  return below;
}

/* What a transient disk's guest writes goes to a file that QEMU makes and that is gone when it ends; only -drive has that, which
 * takes a tree of nodes as a name. */
static void add_transient(BerthBuild *build, const BerthDevice *device, const char *name, json_object *tree) {
  g_autofree char *file = g_strconcat("json:", berth_json_line(tree), NULL);
  json_object *drive = berth_model_qemu_option(build->qemu, "-drive", NULL);
  berth_json_set_string(drive, "id", name);
  berth_json_set_string(drive, "if", "none");
  berth_json_set_boolean(drive, "snapshot", TRUE);
  berth_json_set_string(drive, "file", file);
  if (berth_model_device_is(device, "transient/@shareBacking", "yes"))
    berth_kinds_note(build, device, NULL, "shareBacking has no effect: the image is open for reading only");
}

gboolean berth_kinds_block_nodes(BerthBuild *build, const BerthDevice *device, char **name, GError **error) {
  const char *zeroes = detect_zeroes(device);
  g_autofree char *throttle = NULL;
  if (!berth_kinds_block_secrets(build, device, error) || !add_throttle(build, device, &throttle, error))
    return FALSE;
  gboolean transient = berth_xml_node_child(device->node, "transient") != NULL;
  g_autoptr(json_object) tree = json_object_new_object();
  *name = berth_kinds_node_name(device);
  json_object *node = transient ? tree : berth_model_qemu_add(build->qemu, BERTH_QEMU_BLOCKDEV);
  if (!transient)
    berth_json_set_string(node, "node-name", *name);
  if (zeroes != NULL)
    berth_json_set_string(node, "detect-zeroes", zeroes);
  if (throttle != NULL) {
    json_object *below = add_filter(device, node, "throttle");
    berth_json_set_string(node, "throttle-group", throttle);
    node = below;
  }
  if (berth_kinds_is_on(berth_model_device_get(device, "driver/@copy_on_read")))
    node = add_filter(device, node, "copy-on-read");
  if (!fill_layers(build, device, node, *name, error))
    return FALSE;
  if (transient)
    add_transient(build, device, *name, tree);
  return TRUE;
}
