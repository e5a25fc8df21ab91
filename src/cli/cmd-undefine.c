/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_undefine(Cli *cli, GStrv words, GError **error) {
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? cli_open(cli, error) : NULL;
  if (berth == NULL || !berth_undefine(berth, names[0], error))
    return FALSE;
  cli_print("Domain '%s' has been undefined\n", names[0]);
  return TRUE;
}
