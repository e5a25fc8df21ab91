/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sql.h"

void berth_store_event_free(BerthStoreEvent *event) {
  if (event == NULL)
    return;
  g_free(event->made);
  g_free(event->command);
  g_strfreev(event->came);
  g_strfreev(event->went);
  g_strfreev(event->changed);
  g_free(event);
}

static GStrv lines_of(sqlite3_stmt *row, int column) {
  g_autofree char *text = berth_store_sql_text(row, column);
  return g_strsplit(text != NULL ? text : "", "\n", -1);
}

GPtrArray *berth_store_events(BerthStore *store, const char *uuid, GError **error) {
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)berth_store_event_free);
  int there = berth_store_sql_has_table(store, "events", error);
  if (there <= 0)
    return there == 0 ? g_steal_pointer(&events) : NULL;
  g_autoptr(sqlite3_stmt) query = berth_store_sql_query(
      store, error, "SELECT revision, made, command, came, went, changed FROM events WHERE guest = ? ORDER BY number", "s", uuid);
  int result;
  while ((result = berth_store_sql_step(store, query, error)) == 1) {
    BerthStoreEvent *event = g_new0(BerthStoreEvent, 1);
    event->revision = (guint)sqlite3_column_int64(query, 0);
    event->made = berth_store_sql_text(query, 1);
    event->command = berth_store_sql_text(query, 2);
    event->came = lines_of(query, 3);
    event->went = lines_of(query, 4);
    event->changed = lines_of(query, 5);
    g_ptr_array_add(events, event);
  }
  return result == 0 ? g_steal_pointer(&events) : NULL;
}

static char *joined(GStrv lines) {
  return lines != NULL ? g_strjoinv("\n", lines) : g_strdup("");
}

gboolean berth_store_write_event(BerthStoreWrite *write, const char *uuid, const BerthStoreEvent *event, GError **error) {
  g_autofree char *came = joined(event->came), *went = joined(event->went), *changed = joined(event->changed);
  g_autoptr(sqlite3_stmt) insert =
      berth_store_sql_query(write->store, error,
                            "INSERT INTO events (guest, number, revision, made, command, came, went, changed)"
                            " SELECT ?1, COALESCE((SELECT MAX(number) FROM events WHERE guest = ?1), 0) + 1,"
                            " COALESCE((SELECT MAX(number) FROM revisions WHERE guest = ?1), 0), ?2, ?3, ?4, ?5, ?6",
                            "ssssss", uuid, event->made, event->command, came, went, changed);
  if (berth_store_sql_step(write->store, insert, error) != 0)
    return FALSE;
  g_autoptr(sqlite3_stmt) forget = berth_store_sql_query(
      write->store, error,
      "DELETE FROM events WHERE guest = ?1 AND number <= (SELECT MAX(number) FROM events WHERE guest = ?1) - ?2", "si", uuid,
      (gint64)BERTH_STORE_MAX_EVENTS);
  return berth_store_sql_step(write->store, forget, error) == 0;
}
