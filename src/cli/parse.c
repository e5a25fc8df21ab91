/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <string.h>

static const CliVerb *find_verb(const char *name) {
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    if (g_str_equal(verb->name, name))
      return verb;
  return NULL;
}

static gboolean usage(GError **error, const char *verb, const char *what) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "%s; 'berth %s --help' shows how", what, verb);
  return FALSE;
}

static void apply(Cli *cli, char **state, char **qemu) {
  if (*state != NULL) {
    berth_env_set_state(cli->env, *state);
    g_free(cli->state);
    cli->state = g_steal_pointer(state);
  }
  if (*qemu != NULL) {
    berth_env_set_qemu(cli->env, *qemu);
    g_free(cli->qemu);
    cli->qemu = g_steal_pointer(qemu);
  }
}

static GOptionContext *context_of(const CliVerb *verb) {
  GOptionContext *context = g_option_context_new(verb->synopsis);
  g_autofree char *summary = g_strdup_printf("%s.", verb->help);
  g_option_context_set_summary(context, summary);
  return context;
}

GStrv cli_parse(Cli *cli, GStrv words, const GOptionEntry *entries, guint min, guint max, GError **error) {
  const CliVerb *verb = find_verb(words[0]);
  g_autofree char *state = NULL;
  g_autofree char *qemu = NULL;
  const GOptionEntry world[] = {
      {"state", 0, 0, G_OPTION_ARG_FILENAME, &state, "Keep state in DIR", "DIR"},
      {"qemu", 0, 0, G_OPTION_ARG_FILENAME, &qemu, "Use the QEMU binary BIN", "BIN"},
      {0},
  };
  g_autoptr(GOptionContext) context = context_of(verb);
  if (entries != NULL)
    g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_add_main_entries(context, world, NULL);
  g_autofree char *program = g_strdup_printf("berth %s", verb->name);
  g_set_prgname(program);
  GStrv left = g_strdupv(words);
  g_autoptr(GError) failure = NULL;
  if (!g_option_context_parse_strv(context, &left, &failure)) {
    usage(error, verb->name, failure->message);
    g_strfreev(left);
    return NULL;
  }
  apply(cli, &state, &qemu);
  guint n = g_strv_length(left) - 1;
  g_free(left[0]);
  memmove(left, left + 1, (n + 1) * sizeof *left);
  if (n > 0 && g_str_equal(left[0], "--")) {
    g_free(left[0]);
    memmove(left, left + 1, n * sizeof *left);
    n--;
  }
  if (n >= min && n <= max)
    return left;
  usage(error, verb->name, n < min ? "something is missing" : "there are too many words");
  g_strfreev(left);
  return NULL;
}
