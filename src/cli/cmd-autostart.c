/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_autostart(Cli *cli, GStrv words, GError **error) {
  gboolean disable = FALSE;
  const GOptionEntry entries[] = {{"disable", 0, 0, G_OPTION_ARG_NONE, &disable, "Not any more", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  if (berth == NULL || !berth_autostart(berth, names[0], !disable, error))
    return FALSE;
  cli_print("Domain '%s' %s as autostarted\n", names[0], disable ? "unmarked" : "marked");
  return TRUE;
}
