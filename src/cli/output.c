/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>

void cli_write(GBytes *bytes) {
  gsize size = 0;
  const void *data = g_bytes_get_data(bytes, &size);
  if (size > 0)
    fwrite(data, 1, size, stdout);
}

void cli_print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
}

gboolean cli_flush(GError **error) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "standard output: %s", errno != 0 ? g_strerror(errno) : "write failed");
  return FALSE;
}

void cli_print_notes(const BerthPlan *plan) {
  for (const char *const *note = berth_plan_notes(plan); note != NULL && *note != NULL; note++)
    fprintf(stderr, "berth: note: %s\n", *note);
}

struct CliTable {
  struct libscols_table *table;
};

CliTable *cli_table_new(const char *name, const CliColumn *columns, gboolean json) {
  CliTable *table = g_new0(CliTable, 1);
  table->table = scols_new_table();
  scols_table_set_name(table->table, name);
  scols_table_enable_json(table->table, json);
  /* A table that somebody greps must not depend on the width of a terminal. */
  scols_table_set_termforce(table->table, SCOLS_TERMFORCE_NEVER);
  for (const CliColumn *column = columns; column->title != NULL; column++) {
    gboolean number = column->type == CLI_COLUMN_NUMBER;
    struct libscols_column *made = scols_table_new_column(table->table, column->title, 0, number ? SCOLS_FL_RIGHT : 0);
    scols_column_set_json_type(made, number ? SCOLS_JSON_NUMBER : SCOLS_JSON_STRING);
  }
  return table;
}

void cli_table_free(CliTable *table) {
  if (table == NULL)
    return;
  scols_unref_table(table->table);
  g_free(table);
}

void cli_table_add(CliTable *table, const char *const *cells) {
  struct libscols_line *line = scols_table_new_line(table->table, NULL);
  for (gsize i = 0; cells[i] != NULL; i++)
    scols_line_set_data(line, i, cells[i]);
}

/* smartcols writes null for an empty cell and a bare table name for no rows; readers of JSON want text and an array. */
gboolean cli_table_print(CliTable *table, GError **error) {
  if (scols_table_get_nlines(table->table) == 0 && scols_table_is_json(table->table)) {
    cli_print("{\n   \"%s\": []\n}\n", scols_table_get_name(table->table));
    return TRUE;
  }
  char *text = NULL;
  if (scols_print_table_to_string(table->table, &text) != 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "table: %s", g_strerror(ENOMEM));
    return FALSE;
  }
  fputs(text, stdout);
  if (text[0] != '\0' && text[strlen(text) - 1] != '\n')
    fputc('\n', stdout);
  free(text);
  return TRUE;
}
