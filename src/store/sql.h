/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the store: the connection, and statements that bind and complain in one place. */
#pragma once

#include <sqlite3.h>

#include "store/store.h"

struct BerthStore {
  char *dir, *path;
  sqlite3 *db;      /* NULL: there was no file yet when it was last looked for */
  gint64 schema;    /* of the open file */
  gboolean writing; /* a write is open */
  gboolean frozen;  /* opened on a disk that cannot be written */
};

struct BerthStoreWrite {
  BerthStore *store; /* borrowed */
};

/* A statement that is not needed any more stays with its connection, so that it need not be prepared again. */
void berth_store_sql_done(sqlite3_stmt *statement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, berth_store_sql_done)
/* Ends all statements of a connection, and it. */
void berth_store_sql_close(sqlite3 *db);

/* Sets @error from what SQLite last said; always FALSE. */
gboolean berth_store_sql_fail(BerthStore *store, GError **error);
/* Runs statements without results. */
gboolean berth_store_sql_run(BerthStore *store, const char *sql, GError **error);
/* A statement of @sql that is not being stepped through, which binds @types, one letter and one argument each: 's' const char *
 * (NULL is fine), 'i' gint64, 'b' GBytes * (NULL is fine). NULL with @error set on failure. */
sqlite3_stmt *berth_store_sql_query(BerthStore *store, GError **error, const char *sql, const char *types, ...);
/* The next row: 1, none: 0, failure: -1 with @error set. */
int berth_store_sql_step(BerthStore *store, sqlite3_stmt *statement, GError **error);
/* Text or blob of a column; NULL for NULL. (transfer full) */
char *berth_store_sql_text(sqlite3_stmt *statement, int column);
GBytes *berth_store_sql_blob(sqlite3_stmt *statement, int column);
/* Whether there is a table @name, which a store that nothing has been written to since an older berth lacks: 1, 0, -1 with @error
 * set. */
int berth_store_sql_has_table(BerthStore *store, const char *name, GError **error);
/* Makes sure that what can be read is open. FALSE without @error: there is no store, it is empty. */
gboolean berth_store_sql_readable(BerthStore *store, GError **error);
