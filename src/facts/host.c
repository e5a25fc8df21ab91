/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/host.h"

#include "base/json.h"

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

static GStrv texts_at(json_object *object, const char *member) {
  json_object *array = berth_json_member(object, member);
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  for (gsize i = 0; i < berth_json_length(array); i++) {
    const char *text = berth_json_string(json_object_array_get_idx(array, i));
    if (text != NULL)
      g_strv_builder_add(builder, text);
  }
  return g_strv_builder_end(builder);
}

static void read_targets(BerthFirmware *firmware, json_object *root) {
  json_object *targets = berth_json_member(root, "targets");
  firmware->targets = g_ptr_array_new_with_free_func(g_free);
  for (gsize i = 0; i < berth_json_length(targets); i++) {
    json_object *target = json_object_array_get_idx(targets, i);
    const char *arch = berth_json_member_string(target, "architecture");
    g_auto(GStrv) machines = texts_at(target, "machines");
    for (guint m = 0; arch != NULL && machines[m] != NULL; m++)
      g_ptr_array_add(firmware->targets, g_strconcat(arch, "/", machines[m], NULL));
  }
}

/* A descriptor without "mode" is of the time when an image and its variables always were two files. */
static void read_mapping(BerthFirmware *firmware, json_object *mapping) {
  const char *device = berth_json_member_string(mapping, "device");
  json_object *executable = berth_json_member(mapping, "executable"), *variables = berth_json_member(mapping, "nvram-template");
  firmware->flash = g_strcmp0(device, "flash") == 0;
  if (firmware->flash) {
    firmware->executable = g_strdup(berth_json_member_string(executable, "filename"));
    firmware->executable_format = g_strdup(berth_json_member_string(executable, "format"));
    firmware->variables = g_strdup(berth_json_member_string(variables, "filename"));
    firmware->variables_format = g_strdup(berth_json_member_string(variables, "format"));
  } else if (g_strcmp0(device, "memory") == 0)
    firmware->executable = g_strdup(berth_json_member_string(mapping, "filename"));
}

BerthFirmware *berth_facts_firmware_parse(const char *name, const char *json, gssize length) {
  g_autoptr(json_object) root = berth_json_parse(json, length, NULL);
  if (root == NULL)
    return NULL;
  g_autoptr(BerthFirmware) firmware = g_new0(BerthFirmware, 1);
  g_auto(GStrv) interfaces = texts_at(root, "interface-types");
  firmware->name = g_strdup(name);
  firmware->interface = g_strdup(interfaces[0]);
  firmware->features = texts_at(root, "features");
  read_targets(firmware, root);
  read_mapping(firmware, berth_json_member(root, "mapping"));
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
