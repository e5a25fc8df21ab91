/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <string.h>

/* How many letters must be put in, left out, changed or swapped with their neighbour. */
static guint distance(const char *a, const char *b) {
  enum { LONGEST = 24 };
  guint cost[LONGEST + 1][LONGEST + 1];
  size_t n = strlen(a), m = strlen(b);
  if (n > LONGEST || m > LONGEST)
    return G_MAXUINT;
  for (size_t i = 0; i <= n; i++)
    for (size_t j = 0; j <= m; j++) {
      guint best = i == 0 || j == 0 ? (guint)(i + j) : cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      if (i > 0)
        best = MIN(best, cost[i - 1][j] + 1);
      if (j > 0)
        best = MIN(best, cost[i][j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = MIN(best, cost[i - 2][j - 2] + 1);
      cost[i][j] = best;
    }
  return cost[n][m];
}

const char *cli_nearest(const char *word, const char *const *names) {
  const char *nearest = NULL;
  guint least = 4;
  for (; *names != NULL; names++) {
    guint d = distance(word, *names);
    if (d < least && (size_t)d * 3 <= strlen(*names)) {
      least = d;
      nearest = *names;
    }
  }
  return nearest;
}

static void add_names(GPtrArray *names, const GOptionEntry *entries) {
  for (; entries != NULL && entries->long_name != NULL; entries++)
    g_ptr_array_add(names, (gpointer)entries->long_name);
}

/* The first word that is an option which @names does not have, without dashes and value. (transfer full) */
static char *unknown_of(GStrv words, const char *const *names) {
  for (; *words != NULL && !g_str_equal(*words, "--"); words++) {
    g_autofree char *name = g_str_has_prefix(*words, "--") ? g_strndup(*words + 2, strcspn(*words + 2, "=")) : NULL;
    if (name != NULL && !g_strv_contains(names, name))
      return g_steal_pointer(&name);
  }
  return NULL;
}

gboolean cli_bad_option(GStrv words, const GOptionEntry *entries, const GOptionEntry *more, const char *verb, const GError *failure,
                        GError **error) {
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  add_names(names, entries);
  add_names(names, more);
  g_ptr_array_add(names, NULL);
  const char *const *known = (const char *const *)names->pdata;
  gboolean unknown = g_error_matches(failure, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION);
  g_autofree char *name = unknown ? unknown_of(words, known) : NULL;
  const char *nearest = name != NULL ? cli_nearest(name, known) : NULL;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "%s; %s%s%s'berth %s%s--help' shows %s", failure->message,
              nearest != NULL ? "did you mean --" : "", nearest != NULL ? nearest : "", nearest != NULL ? "? " : "",
              verb != NULL ? verb : "", verb != NULL ? " " : "", unknown ? "what there is" : "how");
  return FALSE;
}

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
  g_option_context_set_help_enabled(context, FALSE); /* GLib would end the process without a look at standard output */
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
      {"help", 'h', 0, G_OPTION_ARG_NONE, &cli->helped, "Show this help", NULL},
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
    cli_bad_option(words, entries, world, verb->name, failure, error);
    g_strfreev(left);
    return NULL;
  }
  if (cli->helped) {
    g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
    cli_print("%s", text);
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
