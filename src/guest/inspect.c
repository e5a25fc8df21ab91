/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/inspect.h"

#include <string.h>

#include "guest/control.h"

#define MAX_BRIDGES 32
#define CHILD "child<"

/* The answer to @command, which must be a list. (transfer full) */
static json_object *list_of(BerthQmp *qmp, const char *command, json_object *arguments, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, command, arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  if (answer == NULL || json_object_is_type(answer, json_type_array))
    return g_steal_pointer(&answer);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"%s\" with something else", command);
  return NULL;
}

static GHashTable *table_of_texts(void) {
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

GHashTable *berth_guest_models(BerthQmp *qmp, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "path", "/machine/peripheral");
  g_autoptr(json_object) answer = list_of(qmp, "qom-list", arguments, error);
  if (answer == NULL)
    return NULL;
  GHashTable *models = table_of_texts();
  for (guint i = 0; i < berth_json_length(answer); i++) {
    json_object *child = json_object_array_get_idx(answer, i);
    const char *name = berth_json_member_string_or(child, "name", ""), *type = berth_json_member_string_or(child, "type", "");
    if (g_str_has_prefix(type, CHILD))
      g_hash_table_insert(models, g_strdup(name), g_strndup(type + strlen(CHILD), strlen(type) - strlen(CHILD) - 1));
  }
  return models;
}

GHashTable *berth_guest_media(BerthQmp *qmp, GError **error) {
  g_autoptr(json_object) answer = list_of(qmp, "query-block", NULL, error);
  if (answer == NULL)
    return NULL;
  GHashTable *media = table_of_texts();
  for (guint i = 0; i < berth_json_length(answer); i++) {
    json_object *drive = json_object_array_get_idx(answer, i);
    g_hash_table_insert(media, g_strdup(berth_json_member_string_or(drive, "qdev", "")),
                        g_strdup(berth_json_member_string_or(berth_json_member(drive, "inserted"), "node-name", "")));
  }
  return media;
}

static void view_free(gpointer data) {
  BerthPciView *view = data;
  g_free(view->bridge);
  g_free(view);
}

/* @devices: what is on one bus. */
static void see(GHashTable *views, json_object *devices, const char *bridge, guint depth) {
  for (guint i = 0; i < berth_json_length(devices) && depth < MAX_BRIDGES; i++) {
    json_object *device = json_object_array_get_idx(devices, i), *behind = berth_json_member_object(device, "pci_bridge");
    const char *id = berth_json_member_string_or(device, "qdev_id", "");
    if (device == NULL)
      continue;
    if (*id != '\0') {
      BerthPciView *view = g_new0(BerthPciView, 1);
      view->bridge = g_strdup(bridge);
      view->slot = (guint)berth_json_member_int(device, "slot", 0);
      view->function = (guint)berth_json_member_int(device, "function", 0);
      g_hash_table_insert(views, g_strdup(id), view);
    }
    if (behind != NULL)
      see(views, berth_json_member(behind, "devices"), id, depth + 1);
  }
}

GHashTable *berth_guest_pci_view(BerthQmp *qmp, GError **error) {
  g_autoptr(json_object) answer = list_of(qmp, "query-pci", NULL, error);
  if (answer == NULL)
    return NULL;
  GHashTable *views = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, view_free);
  /* The root bus is the first; expander buses are behind bridges of their own, whose numbers say nothing here. */
  for (guint i = 0; i < berth_json_length(answer); i++)
    if (berth_json_member_int(json_object_array_get_idx(answer, i), "bus", -1) == 0)
      see(views, berth_json_member(json_object_array_get_idx(answer, i), "devices"), "", 0);
  return views;
}

/* QEMU's names differ from kind to kind (QMP reference: MemoryDeviceInfo). */
static guint64 number(json_object *data, const char *name, const char *otherwise) {
  const char *found = json_object_object_get_ex(data, name, NULL) ? name : otherwise;
  return (guint64)berth_json_member_int(data, found, 0);
}

GHashTable *berth_guest_memory(BerthQmp *qmp, GError **error) {
  g_autoptr(json_object) answer = list_of(qmp, "query-memory-devices", NULL, error);
  if (answer == NULL)
    return NULL;
  GHashTable *memory = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < berth_json_length(answer); i++) {
    json_object *data = berth_json_member_object(json_object_array_get_idx(answer, i), "data");
    if (data == NULL)
      continue;
    BerthMemoryView *view = g_new0(BerthMemoryView, 1);
    view->size = number(data, "max-size", "size");
    view->requested = number(data, "requested-size", "size");
    view->address = number(data, "memaddr", "addr");
    view->slot = berth_json_member_int(data, "slot", -1);
    g_hash_table_insert(memory, g_strdup(berth_json_member_string_or(data, "id", "")), view);
  }
  return memory;
}
