/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_start(Cli *cli, GStrv words, GError **error) {
  g_autofree char *user = NULL;
  gboolean paused = FALSE, force_boot = FALSE, reset = FALSE, console = FALSE;
  const GOptionEntry entries[] = {
      {"console", 0, 0, G_OPTION_ARG_NONE, &console, "Talk to it over its console then", NULL},
      {"paused", 0, 0, G_OPTION_ARG_NONE, &paused, "Do not let it run yet", NULL},
      {"force-boot", 0, 0, G_OPTION_ARG_NONE, &force_boot, CLI_FORCE_BOOT_HELP, NULL},
      {"reset-nvram", 0, 0, G_OPTION_ARG_NONE, &reset, CLI_RESET_NVRAM_HELP, NULL},
      {"qemu-user", 0, 0, G_OPTION_ARG_STRING, &user, CLI_QEMU_USER_HELP, "USER"},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (user != NULL)
    berth_env_set_qemu_user(cli->env, user);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  guint flags = (paused ? BERTH_RUN_PAUSED : 0) | (force_boot ? BERTH_RUN_FORCE_BOOT : 0) | (reset ? BERTH_RUN_RESET_NVRAM : 0);
  if (berth == NULL || !berth_start(berth, names[0], flags, error))
    return FALSE;
  cli_print("Domain '%s' started\n", names[0]);
  return !console || cli_talk(berth, names[0], NULL, FALSE, error);
}
