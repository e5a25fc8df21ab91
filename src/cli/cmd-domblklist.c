/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {
    {"TYPE", CLI_COLUMN_TEXT}, {"DEVICE", CLI_COLUMN_TEXT}, {"TARGET", CLI_COLUMN_TEXT}, {"SOURCE", CLI_COLUMN_TEXT}, {0}};
#define WITHOUT_DETAILS 2 /* from TARGET on */

gboolean cli_cmd_domblklist(Cli *cli, GStrv words, GError **error) {
  gboolean inactive = FALSE, details = FALSE, json = FALSE;
  const GOptionEntry entries[] = {
      {"inactive", 0, 0, G_OPTION_ARG_NONE, &inactive, CLI_INACTIVE_HELP, NULL},
      {"details", 0, 0, G_OPTION_ARG_NONE, &details, "Also type and device", NULL},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) lines = berth != NULL ? berth_disks(berth, names[0], inactive, error) : NULL;
  return lines != NULL && cli_print_lines("disks", columns, lines, details || json ? 0 : WITHOUT_DETAILS, json, error);
}
