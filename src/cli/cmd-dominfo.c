/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <stdarg.h>

/* virsh's words and order, with what only berth knows between them; and what JSON calls it. */
static const struct {
  const char *title;
  CliColumn column;
  const char *none; /* what virsh says instead of "-" */
} lines[] = {
    {"Id", {"PID", CLI_COLUMN_NUMBER}},
    {"Name", {"NAME", CLI_COLUMN_TEXT}},
    {"UUID", {"UUID", CLI_COLUMN_TEXT}},
    {"OS Type", {"OS_TYPE", CLI_COLUMN_TEXT}},
    {"State", {"STATE", CLI_COLUMN_TEXT}},
    {"Since", {"SINCE", CLI_COLUMN_TEXT}},
    {"CPU(s)", {"CPUS", CLI_COLUMN_NUMBER}},
    {"CPU time", {"CPU_TIME", CLI_COLUMN_TEXT}},
    {"Max memory", {"MAX_MEMORY", CLI_COLUMN_NUMBER}},
    {"Used memory", {"USED_MEMORY", CLI_COLUMN_NUMBER}},
    {"Persistent", {"PERSISTENT", CLI_COLUMN_FLAG}},
    {"Autostart", {"AUTOSTART", CLI_COLUMN_FLAG}, "disable"},
    {"Managed save", {"MANAGED_SAVE", CLI_COLUMN_FLAG}, "no"},
    {"Security model", {"SECURITY_MODEL", CLI_COLUMN_TEXT}},
    {"Security DOI", {"SECURITY_DOI", CLI_COLUMN_TEXT}},
    {"Machine", {"MACHINE", CLI_COLUMN_TEXT}},
    {"Revision", {"REVISION", CLI_COLUMN_NUMBER}},
};

static void add(GPtrArray *cells, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add(GPtrArray *cells, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  g_ptr_array_add(cells, g_strdup_vprintf(format, arguments));
  va_end(arguments);
}

/* One for each line; "": does not apply. */
static GPtrArray *cells_of(const BerthGuestInfo *info) {
  GPtrArray *cells = g_ptr_array_new_with_free_func(g_free);
  gboolean runs = info->pid != 0;
  g_autofree char *pid = runs ? g_strdup_printf("%" G_GINT64_FORMAT, info->pid) : g_strdup("");
  g_autofree char *cpu_time = runs ? g_strdup_printf("%.1fs", (double)info->cpu_time / 1000) : g_strdup("");
  add(cells, "%s", pid);
  add(cells, "%s", info->name);
  add(cells, "%s", info->uuid);
  add(cells, "hvm");
  add(cells, "%s", info->state);
  add(cells, "%s", info->since);
  add(cells, "%u", info->cpus);
  add(cells, "%s", cpu_time);
  add(cells, "%" G_GUINT64_FORMAT " KiB", info->max_memory);
  add(cells, "%" G_GUINT64_FORMAT " KiB", info->memory);
  add(cells, "yes"); /* there are no others */
  add(cells, "%s", info->autostart ? "enable" : "");
  add(cells, "%s", info->managed ? "yes" : "");
  add(cells, "none"); /* QEMU is confined by its user and its sandbox */
  add(cells, "0");
  add(cells, "%s", info->machine);
  add(cells, "%u", info->revision);
  g_ptr_array_add(cells, NULL);
  return cells;
}

static gboolean print_json(const char *const *cells, GError **error) {
  CliColumn columns[G_N_ELEMENTS(lines) + 1] = {{0}};
  for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
    columns[i] = lines[i].column;
  g_autoptr(CliTable) table = cli_table_new("guest", columns, TRUE);
  cli_table_add(table, cells);
  return cli_table_print(table, error);
}

gboolean cli_cmd_dominfo(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(BerthGuestInfo) info = berth != NULL ? berth_info(berth, names[0], error) : NULL;
  if (info == NULL)
    return FALSE;
  g_autoptr(GPtrArray) cells = cells_of(info);
  if (json)
    return print_json((const char *const *)cells->pdata, error);
  for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
    const char *cell = g_ptr_array_index(cells, i);
    g_autofree char *title = g_strconcat(lines[i].title, ":", NULL);
    cli_print("%-15s %s\n", title, *cell != '\0' ? cell : lines[i].none != NULL ? lines[i].none : "-");
  }
  return TRUE;
}
