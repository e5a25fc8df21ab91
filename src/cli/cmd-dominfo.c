/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {
    {"NAME", CLI_COLUMN_TEXT},  {"UUID", CLI_COLUMN_TEXT},    {"STATE", CLI_COLUMN_TEXT},      {"SINCE", CLI_COLUMN_TEXT},
    {"PID", CLI_COLUMN_NUMBER}, {"MACHINE", CLI_COLUMN_TEXT}, {"REVISION", CLI_COLUMN_NUMBER}, {0}};

gboolean cli_cmd_dominfo(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? cli_open(cli, error) : NULL;
  g_autoptr(BerthGuestInfo) info = berth != NULL ? berth_info(berth, names[0], error) : NULL;
  if (info == NULL)
    return FALSE;
  g_autofree char *pid = info->pid != 0 ? g_strdup_printf("%" G_GINT64_FORMAT, info->pid) : g_strdup("");
  g_autofree char *revision = g_strdup_printf("%u", info->revision);
  const char *const cells[] = {info->name, info->uuid, info->state, info->since, pid, info->machine, revision, NULL};
  if (json) {
    g_autoptr(CliTable) table = cli_table_new("guest", columns, TRUE);
    cli_table_add(table, cells);
    return cli_table_print(table, error);
  }
  for (gsize i = 0; cells[i] != NULL; i++) {
    g_autofree char *tail = g_ascii_strdown(columns[i].title + 1, -1);
    g_autofree char *title = g_strdup_printf("%c%s:", columns[i].title[0], tail);
    cli_print("%-15s %s\n", title, cells[i]);
  }
  return TRUE;
}
