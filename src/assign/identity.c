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

/* Children that are a device's place or its keys: not its content, so that gaining one does not change it. */
static const char *const not_content[] = {"address", "alias", "mac", "serial", "wwn", NULL};

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

static int compare_attributes(gconstpointer a, gconstpointer b) {
  const BerthXmlAttribute *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

/* Lengths in front, so that no two trees give the same bytes. */
static void add_text(GChecksum *sum, char what, const char *text) {
  g_autofree char *piece = stripped(text);
  g_autofree char *head = g_strdup_printf("%c%" G_GSIZE_FORMAT ":", what, strlen(piece));
  g_checksum_update(sum, (const guchar *)head, -1);
  g_checksum_update(sum, (const guchar *)piece, -1);
}

/* Depth is bounded by the parser (BERTH_XML_MAX_DEPTH). */
static void add_node(GChecksum *sum, const BerthXmlNode *node, const char *const *skip) {
  g_autoptr(GPtrArray) attributes = g_ptr_array_new();
  for (guint i = 0; i < node->n_attributes; i++)
    g_ptr_array_add(attributes, &node->attributes[i]);
  g_ptr_array_sort(attributes, compare_attributes);
  add_text(sum, '<', node->name);
  for (guint i = 0; i < attributes->len; i++) {
    const BerthXmlAttribute *attribute = g_ptr_array_index(attributes, i);
    add_text(sum, '@', attribute->name);
    add_text(sum, '=', attribute->value);
  }
  if (node->text != NULL)
    add_text(sum, 't', node->text);
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next)
    if (skip == NULL || !g_strv_contains(skip, child->name))
      add_node(sum, child, NULL);
  add_text(sum, '>', "");
}

static char *content_value(const BerthDevice *device) {
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
  add_node(sum, device->node, not_content);
  return g_strndup(g_checksum_get_string(sum), CONTENT_DIGITS);
}

static char *with_ordinal(GHashTable *ordinals, const BerthDevice *device, const char *value) {
  char *counted = g_strdup_printf("%u %s", device->element->id, value);
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

/* Strongest first: the table and the calls below are in that order. */
static void identify(BerthDevice *device, GHashTable *ordinals) {
  if (device->keys != NULL)
    g_array_unref(device->keys);
  device->keys = g_array_new(FALSE, FALSE, sizeof(BerthKey));
  g_array_set_clear_func(device->keys, key_clear);

  const char *alias = berth_model_device_get(device, "alias/@name");
  if (alias != NULL && g_str_has_prefix(alias, "ua-"))
    add_key(device, BERTH_KEY_ALIAS, g_strdup(alias));
  gboolean settled = device->node == NULL;
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

void berth_assign_identity_refresh(BerthInventory *inventory) {
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
  g_autofree char *name = berth_model_device_name(other);
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, inventory->document, device->node, "%s '%s' is taken already by %s in line %u",
                  what, text, name, other->node != NULL ? other->node->line : 0);
  return FALSE;
}

gboolean berth_assign_identify(BerthAssignment *assignment, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  berth_assign_identity_refresh(assignment->inventory);
  g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(inventory->devices, i);
    const char *alias = berth_model_device_key(device, BERTH_KEY_ALIAS);
    const char *target = device->element->id == BERTH_DISK ? berth_model_device_get(device, "target/@dev") : NULL;
    if (alias != NULL && !claim(claims, inventory, device, "alias", alias + strlen("alias="), error))
      return FALSE;
    if (target != NULL && !claim(claims, inventory, device, "target", target, error))
      return FALSE;
  }
  return TRUE;
}
