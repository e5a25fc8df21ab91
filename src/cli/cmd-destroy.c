/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_destroy(Cli *cli, GStrv words, GError **error) {
  gboolean graceful = FALSE;
  const GOptionEntry entries[] = {
      {"graceful", 0, 0, G_OPTION_ARG_NONE, &graceful, "Do not kill a QEMU that does not end when asked", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  if (berth == NULL || !berth_destroy(berth, names[0], graceful ? BERTH_DESTROY_GRACEFUL : 0, error))
    return FALSE;
  cli_print("Domain '%s' destroyed\n", names[0]);
  return TRUE;
}
