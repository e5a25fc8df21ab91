/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <stddef.h>

/* A column of a table of BerthRow: where in the row it is. */
typedef struct {
  CliColumn column;
  size_t offset; /* of a char *; of guest_bus for the one number */
} RowColumn;

#define TEXT(title, member)                                                                                                        \
  { {title, CLI_COLUMN_TEXT}, offsetof(BerthRow, member) }
#define BUS                                                                                                                        \
  { {"BUS", CLI_COLUMN_NUMBER}, offsetof(BerthRow, guest_bus) }

static const RowColumn plan_columns[] = {
    TEXT("DEVICE", device),
    TEXT("KIND", kind),
    TEXT("IDENTITY", identity),
    TEXT("ID", id),
    TEXT("ADDRESS", address),
    TEXT("WAS", was),
    TEXT("RULE", rule),
    TEXT("PATH", path),
    BUS,
    {{0}},
};
static const RowColumn device_columns[] = {
    TEXT("DEVICE", device),
    TEXT("KIND", kind),
    TEXT("IDENTITY", identity),
    TEXT("ID", id),
    TEXT("ADDRESS", address),
    TEXT("PATH", path),
    BUS,
    TEXT("ACTUAL", actual),
    TEXT("STATE", state),
    {{0}},
};

static const RowColumn rehearsal_columns[] = {
    TEXT("DEVICE", device), TEXT("KIND", kind),   TEXT("IDENTITY", identity), TEXT("ID", id), TEXT("ADDRESS", address),
    TEXT("ACTUAL", actual), TEXT("STATE", state), TEXT("BACKEND", backend),   {{0}},
};

static const struct {
  const char *name;
  const RowColumn *columns;
} views[] = {
    [CLI_ROWS_PLAN] = {"plan", plan_columns},
    [CLI_ROWS_DEVICES] = {"devices", device_columns},
    [CLI_ROWS_REHEARSAL] = {"rehearsal", rehearsal_columns},
};

#define MAX_COLUMNS 12

static void add_row(CliTable *table, const RowColumn *columns, const BerthRow *row) {
  const char *cells[MAX_COLUMNS + 1] = {NULL};
  g_autofree char *bus = row->guest_bus >= 0 ? g_strdup_printf("%d", row->guest_bus) : g_strdup("");
  for (gsize i = 0; columns[i].column.title != NULL; i++)
    cells[i] = columns[i].column.type == CLI_COLUMN_NUMBER ? bus : G_STRUCT_MEMBER(char *, row, columns[i].offset);
  cli_table_add(table, cells);
}

gboolean cli_print_rows(const GPtrArray *rows, CliRowsView view, gboolean json, GError **error) {
  CliColumn columns[MAX_COLUMNS + 1] = {{0}};
  const RowColumn *shown = views[view].columns;
  for (gsize i = 0; shown[i].column.title != NULL; i++)
    columns[i] = shown[i].column;
  g_autoptr(CliTable) table = cli_table_new(views[view].name, columns, json);
  for (guint i = 0; i < rows->len; i++)
    add_row(table, shown, g_ptr_array_index(rows, i));
  return cli_table_print(table, error);
}
