/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_detach_device(Cli *cli, GStrv words, GError **error) {
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
  g_autoptr(GBytes) xml = berth_file_read(names[1], BERTH_MAX_BYTES, error);
  g_autoptr(Berth) berth = xml != NULL ? cli_open(cli, error) : NULL;
  guint timeout_ms = (guint)change.timeout * 1000;
  if (berth == NULL || !berth_detach_device(berth, names[0], xml, cli_file_name(names[1]), flags, timeout_ms, error))
    return FALSE;
  cli_print("Device detached successfully\n");
  return TRUE;
}
