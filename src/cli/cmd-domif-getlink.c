/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_domif_getlink(Cli *cli, GStrv words, GError **error) {
  gboolean up = FALSE;
  g_auto(CliChange) change = {0};
  if (!cli_parse_change(cli, words, CLI_CHANGE_ASK, NULL, 2, 2, &change, error))
    return FALSE;
  g_autoptr(Berth) berth = berth_open(cli->env);
  if (!berth_get_link(berth, change.words[0], change.words[1], change.flags, &up, error))
    return FALSE;
  cli_print("%s %s\n", change.words[1], up ? "up" : "down");
  return TRUE;
}
