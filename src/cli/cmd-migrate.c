/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#define MAX_SECONDS 86400
#define MAX_MIB (1 << 20)

static gboolean check_numbers(int timeout, int bandwidth, gboolean live, GError **error) {
  if (timeout >= 0 && timeout <= MAX_SECONDS && bandwidth >= 0 && bandwidth <= MAX_MIB && (timeout == 0 || live))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE,
              "--timeout 0 to %d seconds, with --live, and --bandwidth 0 to %d MiB/s are possible", MAX_SECONDS, MAX_MIB);
  return FALSE;
}

gboolean cli_cmd_migrate(Cli *cli, GStrv words, GError **error) {
  gboolean live = FALSE, suspend = FALSE, verbose = FALSE;
  int timeout = 0, bandwidth = 0;
  g_autofree char *to = NULL;
  const GOptionEntry entries[] = {
      {"to", 0, 0, G_OPTION_ARG_STRING, &to, "Where run --incoming listens", "URI"},
      {"live", 0, 0, G_OPTION_ARG_NONE, &live, "Let it run while its memory is copied", NULL},
      {"suspend", 0, 0, G_OPTION_ARG_NONE, &suspend, "It is paused there", NULL},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &timeout, "With --live: stop it after so long, so that it comes to an end", "SECONDS"},
      {"bandwidth", 0, 0, G_OPTION_ARG_INT, &bandwidth, "Send no more than this in a second", "MIB"},
      {"verbose", 0, 0, G_OPTION_ARG_NONE, &verbose, "Show how far it is", NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 2, error);
  if (names == NULL || !check_numbers(timeout, bandwidth, live, error))
    return FALSE;
  const char *uri = to != NULL ? to : names[1];
  if (uri == NULL || (to != NULL && names[1] != NULL)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--to: one place to go to is needed, as in --to unix:/tmp/there");
    return FALSE;
  }
  const BerthMigration migration = {.flags = (live ? BERTH_MOVE_LIVE : 0) | (suspend ? BERTH_MOVE_PAUSED : 0),
                                    .timeout_s = (guint)timeout,
                                    .bandwidth = (guint64)bandwidth,
                                    .progress = verbose ? cli_move_progress : NULL,
                                    .data = (gpointer) "Migration"};
  g_autoptr(Berth) berth = berth_open(cli->env);
  if (!berth_migrate(berth, names[0], uri, &migration, error))
    return FALSE;
  cli_print("Domain '%s' migrated to %s\n", names[0], uri);
  return TRUE;
}
