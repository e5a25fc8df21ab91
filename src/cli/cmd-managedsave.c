/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_managedsave(Cli *cli, GStrv words, GError **error) {
  CliMove move = {0};
  const GOptionEntry entries[] = {
      CLI_MOVE_ENTRIES(move),
      {"verbose", 0, 0, G_OPTION_ARG_NONE, &move.verbose, "Show how far it is", NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  if (berth == NULL || !berth_managed_save(berth, names[0], cli_move_flags(&move), move.verbose ? cli_move_progress : NULL,
                                           (gpointer) "Managedsave", error))
    return FALSE;
  cli_print("Domain '%s' state saved by berth\n", names[0]);
  return TRUE;
}
