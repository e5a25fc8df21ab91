/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of virsh's device verbs. */
#include "verbs.h"

#define TIMEOUT_S 10
#define MAX_OPTIONS 16

typedef struct {
  gboolean live, config, current, persistent, dry_run, json;
  int timeout;
} Words;

void cli_change_clear(CliChange *change) {
  g_clear_pointer(&change->words, g_strfreev);
}

static gboolean usage(GError **error, const char *what) {
  g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE, what);
  return FALSE;
}

static gboolean take(const Words *words, CliChange *change, GError **error) {
  change->flags = (words->live ? BERTH_CHANGE_LIVE : 0) | (words->config ? BERTH_CHANGE_CONFIG : 0) |
                  (words->persistent ? BERTH_CHANGE_PERSISTENT : 0);
  if (words->timeout < 0 || words->timeout > 3600) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--timeout %d: 0 to 3600 seconds are possible", words->timeout);
    return FALSE;
  }
  if (words->current && change->flags != 0)
    return usage(error, "--current cannot be used together with --live, --config or --persistent");
  if (words->json && !words->dry_run)
    return usage(error, "--json: only --dry-run has a table to print");
  change->flags |= words->dry_run ? BERTH_CHANGE_DRY_RUN : 0;
  change->timeout_ms = (guint)words->timeout * 1000;
  change->json = words->json;
  return TRUE;
}

gboolean cli_parse_change(Cli *cli, GStrv words, guint options, const GOptionEntry *more, guint min, guint max, CliChange *change,
                          GError **error) {
  Words told = {.timeout = TIMEOUT_S};
  gboolean ask = (options & CLI_CHANGE_ASK) != 0;
  const struct {
    guint option; /* 0: all have it */
    GOptionEntry entry;
  } all[] = {
      {0, {"live", 0, 0, G_OPTION_ARG_NONE, &told.live, ask ? "Of the running guest" : "Change the running guest", NULL}},
      {0,
       {"config", 0, 0, G_OPTION_ARG_NONE, &told.config,
        ask ? "Of the definition, for the next start" : "Change the definition, for the next start", NULL}},
      {0,
       {"current", 0, 0, G_OPTION_ARG_NONE, &told.current,
        ask ? "Of the guest if it runs, else of its definition" : "Change the guest if it runs, else its definition (default)",
        NULL}},
      {CLI_CHANGE_PERSISTENT,
       {"persistent", 0, 0, G_OPTION_ARG_NONE, &told.persistent, "Change the definition, and the guest if it runs", NULL}},
      {CLI_CHANGE_TIMEOUT,
       {"timeout", 0, 0, G_OPTION_ARG_INT, &told.timeout, "Wait so long for the guest to let go (default 10)", "SECONDS"}},
      {CLI_CHANGE_DRY_RUN, {"dry-run", 0, 0, G_OPTION_ARG_NONE, &told.dry_run, "Only say what would be", NULL}},
      {CLI_CHANGE_DRY_RUN, {"json", 0, 0, G_OPTION_ARG_NONE, &told.json, "With --dry-run: print JSON", NULL}},
  };
  GOptionEntry entries[MAX_OPTIONS + 1] = {{0}};
  gsize n = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    if (all[i].option == 0 || (options & all[i].option) != 0)
      entries[n++] = all[i].entry;
  for (; more != NULL && more->long_name != NULL && n < MAX_OPTIONS; more++)
    entries[n++] = *more;
  change->words = cli_parse(cli, words, entries, min, max, error);
  return change->words != NULL && take(&told, change, error);
}

gboolean cli_print_change(const CliChange *change, const GPtrArray *rows, const char *done, GError **error) {
  if ((change->flags & BERTH_CHANGE_DRY_RUN) != 0)
    return cli_print_rows(rows, CLI_ROWS_PLAN, change->json, error);
  cli_print("%s\n", done);
  return TRUE;
}
