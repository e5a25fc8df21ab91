/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <stdio.h>

static const struct {
  const char *name;
  BerthCommandFormat format;
} formats[] = {{"shell", BERTH_COMMAND_SHELL}, {"argv", BERTH_COMMAND_ARGV}, {"json", BERTH_COMMAND_JSON}};

static gboolean find_format(const char *name, BerthCommandFormat *format, GError **error) {
  for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
    if (name == NULL || g_str_equal(formats[i].name, name)) {
      *format = formats[i].format;
      return TRUE;
    }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "format '%s': shell, argv or json are there", name);
  return FALSE;
}

static void print_notes(const GStrv notes) {
  for (guint i = 0; notes[i] != NULL; i++)
    fprintf(stderr, "berth: note: %s\n", notes[i]);
}

static gboolean of_file(Cli *cli, const char *file, const char *os, BerthCommandFormat format, GError **error) {
  const CliPlanWish wish = {.file = file, .os = os};
  g_auto(CliPlan) plan = {0};
  if (!cli_plan(cli, &wish, &plan, error))
    return FALSE;
  g_auto(GStrv) notes = NULL;
  g_autoptr(GBytes) command = berth_plan_command(plan.plan, cli->env, plan.facts, format, &notes, error);
  if (command == NULL)
    return FALSE;
  cli_print_notes(plan.plan);
  print_notes(notes);
  cli_write(command);
  return TRUE;
}

static gboolean of_guest(Cli *cli, const char *guest, BerthCommandFormat format, GError **error) {
  g_autoptr(Berth) berth = berth_open(cli->env);
  g_auto(GStrv) notes = NULL;
  g_autoptr(GBytes) command = berth_guest_command(berth, guest, format, &notes, error);
  if (command == NULL)
    return FALSE;
  print_notes(notes);
  cli_write(command);
  return TRUE;
}

gboolean cli_cmd_command(Cli *cli, GStrv words, GError **error) {
  g_autofree char *name = NULL;
  g_autofree char *os = NULL;
  const GOptionEntry entries[] = {
      {"format", 0, 0, G_OPTION_ARG_STRING, &name, "shell (the default), argv (NUL-separated) or json", "FORMAT"},
      {"os", 0, 0, G_OPTION_ARG_STRING, &os, CLI_OS_HELP, "ID"},
      {0},
  };
  BerthCommandFormat format = BERTH_COMMAND_SHELL;
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (names == NULL || !find_format(name, &format, error))
    return FALSE;
  if (os != NULL || cli_names_file(names[0])) /* a guest has its flavours already */
    return of_file(cli, names[0], os, format, error);
  g_autoptr(GError) failure = NULL;
  if (of_guest(cli, names[0], format, &failure))
    return TRUE;
  if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) && g_file_test(names[0], G_FILE_TEST_EXISTS))
    return of_file(cli, names[0], os, format, error);
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}
