/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static guint count_wrong(const GPtrArray *rows) {
  guint n = 0;
  for (guint i = 0; i < rows->len; i++) {
    const BerthRow *row = g_ptr_array_index(rows, i);
    n += *row->state != '\0' && !g_str_equal(row->state, "ok");
  }
  return n;
}

gboolean cli_cmd_verify(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE, drift = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) rows = berth != NULL ? berth_verify(berth, names[0], &drift, error) : NULL;
  if (rows == NULL || !cli_print_rows(rows, CLI_ROWS_DEVICES, json, error))
    return FALSE;
  if (!drift)
    return TRUE;
  guint n = count_wrong(rows);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_DRIFT, "guest '%s': %u %s not as recorded", names[0], n,
              n == 1 ? "device is" : "devices are");
  return FALSE;
}
