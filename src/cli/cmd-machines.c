/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {
    {"NAME", CLI_COLUMN_TEXT}, {"CANONICAL", CLI_COLUMN_TEXT}, {"DEPRECATED", CLI_COLUMN_FLAG}, {0}};

gboolean cli_cmd_machines(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) none = cli_parse(cli, words, entries, 0, 0, error);
  g_autoptr(BerthFacts) facts = none != NULL ? berth_facts_probe(cli->env, NULL, error) : NULL;
  if (facts == NULL)
    return FALSE;
  g_autoptr(GPtrArray) machines = berth_facts_machines(facts);
  g_autoptr(CliTable) table = cli_table_new("machines", columns, json);
  for (guint i = 0; i < machines->len; i++) {
    const BerthMachine *machine = g_ptr_array_index(machines, i);
    gboolean alias = !g_str_equal(machine->name, machine->canonical);
    const char *const cells[] = {machine->name, alias ? machine->canonical : "", machine->deprecated ? "yes" : "", NULL};
    cli_table_add(table, cells);
  }
  return cli_table_print(table, error);
}
