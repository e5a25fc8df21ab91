/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/inspect.h"

#include <string.h>

#include "guest/control.h"

#define MAX_BRIDGES 32
#define CHILD "child<"

/* The answer to @command, which must be a list. (transfer full) */
static JsonNode *list_of(BerthQmp *qmp, const char *command, JsonObject *arguments, GError **error) {
  g_autoptr(JsonNode) answer = berth_qmp_execute(qmp, command, arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  if (answer == NULL || JSON_NODE_HOLDS_ARRAY(answer))
    return g_steal_pointer(&answer);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"%s\" with something else", command);
  return NULL;
}

static JsonObject *element(JsonNode *list, guint i) {
  JsonNode *node = json_array_get_element(json_node_get_array(list), i);
  return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static guint length(JsonNode *list) {
  return list != NULL && JSON_NODE_HOLDS_ARRAY(list) ? json_array_get_length(json_node_get_array(list)) : 0;
}

static const char *text(JsonObject *object, const char *name) {
  JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
  const char *value = node != NULL && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
  return value != NULL ? value : "";
}

static JsonObject *member(JsonObject *object, const char *name) {
  JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
  return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static GHashTable *table_of_texts(void) {
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

GHashTable *berth_guest_models(BerthQmp *qmp, GError **error) {
  g_autoptr(JsonObject) arguments = json_object_new();
  json_object_set_string_member(arguments, "path", "/machine/peripheral");
  g_autoptr(JsonNode) answer = list_of(qmp, "qom-list", arguments, error);
  if (answer == NULL)
    return NULL;
  GHashTable *models = table_of_texts();
  for (guint i = 0; i < length(answer); i++) {
    const char *name = text(element(answer, i), "name"), *type = text(element(answer, i), "type");
    if (g_str_has_prefix(type, CHILD))
      g_hash_table_insert(models, g_strdup(name), g_strndup(type + strlen(CHILD), strlen(type) - strlen(CHILD) - 1));
  }
  return models;
}

GHashTable *berth_guest_media(BerthQmp *qmp, GError **error) {
  g_autoptr(JsonNode) answer = list_of(qmp, "query-block", NULL, error);
  if (answer == NULL)
    return NULL;
  GHashTable *media = table_of_texts();
  for (guint i = 0; i < length(answer); i++) {
    JsonObject *drive = element(answer, i);
    g_hash_table_insert(media, g_strdup(text(drive, "qdev")), g_strdup(text(member(drive, "inserted"), "node-name")));
  }
  return media;
}

static void view_free(gpointer data) {
  BerthPciView *view = data;
  g_free(view->bridge);
  g_free(view);
}

/* @devices: what is on one bus. */
static void see(GHashTable *views, JsonNode *devices, const char *bridge, guint depth) {
  for (guint i = 0; i < length(devices) && depth < MAX_BRIDGES; i++) {
    JsonObject *device = element(devices, i), *behind = member(device, "pci_bridge");
    const char *id = text(device, "qdev_id");
    if (device == NULL)
      continue;
    if (*id != '\0') {
      BerthPciView *view = g_new0(BerthPciView, 1);
      view->bridge = g_strdup(bridge);
      view->slot = (guint)json_object_get_int_member_with_default(device, "slot", 0);
      view->function = (guint)json_object_get_int_member_with_default(device, "function", 0);
      g_hash_table_insert(views, g_strdup(id), view);
    }
    if (behind != NULL)
      see(views, json_object_get_member(behind, "devices"), id, depth + 1);
  }
}

GHashTable *berth_guest_pci_view(BerthQmp *qmp, GError **error) {
  g_autoptr(JsonNode) answer = list_of(qmp, "query-pci", NULL, error);
  if (answer == NULL)
    return NULL;
  GHashTable *views = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, view_free);
  /* The root bus is the first; expander buses are behind bridges of their own, whose numbers say nothing here. */
  for (guint i = 0; i < length(answer); i++)
    if (json_object_get_int_member_with_default(element(answer, i), "bus", -1) == 0)
      see(views, json_object_get_member(element(answer, i), "devices"), "", 0);
  return views;
}

/* QEMU's names differ from kind to kind (QMP reference: MemoryDeviceInfo). */
static guint64 number(JsonObject *data, const char *name, const char *otherwise) {
  const char *found = json_object_has_member(data, name) ? name : otherwise;
  return (guint64)json_object_get_int_member_with_default(data, found, 0);
}

GHashTable *berth_guest_memory(BerthQmp *qmp, GError **error) {
  g_autoptr(JsonNode) answer = list_of(qmp, "query-memory-devices", NULL, error);
  if (answer == NULL)
    return NULL;
  GHashTable *memory = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < length(answer); i++) {
    JsonObject *data = member(element(answer, i), "data");
    if (data == NULL)
      continue;
    BerthMemoryView *view = g_new0(BerthMemoryView, 1);
    view->size = number(data, "max-size", "size");
    view->requested = number(data, "requested-size", "size");
    view->address = number(data, "memaddr", "addr");
    view->slot = json_object_get_int_member_with_default(data, "slot", -1);
    g_hash_table_insert(memory, g_strdup(text(data, "id")), view);
  }
  return memory;
}
