/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {{"DEVICE", CLI_COLUMN_TEXT}, {"ID", CLI_COLUMN_TEXT},  {"CHANGE", CLI_COLUMN_TEXT},
                                    {"WHEN", CLI_COLUMN_TEXT},   {"WHY", CLI_COLUMN_TEXT}, {0}};

static gboolean print(const GPtrArray *updates, gboolean json, GError **error) {
  g_autoptr(CliTable) table = cli_table_new("update", columns, json);
  for (guint i = 0; i < updates->len; i++) {
    const BerthUpdate *one = g_ptr_array_index(updates, i);
    const char *const cells[] = {one->device, one->id, one->change, one->when, one->why, NULL};
    cli_table_add(table, cells);
  }
  return cli_table_print(table, error);
}

gboolean cli_cmd_update(Cli *cli, GStrv words, GError **error) {
  gboolean dry_run = FALSE, json = FALSE, force = FALSE;
  int timeout = 10;
  const GOptionEntry entries[] = {
      {"dry-run", 0, 0, G_OPTION_ARG_NONE, &dry_run, "Only say what would be", NULL},
      {"force", 0, 0, G_OPTION_ARG_NONE, &force, "Open trays that the guest has locked", NULL},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &timeout, "Wait so long for the guest to let go of each device (default 10)", "SECONDS"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 2, 2, error);
  if (names != NULL && (timeout < 0 || timeout > 3600)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--timeout %d: 0 to 3600 seconds are possible", timeout);
    return FALSE;
  }
  g_autoptr(BerthDomain) domain = names != NULL ? cli_read_domain(names[1], error) : NULL;
  g_autoptr(Berth) berth = domain != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) updates = NULL;
  guint flags = (dry_run ? BERTH_CHANGE_DRY_RUN : 0) | (force ? BERTH_CHANGE_FORCE : 0);
  if (berth == NULL)
    return FALSE;
  gboolean done = berth_update(berth, names[0], domain, flags, (guint)timeout * 1000, &updates, error);
  return (updates == NULL || print(updates, json, done ? error : NULL)) && done;
}
