/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {{"REVISION", CLI_COLUMN_NUMBER}, {"WHEN", CLI_COLUMN_TEXT}, {"COMMAND", CLI_COLUMN_TEXT},
                                    {"CAME", CLI_COLUMN_LIST},       {"WENT", CLI_COLUMN_LIST}, {0}};

static void add_line(CliTable *table, const char *number, const char *when, const char *command, const char *came,
                     const char *went) {
  const char *const cells[] = {number, when, command, came, went, NULL};
  cli_table_add(table, cells);
}

/* One line for each device; the first also says what the definition was. */
static void add_lines(CliTable *table, const BerthRevision *revision) {
  g_autofree char *number = g_strdup_printf("%u", revision->number);
  guint came = g_strv_length(revision->came), went = g_strv_length(revision->went);
  for (guint i = 0; i < MAX(MAX(came, went), 1); i++)
    add_line(table, i == 0 ? number : "", i == 0 ? revision->when : "", i == 0 ? revision->command : "",
             i < came ? revision->came[i] : "", i < went ? revision->went[i] : "");
}

/* JSON has one object for each definition. */
static void add_object(CliTable *table, const BerthRevision *revision) {
  g_autofree char *number = g_strdup_printf("%u", revision->number);
  g_autofree char *came = g_strjoinv("\n", revision->came);
  g_autofree char *went = g_strjoinv("\n", revision->went);
  add_line(table, number, revision->when, revision->command, came, went);
}

gboolean cli_cmd_history(Cli *cli, GStrv words, GError **error) {
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL}, {0}};
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? cli_open(cli, error) : NULL;
  g_autoptr(GPtrArray) revisions = berth != NULL ? berth_history(berth, names[0], error) : NULL;
  if (revisions == NULL)
    return FALSE;
  g_autoptr(CliTable) table = cli_table_new("history", columns, json);
  for (guint i = 0; i < revisions->len; i++)
    (json ? add_object : add_lines)(table, g_ptr_array_index(revisions, i));
  return cli_table_print(table, error);
}
