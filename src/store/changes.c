/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sql.h"

void berth_store_change_free(BerthStoreChange *change) {
  if (change == NULL)
    return;
  g_free(change->device);
  g_free(change->state);
  g_free(change->since);
  g_free(change->command);
  g_clear_pointer(&change->xml, g_bytes_unref);
  g_free(change);
}

GPtrArray *berth_store_changes(BerthStore *store, const char *uuid, GError **error) {
  g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)berth_store_change_free);
  int there = berth_store_sql_has_table(store, "changes", error);
  if (there <= 0)
    return there == 0 ? g_steal_pointer(&changes) : NULL;
  /* A store of an older schema does not say. */
  g_autofree char *sql = g_strconcat(
      "SELECT device, changes.state, changes.since, xml, changes.pid, changes.start_time, ", store->schema >= 5 ? "command" : "''",
      " FROM changes JOIN runs USING (guest)"
      " WHERE guest = ? AND changes.pid = runs.pid AND changes.start_time = runs.start_time ORDER BY changes.rowid",
      NULL);
  g_autoptr(sqlite3_stmt) query = berth_store_sql_query(store, error, sql, "s", uuid);
  int result;
  while ((result = berth_store_sql_step(store, query, error)) == 1) {
    BerthStoreChange *change = g_new0(BerthStoreChange, 1);
    change->device = berth_store_sql_text(query, 0);
    change->state = berth_store_sql_text(query, 1);
    change->since = berth_store_sql_text(query, 2);
    change->xml = berth_store_sql_blob(query, 3);
    change->pid = sqlite3_column_int64(query, 4);
    change->start_time = (guint64)sqlite3_column_int64(query, 5);
    change->command = berth_store_sql_text(query, 6);
    g_ptr_array_add(changes, change);
  }
  return result == 0 ? g_steal_pointer(&changes) : NULL;
}

const BerthStoreChange *berth_store_changes_find(const GPtrArray *changes, const char *device) {
  for (guint i = 0; changes != NULL && i < changes->len; i++) {
    const BerthStoreChange *change = g_ptr_array_index(changes, i);
    if (g_str_equal(change->device, device))
      return change;
  }
  return NULL;
}

gboolean berth_store_write_change(BerthStoreWrite *write, const char *uuid, const BerthStoreChange *change, GError **error) {
  g_autoptr(sqlite3_stmt) replace = berth_store_sql_query(
      write->store, error,
      "INSERT OR REPLACE INTO changes (guest, device, state, since, xml, pid, start_time, command) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
      "?7, COALESCE(?8, (SELECT command FROM changes WHERE guest = ?1 AND device = ?2), ''))",
      "ssssbiis", uuid, change->device, change->state, change->since, change->xml, change->pid, (gint64)change->start_time,
      change->command);
  return berth_store_sql_step(write->store, replace, error) == 0;
}

gboolean berth_store_write_change_done(BerthStoreWrite *write, const char *uuid, const char *device, GError **error) {
  g_autoptr(sqlite3_stmt) remove =
      berth_store_sql_query(write->store, error, "DELETE FROM changes WHERE guest = ? AND device = ?", "ss", uuid, device);
  return berth_store_sql_step(write->store, remove, error) == 0;
}
