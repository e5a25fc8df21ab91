/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/tree.h"

#include <string.h>

/* Each level is indented by so much: a bus below its device, a device below its bus, properties below their device. */
#define STEP 2
#define MAX_LEVEL 64

typedef struct {
  const char *const *names;
  GHashTable *devices; /* id -> BerthTreeDevice; NULL: it, or one of its properties, was told twice */
  GPtrArray *buses;    /* the last bus at each level */
  BerthTreeDevice *device;
  const char *id; /* of the device; owned by the table */
  gsize level;    /* of the device's properties */
} Tree;

static void device_free(gpointer data) {
  BerthTreeDevice *device = data;
  if (device == NULL)
    return;
  g_free(device->bus);
  json_object_put(device->values);
  g_free(device);
}

BerthTreeDevice *berth_guest_tree_device_new(const char *bus, json_object *values) {
  BerthTreeDevice *device = g_new0(BerthTreeDevice, 1);
  device->bus = g_strdup(bus);
  device->values = values;
  return device;
}

GHashTable *berth_guest_tree_new(void) {
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, device_free);
}

static void enter_bus(Tree *tree, gsize level, const char *name) {
  if (tree->buses->len <= level)
    g_ptr_array_set_size(tree->buses, (gint)level + 1);
  g_free(tree->buses->pdata[level]);
  tree->buses->pdata[level] = g_strdup(name);
  tree->device = NULL;
}

/* @text: TYPE, id "ID" */
static void enter_device(Tree *tree, gsize level, const char *text) {
  const char *id = strstr(text, ", id \"");
  gsize length = id != NULL ? strlen(id += strlen(", id \"")) : 0;
  tree->device = NULL;
  if (length < 2 || id[length - 1] != '"')
    return;
  char *name = g_strndup(id, length - 1);
  const char *bus = level > 0 && level - 1 < tree->buses->len ? tree->buses->pdata[level - 1] : NULL;
  gboolean again = g_hash_table_contains(tree->devices, name);
  if (!again && bus != NULL) {
    tree->device = berth_guest_tree_device_new(bus, json_object_new_object());
    tree->id = name;
    tree->level = level + 1;
  }
  g_hash_table_replace(tree->devices, name, tree->device);
}

/* 7 (0x7) */
static gboolean is_number(const char *text, gint64 *number) {
  char *end = NULL;
  if (!g_ascii_isdigit(*text))
    return FALSE;
  *number = g_ascii_strtoll(text, &end, 10);
  return *number < G_MAXINT64 && (*end == '\0' || g_str_has_prefix(end, " (0x"));
}

/* 1f.7 */
static gboolean is_pci_address(const char *text, gint64 *number) {
  if (strlen(text) != 4 || !g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]) || text[2] != '.' || text[3] < '0' ||
      text[3] > '7')
    return FALSE;
  *number = (g_ascii_xdigit_value(text[0]) * 16 + g_ascii_xdigit_value(text[1])) * 8 + (text[3] - '0');
  return TRUE;
}

/* @text: NAME = VALUE */
static void take_property(Tree *tree, const char *text) {
  const char *equal = strstr(text, " = ");
  if (equal == NULL)
    return;
  g_autofree char *name = g_strndup(text, (gsize)(equal - text));
  const char *value = equal + strlen(" = ");
  gsize length = strlen(value);
  gint64 number = 0;
  if (!g_strv_contains(tree->names, name))
    return;
  if (json_object_object_get_ex(tree->device->values, name, NULL)) {
    tree->device = NULL;
    g_hash_table_replace(tree->devices, g_strdup(tree->id), NULL);
    return;
  }
  if (is_pci_address(value, &number) || is_number(value, &number)) {
    berth_json_set_int(tree->device->values, name, number);
  } else if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
    g_autofree char *string = g_strndup(value + 1, length - 2);
    berth_json_set_string(tree->device->values, name, string);
  }
}

static void take_line(Tree *tree, const char *line) {
  gsize indent = strspn(line, " "), level = indent / STEP;
  const char *text = line + indent;
  if (level >= MAX_LEVEL)
    return;
  if (g_str_has_prefix(text, "bus: "))
    enter_bus(tree, level, text + strlen("bus: "));
  else if (g_str_has_prefix(text, "dev: "))
    enter_device(tree, level, text + strlen("dev: "));
  else if (tree->device != NULL && level == tree->level)
    take_property(tree, text);
}

static gboolean is_doubtful(gpointer id, gpointer device, gpointer data) {
  return device == NULL;
}

void berth_guest_tree_parse(const char *text, const char *const *names, GHashTable *devices) {
  Tree tree = {.names = names, .devices = devices};
  tree.buses = g_ptr_array_new_with_free_func(g_free);
  for (const char *end = NULL; text != NULL && *text != '\0'; text = *end != '\0' ? end + 1 : NULL) {
    end = strchrnul(text, '\n');
    g_autofree char *line = g_strchomp(g_strndup(text, (gsize)(end - text)));
    take_line(&tree, line);
  }
  g_ptr_array_unref(tree.buses);
  g_hash_table_foreach_remove(devices, is_doubtful, NULL);
}
