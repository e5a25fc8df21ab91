/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <signal.h>

gboolean cli_cmd_adopt(Cli *cli, GStrv words, GError **error) {
  int ready = -1;
  const GOptionEntry entries[] = {{"ready-fd", 0, 0, G_OPTION_ARG_INT, &ready, CLI_READY_HELP, "N"}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (names == NULL || !cli_check_ready(ready, error))
    return FALSE;
  signal(SIGPIPE, SIG_IGN);
  g_autoptr(Berth) berth = berth_open(cli->env);
  return berth_adopt(berth, names[0], ready, error);
}
