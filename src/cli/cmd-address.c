/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
  char *record, *previous, *output, *os, *ports;
  gboolean embed, allow_move;
} Wish;

static void wish_clear(Wish *wish) {
  g_free(wish->record);
  g_free(wish->previous);
  g_free(wish->output);
  g_free(wish->ports);
  g_free(wish->os);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wish, wish_clear)

static gboolean put_document(const char *output, GBytes *document, GError **error) {
  if (output != NULL)
    return berth_file_write(output, document, error);
  cli_write(document);
  return cli_flush(error);
}

static gboolean put_record(const char *file, const BerthPlan *plan, GError **error) {
  char *json = berth_record_to_json(berth_plan_record(plan));
  g_autoptr(GBytes) bytes = g_bytes_new_take(json, strlen(json));
  return berth_file_write(file, bytes, error);
}

static void put_back(const char *output, GBytes *before) {
  if (before != NULL)
    berth_file_write(output, before, NULL);
  else
    g_unlink(output);
}

/* Two at once on one record: the second must not undo what the first one remembered. */
static gboolean check_record(const char *file, GBytes *before, GError **error) {
  g_autoptr(GBytes) now = berth_file_read(file, BERTH_MAX_BYTES, NULL);
  if ((now == NULL && before == NULL) || (now != NULL && before != NULL && g_bytes_equal(now, before)))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "%s: was changed by somebody else meanwhile; try again", file);
  return FALSE;
}

/* The record last: it must not remember a document that nobody got. If it cannot be written, the document is as it was, too. */
static gboolean put(const Wish *wish, const CliPlan *plan, GError **error) {
  if (wish->record != NULL && !check_record(wish->record, plan->record_file, error))
    return FALSE;
  g_autoptr(GBytes) document = berth_plan_document(plan->plan);
  /* A pipe would never end; it cannot be written either. */
  gboolean regular = wish->output != NULL && g_file_test(wish->output, G_FILE_TEST_IS_REGULAR);
  g_autoptr(GBytes) before = regular ? berth_file_read(wish->output, BERTH_MAX_BYTES, NULL) : NULL;
  if (!put_document(wish->output, document, error))
    return FALSE;
  if (wish->record == NULL || put_record(wish->record, plan->plan, error))
    return TRUE;
  if (wish->output != NULL)
    put_back(wish->output, before);
  return FALSE;
}

gboolean cli_cmd_address(Cli *cli, GStrv words, GError **error) {
  g_auto(Wish) wish = {0};
  const GOptionEntry entries[] = {
      {"record", 0, 0, G_OPTION_ARG_FILENAME, &wish.record, "Remember the guest's hardware in R, made if missing", "R"},
      {"previous", 0, 0, G_OPTION_ARG_FILENAME, &wish.previous, "Keep the places of this earlier document", "OLD.xml"},
      {"embed", 0, 0, G_OPTION_ARG_NONE, &wish.embed, "Write the record into the document's <metadata>", NULL},
      {"os", 0, 0, G_OPTION_ARG_STRING, &wish.os, CLI_OS_HELP, "ID"},
      {"pcie-ports", 0, 0, G_OPTION_ARG_STRING, &wish.ports, CLI_PORTS_HELP, "N"},
      {"output", 0, 0, G_OPTION_ARG_FILENAME, &wish.output, "Write the document to OUT instead of standard output", "OUT"},
      {"allow-move", 0, 0, G_OPTION_ARG_NONE, &wish.allow_move, "Let written addresses take recorded places", NULL},
      {0},
  };
  g_auto(GStrv) files = cli_parse(cli, words, entries, 1, 1, error);
  if (files == NULL)
    return FALSE;
  const CliPlanWish plan_wish = {.file = files[0],
                                 .record = wish.record,
                                 .previous = wish.previous,
                                 .allow_move = wish.allow_move,
                                 .embed = wish.embed,
                                 .os = wish.os,
                                 .pcie_ports = wish.ports};
  g_auto(CliPlan) plan = {0};
  if (!cli_plan(cli, &plan_wish, &plan, error))
    return FALSE;
  cli_print_notes(plan.plan);
  return put(&wish, &plan, error);
}
