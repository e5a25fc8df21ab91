/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sql.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  int code; /* SQLite's primary result code */
  BerthError error;
  const char *message;
} SqlComplaint;

static const SqlComplaint complaints[] = {
    {SQLITE_FULL, BERTH_ERROR_FAILED, "no space left on the disk; nothing was changed"},
    {SQLITE_READONLY, BERTH_ERROR_FAILED, "cannot be written: read-only; nothing was changed"},
    {SQLITE_CANTOPEN, BERTH_ERROR_FAILED, "cannot be opened; check that the folder can be written by this user"},
    {SQLITE_PERM, BERTH_ERROR_FAILED, "permission denied"},
    {SQLITE_BUSY, BERTH_ERROR_BUSY, "another berth is writing to the store; try again"},
    {SQLITE_PROTOCOL, BERTH_ERROR_BUSY, "another berth is writing to the store; try again"},
    {SQLITE_LOCKED, BERTH_ERROR_BUSY, "another berth is writing to the store; try again"},
    {SQLITE_CORRUPT, BERTH_ERROR_FAILED, "the store is damaged"},
    {SQLITE_NOTADB, BERTH_ERROR_FAILED, "is not a berth store"},
    {SQLITE_CONSTRAINT, BERTH_ERROR_CONFLICT, "a guest of that name or uuid is there already"},
};

/* What the system said tells more than what SQLite could not do. */
static int code_of(const BerthStore *store) {
  int code = sqlite3_errcode(store->db) & 0xff, number = sqlite3_system_errno(store->db);
  if (code != SQLITE_CANTOPEN && code != SQLITE_IOERR)
    return code;
  if (code == SQLITE_CANTOPEN && access(store->dir, W_OK) != 0)
    number = errno;
  return number == ENOSPC || number == EDQUOT ? SQLITE_FULL : number == EROFS ? SQLITE_READONLY : code;
}

gboolean berth_store_sql_fail(BerthStore *store, GError **error) {
  int code = code_of(store);
  for (gsize i = 0; i < G_N_ELEMENTS(complaints); i++)
    if (complaints[i].code == code) {
      g_set_error(error, BERTH_ERROR, complaints[i].error, "%s: %s", store->path, complaints[i].message);
      return FALSE;
    }
  int number = sqlite3_system_errno(store->db);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s%s%s; nothing was changed", store->path, sqlite3_errmsg(store->db),
              number != 0 ? ": " : "", number != 0 ? g_strerror(number) : "");
  return FALSE;
}

gboolean berth_store_sql_run(BerthStore *store, const char *sql, GError **error) {
  return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK || berth_store_sql_fail(store, error);
}

static int bind_one(sqlite3_stmt *statement, int position, char type, va_list *arguments) {
  if (type == 'i')
    return sqlite3_bind_int64(statement, position, va_arg(*arguments, gint64));
  if (type == 's')
    return sqlite3_bind_text(statement, position, va_arg(*arguments, const char *), -1, SQLITE_TRANSIENT);
  GBytes *bytes = va_arg(*arguments, GBytes *);
  if (bytes == NULL)
    return sqlite3_bind_null(statement, position);
  gsize size = 0;
  const void *data = g_bytes_get_data(bytes, &size);
  return sqlite3_bind_blob64(statement, position, data != NULL ? data : "", size, SQLITE_TRANSIENT);
}

void berth_store_sql_done(sqlite3_stmt *statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

void berth_store_sql_close(sqlite3 *db) {
  for (sqlite3_stmt *statement; db != NULL && (statement = sqlite3_next_stmt(db, NULL)) != NULL;)
    sqlite3_finalize(statement);
  sqlite3_close(db);
}

/* One that is kept. */
static sqlite3_stmt *find(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement = sqlite3_next_stmt(db, NULL);
  while (statement != NULL && (sqlite3_stmt_busy(statement) || strcmp(sqlite3_sql(statement), sql) != 0))
    statement = sqlite3_next_stmt(db, statement);
  return statement;
}

sqlite3_stmt *berth_store_sql_query(BerthStore *store, GError **error, const char *sql, const char *types, ...) {
  g_autoptr(sqlite3_stmt) statement = find(store->db, sql);
  int result = statement != NULL ? SQLITE_OK : sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
  va_list arguments;
  va_start(arguments, types);
  for (int i = 0; result == SQLITE_OK && types[i] != '\0'; i++)
    result = bind_one(statement, i + 1, types[i], &arguments);
  va_end(arguments);
  if (result == SQLITE_OK)
    return g_steal_pointer(&statement);
  berth_store_sql_fail(store, error);
  return NULL;
}

int berth_store_sql_step(BerthStore *store, sqlite3_stmt *statement, GError **error) {
  if (statement == NULL)
    return -1;
  int result = sqlite3_step(statement);
  if (result == SQLITE_ROW)
    return 1;
  if (result == SQLITE_DONE)
    return 0;
  berth_store_sql_fail(store, error);
  return -1;
}

char *berth_store_sql_text(sqlite3_stmt *statement, int column) {
  return g_strdup((const char *)sqlite3_column_text(statement, column));
}

GBytes *berth_store_sql_blob(sqlite3_stmt *statement, int column) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL)
    return NULL;
  const void *data = sqlite3_column_blob(statement, column);
  return g_bytes_new(data, (gsize)sqlite3_column_bytes(statement, column));
}

int berth_store_sql_has_table(BerthStore *store, const char *name, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (!berth_store_sql_readable(store, &failure)) {
    if (failure == NULL)
      return 0;
    g_propagate_error(error, g_steal_pointer(&failure));
    return -1;
  }
  g_autoptr(sqlite3_stmt) query =
      berth_store_sql_query(store, error, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", "s", name);
  return berth_store_sql_step(store, query, error);
}
