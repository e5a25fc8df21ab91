/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <signal.h>

gboolean cli_cmd_adopt(Cli *cli, GStrv words, GError **error) {
  int ready = -1, events = -1, qemu = -1;
  const GOptionEntry entries[] = {
      {"ready-fd", 0, 0, G_OPTION_ARG_INT, &ready, CLI_READY_HELP, "N"},
      {"events-fd", 0, 0, G_OPTION_ARG_INT, &events, "Go on with this descriptor of QEMU's monitor, and …", "N"},
      {"qemu-fd", 0, 0, G_OPTION_ARG_INT, &qemu, "… with this pidfd, as the supervisor that this process is already", "N"},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (names == NULL || !cli_check_fd("--ready-fd", ready, error) || !cli_check_fd("--events-fd", events, error) ||
      !cli_check_fd("--qemu-fd", qemu, error))
    return FALSE;
  if ((events < 0) != (qemu < 0)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--events-fd, --qemu-fd: only both together");
    return FALSE;
  }
  signal(SIGPIPE, SIG_IGN);
  g_autoptr(Berth) berth = berth_open(cli->env);
  return events >= 0 ? berth_adopt_anew(berth, names[0], events, qemu, error) : berth_adopt(berth, names[0], ready, error);
}
