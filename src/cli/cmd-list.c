/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <string.h>

static const CliColumn columns[] = {
    {"NAME", CLI_COLUMN_TEXT},    {"STATE", CLI_COLUMN_TEXT},      {"SINCE", CLI_COLUMN_TEXT}, {"PID", CLI_COLUMN_NUMBER},
    {"MACHINE", CLI_COLUMN_TEXT}, {"REVISION", CLI_COLUMN_NUMBER}, {"UUID", CLI_COLUMN_TEXT},  {0}};

static void add_guest(CliTable *table, const BerthGuestInfo *guest) {
  g_autofree char *pid = guest->pid != 0 ? g_strdup_printf("%" G_GINT64_FORMAT, guest->pid) : g_strdup("");
  g_autofree char *revision = g_strdup_printf("%u", guest->revision);
  const char *const cells[] = {guest->name, guest->state, guest->since, pid, guest->machine, revision, guest->uuid, NULL};
  cli_table_add(table, cells);
}

static gboolean print_guests(const GPtrArray *guests, gboolean all, gboolean names, gboolean json, GError **error) {
  g_autoptr(CliTable) table = cli_table_new("guests", columns, json);
  for (guint i = 0; i < guests->len; i++) {
    const BerthGuestInfo *guest = g_ptr_array_index(guests, i);
    if (!all && guest->pid == 0)
      continue;
    if (names)
      cli_print("%s\n", guest->name);
    else
      add_guest(table, guest);
  }
  return names || cli_table_print(table, error);
}

gboolean cli_cmd_list(Cli *cli, GStrv words, GError **error) {
  gboolean all = FALSE, names = FALSE, json = FALSE;
  const GOptionEntry entries[] = {
      {"all", 0, 0, G_OPTION_ARG_NONE, &all, "Also those that do not run", NULL},
      {"name", 0, 0, G_OPTION_ARG_NONE, &names, "Only names, one a line", NULL},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL},
      {0},
  };
  g_auto(GStrv) none = cli_parse(cli, words, entries, 0, 0, error);
  if (none != NULL && names && json) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--name and --json: only one of them can be the form");
    return FALSE;
  }
  g_autoptr(Berth) berth = none != NULL ? cli_open(cli, error) : NULL;
  g_autoptr(GPtrArray) guests = berth != NULL ? berth_list(berth, error) : NULL;
  return guests != NULL && print_guests(guests, all, names, json, error);
}
