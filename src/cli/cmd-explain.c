/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <string.h>

static const CliColumn columns[] = {{"DEVICE", CLI_COLUMN_TEXT},  {"IDENTITY", CLI_COLUMN_TEXT}, {"ID", CLI_COLUMN_TEXT},
                                    {"ADDRESS", CLI_COLUMN_TEXT}, {"SINCE", CLI_COLUMN_TEXT},    {"REVISION", CLI_COLUMN_NUMBER},
                                    {"COMMAND", CLI_COLUMN_TEXT}, {"WHY", CLI_COLUMN_TEXT},      {0}};

static gboolean is_one_of(const char *const *names, const char *name) {
  while (*names != NULL && g_ascii_strcasecmp(*names, name) != 0)
    names++;
  return *names != NULL;
}

/* People name a device by its kind ("interface"), its alias, its target, its MAC, a key, or its place, with or without the family.
 */
static gboolean is_called(const BerthReason *reason, const char *name) {
  const char *bare = strchr(reason->address, ' ');
  const char *const own[] = {reason->device, reason->id, reason->address, bare != NULL ? bare + 1 : "", NULL};
  return name == NULL || is_one_of(own, name) || is_one_of((const char *const *)reason->names, name);
}

static gboolean print(const GPtrArray *reasons, const char *name, gboolean json, GError **error) {
  g_autoptr(CliTable) table = cli_table_new("explain", columns, json);
  gboolean found = name == NULL;
  for (guint i = 0; i < reasons->len; i++) {
    const BerthReason *one = g_ptr_array_index(reasons, i);
    g_autofree char *revision = one->revision > 0 ? g_strdup_printf("%u", one->revision) : g_strdup("");
    const char *const cells[] = {one->device, one->identity, one->id,  one->address, one->since,
                                 revision,    one->command,  one->why, NULL};
    if (!is_called(one, name))
      continue;
    cli_table_add(table, cells);
    found = TRUE;
  }
  if (found)
    return cli_table_print(table, error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "device '%s': no device with a place is called so", name);
  return FALSE;
}

static GPtrArray *of_file(Cli *cli, const char *file, GError **error) {
  const CliPlanWish wish = {.file = file};
  g_auto(CliPlan) plan = {0};
  return cli_plan(cli, &wish, &plan, error) ? berth_plan_explain(plan.plan) : NULL;
}

static GPtrArray *of_word(Cli *cli, const char *word, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (cli_names_file(word))
    return of_file(cli, word, error);
  g_autoptr(Berth) berth = berth_open(cli->env);
  GPtrArray *reasons = berth_explain(berth, word, &failure);
  if (failure == NULL)
    return reasons;
  if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) && g_file_test(word, G_FILE_TEST_EXISTS))
    return of_file(cli, word, error);
  g_propagate_error(error, g_steal_pointer(&failure));
  return NULL;
}

gboolean cli_cmd_explain(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 2, error);
  g_autoptr(GPtrArray) reasons = names != NULL ? of_word(cli, names[0], error) : NULL;
  return reasons != NULL && print(reasons, names[1], json, error);
}
