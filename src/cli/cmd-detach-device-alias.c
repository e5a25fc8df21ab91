/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_detach_device_alias(Cli *cli, GStrv words, GError **error) {
  CliChange change = {.timeout = CLI_CHANGE_TIMEOUT_S};
  const GOptionEntry entries[] = {
      {"live", 0, 0, G_OPTION_ARG_NONE, &change.live, "Change the running guest", NULL},
      {"config", 0, 0, G_OPTION_ARG_NONE, &change.config, "Change the definition, for the next start", NULL},
      {"current", 0, 0, G_OPTION_ARG_NONE, &change.current, "Change the guest if it runs, else its definition (default)", NULL},
      {"persistent", 0, 0, G_OPTION_ARG_NONE, &change.persistent, "Change the definition, and the guest if it runs", NULL},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &change.timeout, "Wait so long for the guest to let go (default 10)", "SECONDS"},
      {0},
  };
  guint flags = 0;
  g_auto(GStrv) names = cli_parse(cli, words, entries, 2, 2, error);
  if (names == NULL || !cli_change_flags(&change, &flags, error))
    return FALSE;
  g_autoptr(Berth) berth = cli_open(cli, error);
  if (berth == NULL || !berth_detach_device_alias(berth, names[0], names[1], flags, (guint)change.timeout * 1000, error))
    return FALSE;
  cli_print("Device detached successfully\n");
  return TRUE;
}
