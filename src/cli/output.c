/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <errno.h>
#include <json-c/json.h>
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
  const char *name;
  const CliColumn *columns;
  gboolean json;
  GPtrArray *lines; /* GStrv */
};

CliTable *cli_table_new(const char *name, const CliColumn *columns, gboolean json) {
  CliTable *table = g_new0(CliTable, 1);
  table->name = name;
  table->columns = columns;
  table->json = json;
  table->lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
  return table;
}

void cli_table_free(CliTable *table) {
  if (table == NULL)
    return;
  g_ptr_array_unref(table->lines);
  g_free(table);
}

void cli_table_add(CliTable *table, const char *const *cells) {
  g_ptr_array_add(table->lines, g_strdupv((char **)cells));
}

/* JSON is UTF-8; what a file's name or a guest's document is not is replaced. */
static json_object *text_value(const char *text) {
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  return json_object_new_string(valid);
}

static json_object *list_value(const char *cell) {
  json_object *list = json_object_new_array();
  g_auto(GStrv) lines = g_strsplit(cell, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    json_object_array_add(list, text_value(*line));
  return list;
}

static json_object *cell_value(const CliColumn *column, const char *cell) {
  if (column->type == CLI_COLUMN_TEXT)
    return text_value(cell);
  if (column->type == CLI_COLUMN_LIST)
    return list_value(cell);
  if (column->type == CLI_COLUMN_FLAG)
    return json_object_new_boolean(*cell != '\0');
  return *cell != '\0' ? json_object_new_int64(g_ascii_strtoll(cell, NULL, 10)) : NULL;
}

/* Not smartcols' own JSON: it writes null for a text that is empty, and nothing at all for a table without lines. */
static void print_json(const CliTable *table) {
  json_object *root = json_object_new_object(), *lines = json_object_new_array();
  json_object_object_add(root, table->name, lines);
  for (guint i = 0; i < table->lines->len; i++) {
    char **cells = g_ptr_array_index(table->lines, i);
    json_object *line = json_object_new_object();
    for (gsize n = 0; table->columns[n].title != NULL; n++) {
      g_autofree char *name = g_ascii_strdown(table->columns[n].title, -1);
      json_object_object_add(line, name, cell_value(&table->columns[n], cells[n]));
    }
    json_object_array_add(lines, line);
  }
  cli_print("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE));
  json_object_put(root);
}

/* Padding behind the last word of a line only disturbs those who compare. */
static void print_trimmed(char *text) {
  g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    cli_print("%s\n", g_strchomp(lines[i]));
}

static gboolean print_columns(const CliTable *table) {
  struct libscols_table *columns = scols_new_table();
  /* A table that somebody greps must not depend on the width of a terminal. */
  scols_table_set_termforce(columns, SCOLS_TERMFORCE_NEVER);
  for (const CliColumn *column = table->columns; column->title != NULL; column++)
    scols_table_new_column(columns, column->title, 0, column->type == CLI_COLUMN_NUMBER ? SCOLS_FL_RIGHT : 0);
  for (guint i = 0; i < table->lines->len; i++) {
    char **cells = g_ptr_array_index(table->lines, i);
    struct libscols_line *line = scols_table_new_line(columns, NULL);
    for (gsize n = 0; cells[n] != NULL; n++)
      scols_line_set_data(line, n, cells[n]);
  }
  char *text = NULL;
  gboolean done = scols_print_table_to_string(columns, &text) == 0;
  if (done && text != NULL)
    print_trimmed(text);
  free(text);
  scols_unref_table(columns);
  return done;
}

/* A gap in a table is a dash, as in virsh; in JSON it is an empty text. */
static char *cell_text(const char *text, gboolean json) {
  return g_strdup(*text == '\0' && !json ? "-" : text);
}

gboolean cli_print_lines(const char *name, const CliColumn *columns, const GPtrArray *lines, guint first, gboolean json,
                         GError **error) {
  g_autoptr(CliTable) table = cli_table_new(name, columns + first, json);
  for (guint i = 0; i < lines->len; i++) {
    const char *const *line = g_ptr_array_index(lines, i);
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (guint n = first; line[n] != NULL; n++)
      g_ptr_array_add(cells, cell_text(line[n], json));
    g_ptr_array_add(cells, NULL);
    cli_table_add(table, (const char *const *)cells->pdata);
  }
  return cli_table_print(table, error);
}

gboolean cli_table_print(CliTable *table, GError **error) {
  if (table->json)
    print_json(table);
  else if (table->lines->len > 0 && !print_columns(table)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "table '%s': cannot be laid out", table->name);
    return FALSE;
  }
  return TRUE;
}
