/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_devices(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) rows = berth != NULL ? berth_devices(berth, names[0], error) : NULL;
  return rows != NULL && cli_print_rows(rows, CLI_ROWS_DEVICES, json, error);
}
