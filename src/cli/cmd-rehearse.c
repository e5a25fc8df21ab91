/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

typedef struct {
  const char *name;
  gboolean json;
  guint timeout_s;
} Wish;

/* NULL facts: those of --qemu or of the plan's own QEMU. */
static gboolean rehearse(Cli *cli, const BerthPlan *plan, const BerthFacts *facts, const Wish *wish, GError **error) {
  gboolean drift = FALSE;
  g_autoptr(GPtrArray) rows = berth_rehearse(plan, cli->env, facts, wish->timeout_s, &drift, error);
  if (rows == NULL || !cli_print_rows(rows, CLI_ROWS_REHEARSAL, wish->json, error))
    return FALSE;
  if (drift)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_DRIFT, "%s: QEMU has devices elsewhere than planned", wish->name);
  return !drift;
}

static gboolean of_file(Cli *cli, const Wish *wish, GError **error) {
  const CliPlanWish file = {.file = wish->name, .probe = TRUE};
  g_auto(CliPlan) plan = {0};
  if (!cli_plan(cli, &file, &plan, error))
    return FALSE;
  cli_print_notes(plan.plan);
  return rehearse(cli, plan.plan, plan.facts, wish, error);
}

static gboolean of_guest(Cli *cli, const Wish *wish, GError **error) {
  g_autoptr(Berth) berth = berth_open(cli->env);
  g_autoptr(BerthPlan) plan = berth_plan_of_guest(berth, wish->name, error);
  return plan != NULL && rehearse(cli, plan, NULL, wish, error);
}

/* A name that no guest has may be a file's. */
static gboolean is_file(Cli *cli, const char *word) {
  if (cli_names_file(word))
    return TRUE;
  g_autoptr(GError) failure = NULL;
  g_autoptr(Berth) berth = berth_open(cli->env);
  g_autoptr(BerthGuestInfo) guest = berth_info(berth, word, &failure);
  return guest == NULL && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) && g_file_test(word, G_FILE_TEST_EXISTS);
}

gboolean cli_cmd_rehearse(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  int timeout = 60;
  const GOptionEntry entries[] = {
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &timeout, "Give up, and end QEMU, after so many seconds (60)", "SECONDS"},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (names == NULL)
    return FALSE;
  if (timeout < 1 || timeout > 3600) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--timeout %d: 1 to 3600 seconds are possible", timeout);
    return FALSE;
  }
  const Wish wish = {.name = names[0], .json = json, .timeout_s = (guint)timeout};
  return is_file(cli, names[0]) ? of_file(cli, &wish, error) : of_guest(cli, &wish, error);
}
