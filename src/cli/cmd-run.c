/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <fcntl.h>
#include <signal.h>

/* The descriptor is this command's promise to whoever started it; QEMU must not hold it open. */
static gboolean check_ready(int ready, GError **error) {
  if (ready < 0 || fcntl(ready, F_SETFD, FD_CLOEXEC) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--ready-fd %d: is not open", ready);
  return FALSE;
}

gboolean cli_cmd_run(Cli *cli, GStrv words, GError **error) {
  gboolean paused = FALSE;
  int ready = -1;
  const GOptionEntry entries[] = {
      {"paused", 0, 0, G_OPTION_ARG_NONE, &paused, "Do not let it run yet", NULL},
      {"ready-fd", 0, 0, G_OPTION_ARG_INT, &ready, "Write a line to this descriptor once the guest runs, or why not", "N"},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (names == NULL || !check_ready(ready, error))
    return FALSE;
  /* A guest does not end because nobody reads what is said about it. */
  signal(SIGPIPE, SIG_IGN);
  g_autoptr(Berth) berth = cli_open(cli, error);
  return berth != NULL && berth_run(berth, names[0], paused ? BERTH_RUN_PAUSED : 0, ready, error);
}
