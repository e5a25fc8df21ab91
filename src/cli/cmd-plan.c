/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_plan(Cli *cli, GStrv words, GError **error) {
  g_autofree char *record = NULL;
  g_autofree char *previous = NULL;
  g_autofree char *os = NULL;
  g_autofree char *ports = NULL;
  gboolean json = FALSE, allow_move = FALSE;
  const GOptionEntry entries[] = {
      {"record", 0, 0, G_OPTION_ARG_FILENAME, &record, "The guest's record; it is read only", "R"},
      {"previous", 0, 0, G_OPTION_ARG_FILENAME, &previous, "Keep the places of this earlier document", "OLD.xml"},
      {"allow-move", 0, 0, G_OPTION_ARG_NONE, &allow_move, "Let written addresses take recorded places", NULL},
      {"os", 0, 0, G_OPTION_ARG_STRING, &os, CLI_OS_HELP, "ID"},
      {"pcie-ports", 0, 0, G_OPTION_ARG_STRING, &ports, CLI_PORTS_HELP, "N"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL},
      {0},
  };
  g_auto(GStrv) files = cli_parse(cli, words, entries, 1, 1, error);
  if (files == NULL)
    return FALSE;
  const CliPlanWish wish = {
      .file = files[0], .record = record, .previous = previous, .allow_move = allow_move, .os = os, .pcie_ports = ports};
  g_auto(CliPlan) plan = {0};
  if (!cli_plan(cli, &wish, &plan, error))
    return FALSE;
  cli_print_notes(plan.plan);
  g_autoptr(GPtrArray) rows = berth_plan_rows(plan.plan);
  return cli_print_rows(rows, CLI_ROWS_PLAN, json, error);
}
