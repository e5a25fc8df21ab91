/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {{"INTERFACE", CLI_COLUMN_TEXT}, {"TYPE", CLI_COLUMN_TEXT}, {"SOURCE", CLI_COLUMN_TEXT},
                                    {"MODEL", CLI_COLUMN_TEXT},     {"MAC", CLI_COLUMN_TEXT},  {0}};

gboolean cli_cmd_domiflist(Cli *cli, GStrv words, GError **error) {
  gboolean inactive = FALSE, json = FALSE;
  const GOptionEntry entries[] = {
      {"inactive", 0, 0, G_OPTION_ARG_NONE, &inactive, CLI_INACTIVE_HELP, NULL},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) lines = berth != NULL ? berth_interfaces(berth, names[0], inactive, error) : NULL;
  return lines != NULL && cli_print_lines("interfaces", columns, lines, 0, json, error);
}
