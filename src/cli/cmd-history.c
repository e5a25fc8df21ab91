/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#define LIVE "live" /* instead of a number: only what ran was changed */

static const CliColumn columns[] = {{"REVISION", CLI_COLUMN_NUMBER},
                                    {"WHEN", CLI_COLUMN_TEXT},
                                    {"COMMAND", CLI_COLUMN_TEXT},
                                    {"CAME", CLI_COLUMN_LIST},
                                    {"WENT", CLI_COLUMN_LIST},
                                    {"CHANGED", CLI_COLUMN_LIST},
                                    {0}};

static void add_line(CliTable *table, const char *number, const char *when, const char *command, const char *came, const char *went,
                     const char *changed) {
  const char *const cells[] = {number, when, command, came, went, changed, NULL};
  cli_table_add(table, cells);
}

static const char *line_of(GStrv lines, guint i) {
  return i < g_strv_length(lines) ? lines[i] : "";
}

/* One line for each device; the first also says what was done. */
static void add_lines(CliTable *table, const BerthRevision *revision) {
  g_autofree char *number = revision->number > 0 ? g_strdup_printf("%u", revision->number) : g_strdup(LIVE);
  guint n = MAX(g_strv_length(revision->came), g_strv_length(revision->went));
  n = MAX(n, g_strv_length(revision->changed));
  for (guint i = 0; i < MAX(n, 1); i++)
    add_line(table, i == 0 ? number : "", i == 0 ? revision->when : "", i == 0 ? revision->command : "", line_of(revision->came, i),
             line_of(revision->went, i), line_of(revision->changed, i));
}

/* JSON has one object for each; the number of what is no definition is null. */
static void add_object(CliTable *table, const BerthRevision *revision) {
  g_autofree char *number = revision->number > 0 ? g_strdup_printf("%u", revision->number) : g_strdup("");
  g_autofree char *came = g_strjoinv("\n", revision->came), *went = g_strjoinv("\n", revision->went);
  g_autofree char *changed = g_strjoinv("\n", revision->changed);
  add_line(table, number, revision->when, revision->command, came, went, changed);
}

gboolean cli_cmd_history(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) revisions = berth != NULL ? berth_history(berth, names[0], error) : NULL;
  if (revisions == NULL)
    return FALSE;
  g_autoptr(CliTable) table = cli_table_new("history", columns, json);
  for (guint i = 0; i < revisions->len; i++)
    (json ? add_object : add_lines)(table, g_ptr_array_index(revisions, i));
  return cli_table_print(table, error);
}
