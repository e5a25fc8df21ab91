/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/identity.h"

#include <stdlib.h>
#include <string.h>

#define CONTENT_DIGITS 16 /* of the SHA-1: enough to tell one guest's devices apart, and short in the record */

typedef enum { TEXT, LOWER, PCI, NUMBERS } ValueForm;

/* Where an element's keys come from. All paths must be there; PCI and NUMBERS only need the first. */
typedef struct {
  BerthElementId element;
  BerthKeyClass key_class;
  const char *type; /* only with this @type; becomes the first part of the value */
  ValueForm form;
  const char *paths[5];
} KeySource;

static const KeySource sources[] = {
    {BERTH_INTERFACE, BERTH_KEY_MAC, NULL, LOWER, {"mac/@address"}},
    {BERTH_DISK, BERTH_KEY_SERIAL, NULL, TEXT, {"serial"}},
    {BERTH_DISK, BERTH_KEY_WWN, NULL, LOWER, {"wwn"}},
    {BERTH_DISK, BERTH_KEY_TARGET, NULL, TEXT, {"target/@bus", "target/@dev"}},
    {BERTH_FILESYSTEM, BERTH_KEY_FSTARGET, NULL, TEXT, {"target/@dir"}},
    {BERTH_CHANNEL, BERTH_KEY_CHANNEL, NULL, TEXT, {"target/@type", "target/@name"}},
    {BERTH_HOSTDEV, BERTH_KEY_SOURCE, "pci", PCI, {"source/address/@bus"}},
    {BERTH_INTERFACE, BERTH_KEY_SOURCE, "hostdev", PCI, {"source/address/@bus"}},
    {BERTH_HOSTDEV, BERTH_KEY_SOURCE, "usb", NUMBERS, {"source/vendor/@id", "source/product/@id"}},
    {BERTH_HOSTDEV, BERTH_KEY_SOURCE, "usb", NUMBERS, {"source/address/@bus", "source/address/@device"}},
    {BERTH_HOSTDEV, BERTH_KEY_SOURCE, "mdev", LOWER, {"source/address/@uuid"}},
    {BERTH_HOSTDEV,
     BERTH_KEY_SOURCE,
     "scsi",
     TEXT,
     {"source/adapter/@name", "source/address/@bus", "source/address/@target", "source/address/@unit"}},
    {BERTH_HOSTDEV, BERTH_KEY_SOURCE, "scsi_host", LOWER, {"source/@wwpn"}},
    {BERTH_INPUT, BERTH_KEY_SOURCE, "evdev", TEXT, {"source/@dev"}},
    {BERTH_INPUT, BERTH_KEY_SOURCE, "passthrough", TEXT, {"source/@evdev"}},
    {BERTH_SHMEM, BERTH_KEY_SOURCE, NULL, TEXT, {"@name"}},
    {BERTH_MEMORY, BERTH_KEY_SOURCE, NULL, TEXT, {"source/path"}},
};

/* What a network key is read from: the first that is there. */
static const char *const networks[] = {"source/@network", "source/@bridge", "source/@dev"};

/* What is a device's place, its keys or its rank: not its content, so that gaining one does not change it. */
static const char *const not_content[] = {"address", "alias", "mac", "serial", "wwn", "model/@primary", NULL};

static void add_key(BerthDevice *device, guint key_class, char *value) {
  BerthKey key = {key_class, g_strconcat(berth_model_key_class_name(key_class), "=", value, NULL)};
  g_free(value);
  g_array_append_val(device->keys, key);
}

static void key_clear(gpointer data) {
  BerthKey *key = data;
  g_free(key->text);
}

static char *stripped(const char *text) {
  return text != NULL ? g_strstrip(g_strdup(text)) : NULL;
}

static char *pci_value(const BerthDevice *device) {
  return g_strdup_printf("pci:%04x:%02x:%02x.%x", (guint)berth_model_device_number(device, "source/address/@domain", 0),
                         (guint)berth_model_device_number(device, "source/address/@bus", 0),
                         (guint)berth_model_device_number(device, "source/address/@slot", 0),
                         (guint)berth_model_device_number(device, "source/address/@function", 0));
}

/* NULL where the device does not have all of it. */
static char *source_value(const BerthDevice *device, const KeySource *source) {
  g_autoptr(GString) value = g_string_new(source->form == PCI ? NULL : source->type);
  if (source->type != NULL && !berth_model_device_is(device, "@type", source->type))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS(source->paths) && source->paths[i] != NULL; i++) {
    g_autofree char *part = stripped(berth_model_device_get(device, source->paths[i]));
    if (part == NULL || *part == '\0')
      return NULL;
    if (value->len > 0)
      g_string_append_c(value, ':');
    if (source->form == NUMBERS)
      g_string_append_printf(value, "%04" G_GINT64_MODIFIER "x", berth_model_device_number(device, source->paths[i], 0));
    else
      g_string_append(value, part);
  }
  if (source->form == PCI)
    return pci_value(device);
  return source->form == LOWER ? g_ascii_strdown(value->str, -1) : g_string_free(g_steal_pointer(&value), FALSE);
}

static int compare_lines(gconstpointer a, gconstpointer b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether @path is, or is below, what is not content. */
static gboolean is_content(const char *path) {
  for (guint i = 0; not_content[i] != NULL; i++) {
    gsize length = strlen(not_content[i]);
    if (strncmp(path, not_content[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
      return FALSE;
  }
  return TRUE;
}

static void add_line(GPtrArray *lines, const char *path, const char *value) {
  g_autofree char *text = stripped(value);
  if (text != NULL && *text != '\0')
    g_ptr_array_add(lines, g_strconcat(path, "=", text, NULL));
}

/* What an element says, a line a value. Depth is bounded by the parser (BERTH_XML_MAX_DEPTH). */
static void add_node(GPtrArray *lines, const BerthXmlNode *node, const char *prefix) {
  for (guint i = 0; i < node->n_attributes; i++) {
    g_autofree char *path = g_strconcat(prefix, "@", node->attributes[i].name, NULL);
    if (is_content(path))
      add_line(lines, path, node->attributes[i].value);
  }
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next) {
    g_autofree char *path = g_strconcat(prefix, child->name, NULL);
    g_autofree char *below = g_strconcat(path, "/", NULL);
    if (!is_content(path))
      continue;
    if (child->n_attributes == 0 && child->first == NULL && child->text == NULL)
      g_ptr_array_add(lines, g_strdup(below)); /* <readonly/> */
    add_line(lines, path, child->text);
    add_node(lines, child, below);
  }
}

/* The line of the value that the document has at @path, which what berth set replaces. */
static void remove_line(GPtrArray *lines, const char *path) {
  gsize length = strlen(path);
  for (guint i = 0; i < lines->len; i++) {
    const char *line = g_ptr_array_index(lines, i);
    if (strncmp(line, path, length) == 0 && line[length] == '=') {
      g_ptr_array_remove_index(lines, i);
      return;
    }
  }
}

/* Of the element as it will be written: so that a document that went through berth has the same content as before. */
static char *content_value(const BerthDevice *device) {
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
  if (device->node != NULL)
    add_node(lines, device->node, "");
  for (guint i = 0; device->sets != NULL && i < device->sets->len; i++) {
    const BerthSet *set = &g_array_index(device->sets, BerthSet, i);
    if (!is_content(set->path))
      continue;
    remove_line(lines, set->path);
    add_line(lines, set->path, set->value);
  }
  g_ptr_array_sort(lines, compare_lines);
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
  for (guint i = 0; i < lines->len; i++) {
    const char *line = g_ptr_array_index(lines, i);
    g_checksum_update(sum, (const guchar *)line, (gssize)strlen(line) + 1);
  }
  return g_strndup(g_checksum_get_string(sum), CONTENT_DIGITS);
}

/* Controllers are counted within their index: only USB companions share one, and a list may have the others in any order. */
static char *with_ordinal(GHashTable *ordinals, const BerthDevice *device, const char *value) {
  gint64 index = device->element->id == BERTH_CONTROLLER ? device->index : -1;
  char *counted = g_strdup_printf("%u %" G_GINT64_FORMAT " %s", device->element->id, index, value);
  guint n = GPOINTER_TO_UINT(g_hash_table_lookup(ordinals, counted));
  g_hash_table_replace(ordinals, counted, GUINT_TO_POINTER(n + 1));
  return g_strdup_printf("%s#%u", value, n);
}

static char *network_value(const BerthDevice *device, GHashTable *ordinals) {
  const char *name = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(networks) && name == NULL; i++)
    name = berth_model_device_get(device, networks[i]);
  const char *type = berth_model_device_get(device, "@type");
  g_autofree char *value = g_strconcat(type != NULL ? type : "", name != NULL ? ":" : NULL, name, NULL);
  return with_ordinal(ordinals, device, value);
}

/* The flavour of a virtio device is not what it is: with or without one it is the same device. */
static char *kind_value(const BerthDevice *device) {
  static const char *const flavours[] = {"-non-transitional", "-transitional"};
  char *variant = device->element->variant(device);
  for (guint i = 0; i < G_N_ELEMENTS(flavours); i++)
    if (g_str_has_suffix(variant, flavours[i]))
      variant[strlen(variant) - strlen(flavours[i])] = '\0';
  return variant;
}

/* NULL: none, or one that libvirt made. */
static const char *user_alias(const BerthDevice *device) {
  const char *alias = berth_model_device_get(device, "alias/@name");
  return alias != NULL && g_str_has_prefix(alias, "ua-") ? alias : NULL;
}

/* Strongest first: the table and the calls below are in that order. */
static void identify(BerthDevice *device, GHashTable *ordinals) {
  if (device->keys != NULL)
    g_array_unref(device->keys);
  device->keys = g_array_new(FALSE, FALSE, sizeof(BerthKey));
  g_array_set_clear_func(device->keys, key_clear);

  const char *alias = user_alias(device);
  if (alias != NULL)
    add_key(device, BERTH_KEY_ALIAS, g_strdup(alias));
  gboolean settled = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
    char *value = sources[i].element == device->element->id ? source_value(device, &sources[i]) : NULL;
    if (value != NULL)
      add_key(device, sources[i].key_class, value);
    settled |= value != NULL && sources[i].key_class >= BERTH_KEY_TARGET;
  }
  const char *type = berth_model_device_get(device, "@type");
  if (device->element->id == BERTH_CONTROLLER) {
    add_key(device, BERTH_KEY_CONTROLLER, g_strdup_printf("%s:%" G_GINT64_FORMAT, type != NULL ? type : "", device->index));
    settled = TRUE;
  }
  if (!settled)
    add_key(device, BERTH_KEY_CONTENT, content_value(device));
  if (device->element->id == BERTH_INTERFACE)
    add_key(device, BERTH_KEY_NETWORK, network_value(device, ordinals));
  g_autofree char *kind = kind_value(device);
  add_key(device, BERTH_KEY_KIND, with_ordinal(ordinals, device, kind));
  if (berth_model_device_key(device, BERTH_KEY_MAC) != NULL && berth_xml_node_get(device->node, "mac/@address") == NULL)
    add_key(device, BERTH_KEY_DERIVED, g_strdup("mac"));
}

void berth_assign_identity_refresh(const BerthInventory *inventory) {
  g_autoptr(GHashTable) ordinals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < inventory->devices->len; i++)
    identify(g_ptr_array_index(inventory->devices, i), ordinals);
}

/* Records @device's claim to @text; FALSE with an error if another device has it. */
static gboolean claim(GHashTable *claims, const BerthInventory *inventory, const BerthDevice *device, const char *what,
                      const char *text, GError **error) {
  g_autofree char *key = g_strconcat(what, " ", text, NULL);
  const BerthDevice *other = g_hash_table_lookup(claims, key);
  if (other == NULL) {
    g_hash_table_insert(claims, g_steal_pointer(&key), (gpointer)device);
    return TRUE;
  }
  berth_model_inventory_new_first(inventory, &device, &other);
  g_autofree char *name = berth_model_device_cite(other, device->node);
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, inventory->document, device->node, "%s '%s' is taken already by %s", what, text,
                  name);
  return FALSE;
}

gboolean berth_assign_identify(BerthAssignment *assignment, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  /* Without a record there is nothing to match yet; the new record has its keys made when it is. */
  if (assignment->record != NULL)
    berth_assign_identity_refresh(assignment->inventory);
  g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(inventory->devices, i);
    const char *alias = user_alias(device);
    const char *target = device->element->id == BERTH_DISK ? berth_model_device_get(device, "target/@dev") : NULL;
    if (alias != NULL && !claim(claims, inventory, device, "alias", alias, error))
      return FALSE;
    if (target != NULL && !claim(claims, inventory, device, "target", target, error))
      return FALSE;
  }
  return TRUE;
}
