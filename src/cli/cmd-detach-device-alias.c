/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_detach_device_alias(Cli *cli, GStrv words, GError **error) {
  g_auto(CliChange) change = {0};
  if (!cli_parse_change(cli, words, CLI_CHANGE_PERSISTENT | CLI_CHANGE_TIMEOUT | CLI_CHANGE_DRY_RUN, NULL, 2, 2, &change, error))
    return FALSE;
  g_autoptr(Berth) berth = berth_open(cli->env);
  g_autoptr(GPtrArray) rows = NULL;
  return berth_detach_device_alias(berth, change.words[0], change.words[1], change.flags, change.timeout_ms, &rows, error) &&
         cli_print_change(&change, rows, "Device detached successfully", error);
}
