/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/host.h"

#include <json-glib/json-glib.h>

BerthHostFacts *berth_facts_host_new(const char *run_dir, const char *state_dir, gint64 now) {
  BerthHostFacts *host = g_new0(BerthHostFacts, 1);
  host->run_dir = g_strdup(run_dir);
  host->state_dir = g_strdup(state_dir);
  host->secrets_dir = g_build_filename(state_dir, "secrets", NULL);
  host->now = now;
  host->networks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  host->addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  host->scsi = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  host->firmware = g_ptr_array_new_with_free_func((GDestroyNotify)berth_facts_firmware_free);
  return host;
}

void berth_facts_host_free(BerthHostFacts *host) {
  if (host == NULL)
    return;
  g_free(host->run_dir);
  g_free(host->state_dir);
  g_free(host->secrets_dir);
  g_clear_pointer(&host->networks, g_hash_table_unref);
  g_clear_pointer(&host->addresses, g_hash_table_unref);
  g_clear_pointer(&host->scsi, g_hash_table_unref);
  g_clear_pointer(&host->firmware, g_ptr_array_unref);
  g_free(host);
}

void berth_facts_firmware_free(BerthFirmware *firmware) {
  if (firmware == NULL)
    return;
  g_free(firmware->name);
  g_free(firmware->interface);
  g_free(firmware->executable);
  g_free(firmware->executable_format);
  g_free(firmware->variables);
  g_free(firmware->variables_format);
  g_strfreev(firmware->features);
  g_clear_pointer(&firmware->targets, g_ptr_array_unref);
  g_free(firmware);
}

/* ---- descriptors ---- */

static JsonObject *object_at(JsonObject *object, const char *member) {
  JsonNode *node = object != NULL ? json_object_get_member(object, member) : NULL;
  return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static char *text_at(JsonObject *object, const char *member) {
  JsonNode *node = object != NULL ? json_object_get_member(object, member) : NULL;
  return node != NULL && JSON_NODE_HOLDS_VALUE(node) ? g_strdup(json_node_get_string(node)) : NULL;
}

static GStrv texts_at(JsonObject *object, const char *member) {
  JsonNode *node = object != NULL ? json_object_get_member(object, member) : NULL;
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
    const char *text = JSON_NODE_HOLDS_VALUE(json_array_get_element(array, i)) ? json_array_get_string_element(array, i) : NULL;
    if (text != NULL)
      g_strv_builder_add(builder, text);
  }
  return g_strv_builder_end(builder);
}

static void read_targets(BerthFirmware *firmware, JsonObject *root) {
  JsonNode *node = json_object_get_member(root, "targets");
  JsonArray *targets = node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
  firmware->targets = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; targets != NULL && i < json_array_get_length(targets); i++) {
    JsonNode *element = json_array_get_element(targets, i);
    JsonObject *target = JSON_NODE_HOLDS_OBJECT(element) ? json_node_get_object(element) : NULL;
    g_autofree char *arch = text_at(target, "architecture");
    g_auto(GStrv) machines = texts_at(target, "machines");
    for (guint m = 0; arch != NULL && machines[m] != NULL; m++)
      g_ptr_array_add(firmware->targets, g_strconcat(arch, "/", machines[m], NULL));
  }
}

/* A descriptor without "mode" is of the time when an image and its variables always were two files. */
static void read_mapping(BerthFirmware *firmware, JsonObject *mapping) {
  g_autofree char *device = text_at(mapping, "device");
  JsonObject *executable = object_at(mapping, "executable"), *variables = object_at(mapping, "nvram-template");
  firmware->flash = g_strcmp0(device, "flash") == 0;
  if (firmware->flash) {
    firmware->executable = text_at(executable, "filename");
    firmware->executable_format = text_at(executable, "format");
    firmware->variables = text_at(variables, "filename");
    firmware->variables_format = text_at(variables, "format");
  } else if (g_strcmp0(device, "memory") == 0)
    firmware->executable = text_at(mapping, "filename");
}

BerthFirmware *berth_facts_firmware_parse(const char *name, const char *json, gssize length) {
  g_autoptr(JsonParser) parser = json_parser_new();
  if (!json_parser_load_from_data(parser, json, length, NULL))
    return NULL;
  JsonNode *node = json_parser_get_root(parser);
  JsonObject *root = node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
  if (root == NULL)
    return NULL;
  g_autoptr(BerthFirmware) firmware = g_new0(BerthFirmware, 1);
  g_auto(GStrv) interfaces = texts_at(root, "interface-types");
  firmware->name = g_strdup(name);
  firmware->interface = g_strdup(interfaces[0]);
  firmware->features = texts_at(root, "features");
  read_targets(firmware, root);
  read_mapping(firmware, object_at(root, "mapping"));
  return firmware->interface != NULL && firmware->executable != NULL ? g_steal_pointer(&firmware) : NULL;
}

gboolean berth_facts_firmware_fits(const BerthFirmware *firmware, const char *arch, const char *machine) {
  g_autofree char *want = g_strconcat(arch, "/", machine, NULL);
  for (guint i = 0; i < firmware->targets->len; i++) {
    const char *target = g_ptr_array_index(firmware->targets, i);
    if (g_pattern_match_simple(target, want))
      return TRUE;
  }
  return FALSE;
}

gboolean berth_facts_firmware_has(const BerthFirmware *firmware, const char *feature) {
  return g_strv_contains((const char *const *)firmware->features, feature);
}
