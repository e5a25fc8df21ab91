/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#define NONE G_MININT

/* Nothing of a stored revision is planned anew. */
static gboolean check_revision(int number, gboolean planned, GError **error) {
  if (number >= 1 && !planned)
    return TRUE;
  g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE,
                      number < 1 ? "--revision: they are counted from 1"
                                 : "--revision: --os, --pcie-ports and --validate are for a FILE");
  return FALSE;
}

gboolean cli_cmd_define(Cli *cli, GStrv words, GError **error) {
  gboolean dry_run = FALSE, allow_move = FALSE, validate = FALSE, json = FALSE;
  g_autofree char *os = NULL;
  g_autofree char *ports = NULL;
  int revision = NONE;
  BerthPlanOptions options = {0};
  const GOptionEntry entries[] = {
      {"dry-run", 0, 0, G_OPTION_ARG_NONE, &dry_run, "Only say what would be", NULL},
      {"allow-move", 0, 0, G_OPTION_ARG_NONE, &allow_move, "Let written addresses take recorded places", NULL},
      {"validate", 0, 0, G_OPTION_ARG_NONE, &validate, "Refuse what start would refuse", NULL},
      {"os", 0, 0, G_OPTION_ARG_STRING, &os, CLI_OS_HELP, "ID"},
      {"pcie-ports", 0, 0, G_OPTION_ARG_STRING, &ports, CLI_PORTS_HELP, "N"},
      {"revision", 0, 0, G_OPTION_ARG_INT, &revision, "Go back to revision N of GUEST", "N"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "With --dry-run: print JSON", NULL},
      {0},
  };
  g_auto(GStrv) files = cli_parse(cli, words, entries, 1, 1, error);
  if (files != NULL && json && !dry_run) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--json: only --dry-run has a table to print");
    return FALSE;
  }
  gboolean back = revision != NONE;
  if (files == NULL || (back && !check_revision(revision, os != NULL || ports != NULL || validate, error)))
    return FALSE;
  g_autoptr(BerthDomain) domain = !back ? cli_read_domain(files[0], error) : NULL;
  g_autoptr(Berth) berth = back || domain != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(BerthPlan) plan = NULL;
  guint flags =
      (dry_run ? BERTH_DEFINE_DRY_RUN : 0) | (allow_move ? BERTH_DEFINE_ALLOW_MOVE : 0) | (validate ? BERTH_DEFINE_VALIDATE : 0);
  if (berth == NULL || !cli_ports(ports, &options, error) || (!back && !cli_os(domain, os, &options, error)) ||
      !(back ? berth_define_revision(berth, files[0], (guint)revision, flags, &plan, error)
             : berth_define(berth, domain, flags, &options, &plan, error)))
    return FALSE;
  cli_print_notes(plan);
  if (dry_run) {
    g_autoptr(GPtrArray) rows = berth_plan_rows(plan);
    return cli_print_rows(rows, CLI_ROWS_PLAN, json, error);
  }
  if (back)
    cli_print("Domain '%s' defined as in revision %d\n", files[0], revision);
  else
    cli_print("Domain '%s' defined from %s\n", berth_domain_name(domain), files[0]);
  return TRUE;
}
