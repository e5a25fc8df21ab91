/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_reboot(Cli *cli, GStrv words, GError **error) {
  g_autofree char *mode = NULL;
  const GOptionEntry entries[] = {{"mode", 0, 0, G_OPTION_ARG_STRING, &mode, CLI_POWER_MODE_HELP, "acpi"}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL && cli_power_mode(mode, error) ? berth_open(cli->env) : NULL;
  if (berth == NULL || !berth_reboot(berth, names[0], error))
    return FALSE;
  cli_print("Domain '%s' is being rebooted\n", names[0]);
  return TRUE;
}
