/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

static const CliColumn columns[] = {
    {"NAME", CLI_COLUMN_TEXT},    {"STATE", CLI_COLUMN_TEXT},      {"SINCE", CLI_COLUMN_TEXT}, {"PID", CLI_COLUMN_NUMBER},
    {"MACHINE", CLI_COLUMN_TEXT}, {"REVISION", CLI_COLUMN_NUMBER}, {"UUID", CLI_COLUMN_TEXT},  {0}};

/* --state-X, and the states that it means; "other" means all that no other row names. */
enum { RUNNING, PAUSED, SHUTOFF, OTHER, N_STATES };
static const char *const state_words[N_STATES] = {"running", "paused", "shut off", NULL};

typedef struct {
  gboolean all, inactive, states[N_STATES];
  gboolean names, uuids, ids; /* the form: any of them, one guest a line */
  gboolean json, table;
  gboolean autostart, no_autostart, managed, no_managed;
} Wish;

static gboolean state_wanted(const Wish *wish, const char *state) {
  gboolean any = FALSE;
  guint mine = OTHER;
  for (guint i = 0; i < N_STATES; i++) {
    any |= wish->states[i];
    if (g_strcmp0(state_words[i], state) == 0)
      mine = i;
  }
  return !any || wish->states[mine];
}

/* A state says itself whether a guest runs: it needs no --all. */
static gboolean wanted(const Wish *wish, const BerthGuestInfo *guest) {
  gboolean by_state = wish->states[SHUTOFF] || wish->states[OTHER];
  if (wish->inactive ? guest->pid != 0 : !wish->all && !by_state && guest->pid == 0)
    return FALSE;
  if (wish->autostart != wish->no_autostart && guest->autostart != wish->autostart)
    return FALSE;
  if (wish->managed != wish->no_managed && guest->managed != wish->managed)
    return FALSE;
  return state_wanted(wish, guest->state);
}

static void add_guest(CliTable *table, const BerthGuestInfo *guest) {
  g_autofree char *pid = guest->pid != 0 ? g_strdup_printf("%" G_GINT64_FORMAT, guest->pid) : g_strdup("");
  g_autofree char *revision = g_strdup_printf("%u", guest->revision);
  const char *const cells[] = {guest->name, guest->state, guest->since, pid, guest->machine, revision, guest->uuid, NULL};
  cli_table_add(table, cells);
}

static void print_words(const Wish *wish, const BerthGuestInfo *guest) {
  g_autofree char *id = guest->pid != 0 ? g_strdup_printf("%" G_GINT64_FORMAT, guest->pid) : g_strdup("-");
  const char *line[4] = {NULL};
  guint n = 0;
  if (wish->ids)
    line[n++] = id;
  if (wish->uuids)
    line[n++] = guest->uuid;
  if (wish->names)
    line[n++] = guest->name;
  g_autofree char *joined = g_strjoinv(" ", (char **)line);
  cli_print("%s\n", joined);
}

static gboolean print_guests(const GPtrArray *guests, const Wish *wish, GError **error) {
  gboolean words = wish->names || wish->uuids || wish->ids;
  g_autoptr(CliTable) table = cli_table_new("guests", columns, wish->json);
  for (guint i = 0; i < guests->len; i++) {
    const BerthGuestInfo *guest = g_ptr_array_index(guests, i);
    if (!wanted(wish, guest))
      continue;
    if (words)
      print_words(wish, guest);
    else
      add_guest(table, guest);
  }
  return words || cli_table_print(table, error);
}

gboolean cli_cmd_list(Cli *cli, GStrv words, GError **error) {
  Wish wish = {0};
  const GOptionEntry entries[] = {
      {"all", 0, 0, G_OPTION_ARG_NONE, &wish.all, "Also those that do not run", NULL},
      {"inactive", 0, 0, G_OPTION_ARG_NONE, &wish.inactive, "Only those that do not run", NULL},
      {"state-running", 0, 0, G_OPTION_ARG_NONE, &wish.states[RUNNING], "Those that are running", NULL},
      {"state-paused", 0, 0, G_OPTION_ARG_NONE, &wish.states[PAUSED], "Those that are paused", NULL},
      {"state-shutoff", 0, 0, G_OPTION_ARG_NONE, &wish.states[SHUTOFF], "Those that are shut off", NULL},
      {"state-other", 0, 0, G_OPTION_ARG_NONE, &wish.states[OTHER], "Those in another state", NULL},
      {"autostart", 0, 0, G_OPTION_ARG_NONE, &wish.autostart, "Only those that systemd starts", NULL},
      {"no-autostart", 0, 0, G_OPTION_ARG_NONE, &wish.no_autostart, "Only those that it does not", NULL},
      {"with-managed-save", 0, 0, G_OPTION_ARG_NONE, &wish.managed, "Only those that managedsave has kept a state of", NULL},
      {"without-managed-save", 0, 0, G_OPTION_ARG_NONE, &wish.no_managed, "Only the others", NULL},
      {"table", 0, 0, G_OPTION_ARG_NONE, &wish.table, "A table, as without any of these", NULL},
      {"name", 0, 0, G_OPTION_ARG_NONE, &wish.names, "Only names, one a line", NULL},
      {"uuid", 0, 0, G_OPTION_ARG_NONE, &wish.uuids, "Only uuids, one a line", NULL},
      {"id", 0, 0, G_OPTION_ARG_NONE, &wish.ids, "Only process ids, one a line", NULL},
      {"json", 0, 0, G_OPTION_ARG_NONE, &wish.json, "Print JSON", NULL},
      {0},
  };
  g_auto(GStrv) none = cli_parse(cli, words, entries, 0, 0, error);
  if (none != NULL && (wish.names || wish.uuids || wish.ids) + wish.json + wish.table > 1) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE,
                        "--json, --table and --name, --uuid or --id: only one of them can be the form");
    return FALSE;
  }
  if (none != NULL && wish.all && wish.inactive) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--all and --inactive: only one of them can be meant");
    return FALSE;
  }
  g_autoptr(Berth) berth = none != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) guests = berth != NULL ? berth_list(berth, error) : NULL;
  return guests != NULL && print_guests(guests, &wish, error);
}
