/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_start(Cli *cli, GStrv words, GError **error) {
  g_autofree char *user = NULL;
  gboolean paused = FALSE;
  const GOptionEntry entries[] = {
      {"paused", 0, 0, G_OPTION_ARG_NONE, &paused, "Do not let it run yet", NULL},
      {"qemu-user", 0, 0, G_OPTION_ARG_STRING, &user, CLI_QEMU_USER_HELP, "USER"},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (user != NULL)
    berth_env_set_qemu_user(cli->env, user);
  g_autoptr(Berth) berth = names != NULL ? cli_open(cli, error) : NULL;
  if (berth == NULL || !berth_start(berth, names[0], paused ? BERTH_RUN_PAUSED : 0, error))
    return FALSE;
  cli_print("Domain '%s' started\n", names[0]);
  return TRUE;
}
