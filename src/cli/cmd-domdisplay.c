/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <string.h>

static const CliColumn columns[] = {{"URI", CLI_COLUMN_TEXT}, {0}};

gboolean cli_cmd_domdisplay(Cli *cli, GStrv words, GError **error) {
  gboolean all = FALSE, json = FALSE;
  const GOptionEntry entries[] = {
      {"all", 0, 0, G_OPTION_ARG_NONE, &all, "All displays, not the first one alone", NULL},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON: all displays", NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_auto(GStrv) uris = berth != NULL ? berth_displays(berth, names[0], error) : NULL;
  if (uris == NULL)
    return FALSE;
  g_autoptr(CliTable) table = cli_table_new("displays", columns, TRUE);
  for (guint i = 0; uris[i] != NULL; i++) {
    const char *const cells[] = {uris[i], NULL};
    if (json)
      cli_table_add(table, cells);
    else if (all || i == 0)
      cli_print("%s\n", uris[i]);
  }
  return !json || cli_table_print(table, error);
}

#define VNC "vnc://"
#define LOCAL "localhost"

/* virsh leaves out the host if it is any: ":0". */
gboolean cli_cmd_vncdisplay(Cli *cli, GStrv words, GError **error) {
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_auto(GStrv) uris = berth != NULL ? berth_displays(berth, names[0], error) : NULL;
  for (guint i = 0; uris != NULL && uris[i] != NULL; i++) {
    if (!g_str_has_prefix(uris[i], "vnc"))
      continue;
    const char *place = strstr(uris[i], "//") + 2;
    cli_print("%s\n", g_str_has_prefix(uris[i], VNC LOCAL) ? place + strlen(LOCAL) : place);
    return TRUE;
  }
  if (uris != NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': has no VNC display", names[0]);
  return FALSE;
}
