/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#define NEWEST G_MAXINT

gboolean cli_cmd_dumpxml(Cli *cli, GStrv words, GError **error) {
  int revision = NEWEST;
  gboolean live = FALSE, inactive = FALSE;
  const GOptionEntry entries[] = {
      {"revision", 0, 0, G_OPTION_ARG_INT, &revision, "The definition with this number instead of the newest", "N"},
      {"live", 0, 0, G_OPTION_ARG_NONE, &live, "What the guest runs with instead", NULL},
      {"inactive", 0, 0, G_OPTION_ARG_NONE, &inactive, "The definition, which is what is printed anyway", NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (names == NULL)
    return FALSE;
  if (revision < 1) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "revision %d: they are counted from 1", revision);
    return FALSE;
  }
  if (live && (revision != NEWEST || inactive)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--live and %s exclude each other", inactive ? "--inactive" : "--revision");
    return FALSE;
  }
  g_autoptr(Berth) berth = berth_open(cli->env);
  g_autoptr(GBytes) document = live ? berth_dumpxml_live(berth, names[0], error)
                                    : berth_dumpxml(berth, names[0], revision != NEWEST ? (guint)revision : 0, error);
  if (document == NULL)
    return FALSE;
  cli_write(document);
  return TRUE;
}
