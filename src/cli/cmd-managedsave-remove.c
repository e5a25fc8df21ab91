/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_managedsave_remove(Cli *cli, GStrv words, GError **error) {
  gboolean removed = FALSE;
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  if (berth == NULL || !berth_managed_save_remove(berth, names[0], &removed, error))
    return FALSE;
  cli_print(removed ? "Removed managedsave image for domain '%s'\n" : "Domain '%s' has no managed save image; removal skipped\n",
            names[0]);
  return TRUE;
}
