/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {{"DEVICE", CLI_COLUMN_TEXT}, {"CHANGE", CLI_COLUMN_TEXT}, {"ASPECT", CLI_COLUMN_TEXT},
                                    {"WAS", CLI_COLUMN_TEXT},    {"NOW", CLI_COLUMN_TEXT},    {0}};

/* One side: a guest's plan, or a file's. */
typedef struct {
  const char *word;
  CliPlan plan;
  BerthRecord *record; /* of a guest; NULL: it is a file */
} Side;

static void side_clear(Side *side) {
  cli_plan_clear(&side->plan);
  berth_record_free(side->record);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Side, side_clear)

/* A guest, if there is one. */
static gboolean find_guest(Berth *berth, Side *side, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (cli_names_file(side->word))
    return TRUE;
  side->plan.plan = berth_plan_of_guest(berth, side->word, &failure);
  if (side->plan.plan != NULL)
    side->record = berth_guest_record(berth, side->word, 0, error);
  if (side->plan.plan != NULL ||
      (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) && g_file_test(side->word, G_FILE_TEST_EXISTS)))
    return side->plan.plan == NULL || side->record != NULL;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

/* A file beside a guest is what define would make of it: planned with that guest's record. */
static gboolean plan_file(Cli *cli, Side *side, const Side *other, GError **error) {
  if (side->record != NULL)
    return TRUE;
  const CliPlanWish wish = {.file = side->word};
  if (other->record == NULL)
    return cli_plan(cli, &wish, &side->plan, error);
  const BerthPlanOptions options = {.record = other->record};
  side->plan.domain = cli_read_domain(side->word, error);
  side->plan.plan = side->plan.domain != NULL ? berth_plan_new(side->plan.domain, &options, error) : NULL;
  return side->plan.plan != NULL;
}

static gboolean print(const GPtrArray *differences, gboolean json, GError **error) {
  g_autoptr(CliTable) table = cli_table_new("diff", columns, json);
  for (guint i = 0; i < differences->len; i++) {
    const BerthDifference *one = g_ptr_array_index(differences, i);
    const char *const cells[] = {one->device, one->change, one->aspect, one->was, one->now, NULL};
    cli_table_add(table, cells);
  }
  return cli_table_print(table, error);
}

gboolean cli_cmd_diff(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 2, 2, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  if (berth == NULL)
    return FALSE;
  g_auto(Side) was = {.word = names[0]};
  g_auto(Side) now = {.word = names[1]};
  if (!find_guest(berth, &was, error) || !find_guest(berth, &now, error) || !plan_file(cli, &was, &now, error) ||
      !plan_file(cli, &now, &was, error))
    return FALSE;
  g_autoptr(GPtrArray) differences = berth_plan_diff(was.plan.plan, now.plan.plan);
  if (!print(differences, json, error))
    return FALSE;
  if (differences->len == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_DRIFT, "'%s' and '%s': a guest sees %u difference%s", names[0], names[1],
              differences->len, differences->len == 1 ? "" : "s");
  return FALSE;
}
