/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_domstate(Cli *cli, GStrv words, GError **error) {
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? cli_open(cli, error) : NULL;
  g_autoptr(BerthGuestInfo) info = berth != NULL ? berth_info(berth, names[0], error) : NULL;
  if (info == NULL)
    return FALSE;
  cli_print("%s\n", info->state);
  return TRUE;
}
