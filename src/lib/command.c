/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <string.h>

#include "assign/remember.h"
#include "emit/emit.h"
#include "facts/facts.h"
#include "families/families.h"
#include "guest/launch.h"
#include "guest/prepare.h"
#include "kinds/kinds.h"

/* " && ONE LINE" behind what is there. */
static void add_line(GString *text, const char *const *argv, const char *tail) {
  g_autofree char *line = berth_emit_shell(argv);
  g_string_append_printf(text, "%s%s%s", text->len > 0 ? " && " : "", line, tail);
}

/* What has to be done before: folders (QEMU makes its sockets, but not the folder that they are in), files, helpers. */
static void add_preparation(GString *text, const BerthQemu *qemu, const char *run_dir) {
  add_line(text, (const char *[]){"mkdir", "-p", "-m", "700", run_dir, NULL}, "");
  for (guint i = 0; i < qemu->files->len; i++) {
    const BerthQemuFile *file = g_ptr_array_index(qemu->files, i);
    g_autofree char *folder = g_path_get_dirname(file->path);
    g_autofree char *name = g_shell_quote(file->path);
    if (file->text != NULL) {
      g_autofree char *line = berth_emit_shell((const char *[]){"printf", "%s", file->text, NULL});
      g_string_append_printf(text, " && (umask 077 && %s >%s)", line, name);
    } else {
      add_line(text, (const char *[]){"mkdir", "-p", "-m", "700", folder, NULL}, "");
      add_line(text, (const char *[]){"cp", "-n", file->from, file->path, NULL}, "");
    }
  }
  for (guint i = 0; i < qemu->helpers->len; i++) {
    const BerthQemuHelper *helper = g_ptr_array_index(qemu->helpers, i);
    if (helper->folder != NULL)
      add_line(text, (const char *[]){"mkdir", "-p", "-m", "700", helper->folder, NULL}, "");
    g_autofree char *line = berth_emit_shell((const char *const *)helper->argv);
    g_autofree char *socket = g_shell_quote(helper->socket);
    g_string_append_printf(text, " && { %s & } && until test -e %s; do sleep 0.1; done", line, socket);
  }
}

static GBytes *as_shell(const BerthQemu *qemu, const char *const *argv, const char *run_dir) {
  GString *text = g_string_new(NULL);
  add_preparation(text, qemu, run_dir);
  add_line(text, argv, "\n");
  return g_string_free_to_bytes(text);
}

static GBytes *as_argv(G_GNUC_UNUSED const BerthQemu *qemu, const char *const *argv, G_GNUC_UNUSED const char *run_dir) {
  GByteArray *bytes = g_byte_array_new();
  for (gsize i = 0; argv[i] != NULL; i++)
    g_byte_array_append(bytes, (const guint8 *)argv[i], strlen(argv[i]) + 1);
  return g_byte_array_free_to_bytes(bytes);
}

static GBytes *as_json(G_GNUC_UNUSED const BerthQemu *qemu, const char *const *argv, G_GNUC_UNUSED const char *run_dir) {
  g_autoptr(json_object) array = json_object_new_array();
  for (gsize i = 0; argv[i] != NULL; i++)
    json_object_array_add(array, json_object_new_string(argv[i]));
  g_autofree char *whole = g_strconcat(berth_json_pretty(array), "\n", NULL);
  gsize size = strlen(whole);
  return g_bytes_new_take(g_steal_pointer(&whole), size);
}

static GBytes *(*const formats[])(const BerthQemu *qemu, const char *const *argv, const char *run_dir) = {
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

/* With variables of its own QEMU is started by env(1). (transfer full) */
static GStrv with_environment(const BerthQemu *qemu, const char *const *argv) {
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  if (qemu->environment->len > 0)
    g_strv_builder_add(builder, "env");
  for (guint i = 0; i < qemu->environment->len; i++)
    g_strv_builder_add(builder, g_ptr_array_index(qemu->environment, i));
  g_strv_builder_addv(builder, (const char **)argv);
  return g_strv_builder_end(builder);
}

/* What has no effect, what has to be there, and, where the format has no room for it, what to do before. (transfer full) */
static GStrv notes_of(const BerthQemu *qemu, BerthCommandFormat format) {
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  g_autoptr(GPtrArray) missing = berth_guest_missing(qemu);
  for (guint i = 0; i < qemu->notes->len; i++)
    g_strv_builder_add(builder, g_ptr_array_index(qemu->notes, i));
  for (guint i = 0; i < missing->len; i++)
    g_strv_builder_add(builder, g_ptr_array_index(missing, i));
  for (guint i = 0; format != BERTH_COMMAND_SHELL && i < qemu->files->len; i++) {
    const BerthQemuFile *file = g_ptr_array_index(qemu->files, i);
    g_autofree char *note = file->text != NULL ? g_strdup_printf("%s: must be there first; --format shell writes it", file->path)
                                               : g_strdup_printf("%s: must be there first, a copy of %s", file->path, file->from);
    g_strv_builder_add(builder, note);
  }
  for (guint i = 0; format != BERTH_COMMAND_SHELL && i < qemu->helpers->len; i++) {
    const BerthQemuHelper *helper = g_ptr_array_index(qemu->helpers, i);
    g_autofree char *line = berth_emit_shell((const char *const *)helper->argv);
    g_autofree char *note = g_strdup_printf("%s: must run first: %s", helper->message, line);
    g_strv_builder_add(builder, note);
  }
  return g_strv_builder_end(builder);
}

GBytes *berth_plan_command(const BerthPlan *plan, const BerthEnv *env, const BerthFacts *facts, BerthCommandFormat format,
                           char ***notes, GError **error) {
  g_return_val_if_fail((guint)format < G_N_ELEMENTS(formats), NULL);
  const BerthRecord *record = berth_assign_record(plan);
  const char *folder = record->uuid != NULL ? record->uuid : record->name != NULL ? record->name : "guest";
  g_autofree char *run_dir = berth_lib_run_dir(env, folder);
  g_autoptr(BerthHostFacts) host = berth_lib_host_facts(env, run_dir, plan->inventory->document);
  g_autoptr(BerthQemu) qemu = berth_kinds_build(plan->inventory, facts, berth_families, host, error);
  if (qemu == NULL)
    return NULL;
  g_free(qemu->binary);
  qemu->binary = g_strdup(binary_name(plan, env, facts));
  g_auto(GStrv) bare = berth_guest_arguments(qemu, run_dir, error);
  if (bare == NULL)
    return NULL;
  g_auto(GStrv) argv = with_environment(qemu, (const char *const *)bare);
  if (notes != NULL)
    *notes = notes_of(qemu, format);
  return formats[format](qemu, (const char *const *)argv, run_dir);
}

GBytes *berth_guest_command(Berth *berth, const char *guest, BerthCommandFormat format, char ***notes, GError **error) {
  g_autoptr(BerthPlan) plan = berth_plan_of_guest(berth, guest, error);
  if (plan == NULL)
    return NULL;
  g_autoptr(GError) failure = NULL;
  const char *emulator = berth_xml_node_get(plan->document->root, "devices/emulator");
  g_autoptr(BerthFacts) facts = berth_lib_facts(berth->env, emulator, &failure);
  if (facts != NULL || g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
    return berth_plan_command(plan, berth->env, facts, format, notes, error);
  g_propagate_error(error, g_steal_pointer(&failure));
  return NULL;
}
