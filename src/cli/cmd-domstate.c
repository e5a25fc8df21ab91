/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_domstate(Cli *cli, GStrv words, GError **error) {
  gboolean reason = FALSE;
  const GOptionEntry entries[] = {{"reason", 0, 0, G_OPTION_ARG_NONE, &reason, "Tell why, too", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(BerthGuestInfo) info = berth != NULL ? berth_info(berth, names[0], error) : NULL;
  if (info == NULL)
    return FALSE;
  if (reason)
    cli_print("%s (%s)\n", info->state, info->reason);
  else
    cli_print("%s\n", info->state);
  return TRUE;
}
