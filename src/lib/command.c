/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <string.h>

#include "assign/remember.h"
#include "emit/emit.h"
#include "facts/facts.h"
#include "families/families.h"
#include "guest/launch.h"
#include "kinds/kinds.h"

/* QEMU makes its monitors' sockets, but not the folder that they are in. */
static GBytes *as_shell(const char *const *argv, const char *run_dir) {
  const char *const folder[] = {"mkdir", "-p", "-m", "700", run_dir, NULL};
  g_autofree char *first = berth_emit_shell(folder);
  g_autofree char *line = berth_emit_shell(argv);
  g_autofree char *whole = g_strconcat(first, " && ", line, "\n", NULL);
  gsize size = strlen(whole);
  return g_bytes_new_take(g_steal_pointer(&whole), size);
}

static GBytes *as_argv(const char *const *argv, G_GNUC_UNUSED const char *run_dir) {
  GByteArray *bytes = g_byte_array_new();
  for (gsize i = 0; argv[i] != NULL; i++)
    g_byte_array_append(bytes, (const guint8 *)argv[i], strlen(argv[i]) + 1);
  return g_byte_array_free_to_bytes(bytes);
}

static GBytes *as_json(const char *const *argv, G_GNUC_UNUSED const char *run_dir) {
  g_autoptr(JsonBuilder) builder = json_builder_new();
  json_builder_begin_array(builder);
  for (gsize i = 0; argv[i] != NULL; i++)
    json_builder_add_string_value(builder, argv[i]);
  json_builder_end_array(builder);
  g_autoptr(JsonNode) root = json_builder_get_root(builder);
  g_autofree char *json = json_to_string(root, TRUE);
  g_autofree char *whole = g_strconcat(json, "\n", NULL);
  gsize size = strlen(whole);
  return g_bytes_new_take(g_steal_pointer(&whole), size);
}

static GBytes *(*const formats[])(const char *const *argv, const char *run_dir) = {
    [BERTH_COMMAND_SHELL] = as_shell, [BERTH_COMMAND_ARGV] = as_argv, [BERTH_COMMAND_JSON] = as_json};

/* The binary is not looked for: this is a command to read, maybe for another machine. */
static const char *binary_name(const BerthPlan *plan, const BerthEnv *env, const BerthFacts *facts) {
  if (facts != NULL)
    return facts->binary;
  if (env->qemu != NULL)
    return env->qemu;
  const char *emulator = berth_xml_node_get(plan->inventory->document->root, "devices/emulator");
  return emulator != NULL ? emulator : "qemu-system-x86_64";
}

GBytes *berth_plan_command(const BerthPlan *plan, const BerthEnv *env, const BerthFacts *facts, BerthCommandFormat format,
                           GError **error) {
  g_return_val_if_fail((guint)format < G_N_ELEMENTS(formats), NULL);
  const BerthRecord *record = berth_assign_record(plan);
  const char *folder = record->uuid != NULL ? record->uuid : record->name != NULL ? record->name : "guest";
  g_autofree char *run_dir = berth_lib_run_dir(env, folder);
  g_autoptr(BerthQemu) qemu = berth_kinds_build(plan->inventory, facts, berth_families, run_dir, error);
  if (qemu == NULL)
    return NULL;
  g_free(qemu->binary);
  qemu->binary = g_strdup(binary_name(plan, env, facts));
  g_auto(GStrv) argv = berth_guest_arguments(qemu, run_dir, error);
  return argv != NULL ? formats[format]((const char *const *)argv, run_dir) : NULL;
}

GBytes *berth_guest_command(Berth *berth, const char *guest, BerthCommandFormat format, GError **error) {
  g_autoptr(BerthPlan) plan = berth_plan_of_guest(berth, guest, error);
  if (plan == NULL)
    return NULL;
  g_autoptr(GError) failure = NULL;
  const char *emulator = berth_xml_node_get(plan->document->root, "devices/emulator");
  g_autoptr(BerthFacts) facts = berth_lib_facts(berth->env, emulator, &failure);
  if (facts != NULL || g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
    return berth_plan_command(plan, berth->env, facts, format, error);
  g_propagate_error(error, g_steal_pointer(&failure));
  return NULL;
}
