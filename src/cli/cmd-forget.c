/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_forget(Cli *cli, GStrv words, GError **error) {
  guint n = 0;
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 2, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  if (berth == NULL || !berth_forget(berth, names[0], names[1], &n, error))
    return FALSE;
  cli_print("Domain '%s': %u kept %s given away\n", names[0], n, n == 1 ? "place" : "places");
  return TRUE;
}
