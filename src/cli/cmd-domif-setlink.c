/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_domif_setlink(Cli *cli, GStrv words, GError **error) {
  g_auto(CliChange) change = {0};
  if (!cli_parse_change(cli, words, CLI_CHANGE_PERSISTENT, NULL, 3, 3, &change, error))
    return FALSE;
  const char *state = change.words[2];
  gboolean up = g_str_equal(state, "up");
  if (!up && !g_str_equal(state, "down")) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "'%.40s': the state of a link is up or down", state);
    return FALSE;
  }
  g_autoptr(Berth) berth = berth_open(cli->env);
  if (!berth_set_link(berth, change.words[0], change.words[1], up, change.flags, error))
    return FALSE;
  cli_print("Device updated successfully\n");
  return TRUE;
}
