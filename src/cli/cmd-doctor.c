/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {
    {"CHECK", CLI_COLUMN_TEXT}, {"STATE", CLI_COLUMN_TEXT}, {"VALUE", CLI_COLUMN_TEXT}, {"ADVICE", CLI_COLUMN_TEXT}, {0}};

static gboolean print(const GPtrArray *findings, gboolean json, GError **error) {
  g_autoptr(CliTable) table = cli_table_new("findings", columns, json);
  for (guint i = 0; i < findings->len; i++) {
    const BerthFinding *one = g_ptr_array_index(findings, i);
    const char *const cells[] = {one->check, one->state, one->value, one->advice, NULL};
    cli_table_add(table, cells);
  }
  return cli_table_print(table, error);
}

gboolean cli_cmd_doctor(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  guint problems = 0;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 0, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) findings = berth != NULL ? berth_doctor(berth, names[0], &problems, error) : NULL;
  if (findings == NULL || !print(findings, json, error))
    return FALSE;
  if (problems > 0)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_DRIFT, "%s%s%s%u %s found", names[0] != NULL ? "guest '" : "",
                names[0] != NULL ? names[0] : "", names[0] != NULL ? "': " : "", problems,
                problems == 1 ? "problem was" : "problems were");
  return problems == 0;
}
