/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sql.h"

void berth_store_run_clear(BerthStoreRun *run) {
  g_free(run->state);
  g_free(run->reason);
  g_free(run->boot);
  g_free(run->since);
  g_free(run->run_dir);
  g_clear_pointer(&run->document, g_bytes_unref);
  g_free(run->record);
  *run = (BerthStoreRun){0};
}

void berth_store_guest_free(BerthStoreGuest *guest) {
  if (guest == NULL)
    return;
  g_free(guest->uuid);
  g_free(guest->name);
  g_free(guest->machine);
  g_free(guest->defined);
  berth_store_run_clear(&guest->run);
  g_free(guest);
}

void berth_store_revision_free(BerthStoreRevision *revision) {
  if (revision == NULL)
    return;
  g_free(revision->made);
  g_free(revision->command);
  g_free(revision->machine);
  g_clear_pointer(&revision->document, g_bytes_unref);
  g_free(revision->record);
  g_free(revision);
}

/* Columns that a store of an older schema does not have yet read as nothing known. */
#define NEW_COLUMNS(store) ((store)->schema >= 4 ? ", runs.reason, runs.boot" : ", '', ''")

#define GUEST_COLUMNS                                                                                                              \
  "SELECT guests.uuid, guests.name, revisions.number, revisions.machine, revisions.made, runs.state, runs.since, runs.pid,"        \
  "  runs.start_time, runs.supervisor, runs.supervisor_start_time, runs.run_dir, runs.revision"
#define GUEST_TABLES                                                                                                               \
  " FROM guests LEFT JOIN revisions ON revisions.guest = guests.uuid"                                                              \
  "   AND revisions.number = (SELECT max(number) FROM revisions WHERE guest = guests.uuid)"                                        \
  " LEFT JOIN runs ON runs.guest = guests.uuid"

static BerthStoreGuest *guest_of_row(sqlite3_stmt *row) {
  BerthStoreGuest *guest = g_new0(BerthStoreGuest, 1);
  guest->uuid = berth_store_sql_text(row, 0);
  guest->name = berth_store_sql_text(row, 1);
  guest->revision = (guint)sqlite3_column_int64(row, 2);
  guest->machine = g_strdup(sqlite3_column_type(row, 3) != SQLITE_NULL ? (const char *)sqlite3_column_text(row, 3) : "");
  guest->defined = g_strdup(sqlite3_column_type(row, 4) != SQLITE_NULL ? (const char *)sqlite3_column_text(row, 4) : "");
  guest->run.state = berth_store_sql_text(row, 5);
  guest->run.since = berth_store_sql_text(row, 6);
  guest->run.pid = sqlite3_column_int64(row, 7);
  guest->run.start_time = (guint64)sqlite3_column_int64(row, 8);
  guest->run.supervisor = sqlite3_column_int64(row, 9);
  guest->run.supervisor_start_time = (guint64)sqlite3_column_int64(row, 10);
  guest->run.run_dir = berth_store_sql_text(row, 11);
  guest->run.revision = (guint)sqlite3_column_int64(row, 12);
  guest->run.reason = berth_store_sql_text(row, 13);
  guest->run.boot = berth_store_sql_text(row, 14);
  return guest;
}

/* FALSE with @error set: the store cannot be read. @empty: there is none. */
static gboolean look(BerthStore *store, gboolean *empty, GError **error) {
  g_autoptr(GError) failure = NULL;
  *empty = !berth_store_sql_readable(store, &failure);
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

GPtrArray *berth_store_guests(BerthStore *store, GError **error) {
  g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)berth_store_guest_free);
  gboolean empty = FALSE;
  if (!look(store, &empty, error))
    return NULL;
  if (empty)
    return g_steal_pointer(&guests);
  g_autofree char *sql = g_strconcat(GUEST_COLUMNS, NEW_COLUMNS(store), GUEST_TABLES " ORDER BY guests.name", NULL);
  g_autoptr(sqlite3_stmt) query = berth_store_sql_query(store, error, sql, "");
  int result;
  while ((result = berth_store_sql_step(store, query, error)) == 1)
    g_ptr_array_add(guests, guest_of_row(query));
  return result == 0 ? g_steal_pointer(&guests) : NULL;
}

BerthStoreGuest *berth_store_guest(BerthStore *store, const char *guest, GError **error) {
  gboolean empty = FALSE;
  if (!look(store, &empty, error))
    return NULL;
  int result = 0;
  g_autoptr(sqlite3_stmt) query = NULL;
  if (!empty) {
    /* A guest may be called like another one's uuid: its name comes first, as in virsh. */
    g_autofree char *sql =
        g_strconcat(GUEST_COLUMNS, NEW_COLUMNS(store),
                    ", runs.document, runs.record" GUEST_TABLES " WHERE guests.name = ?1 OR guests.uuid = lower(?1)"
                    " ORDER BY guests.name <> ?1 LIMIT 1",
                    NULL);
    query = berth_store_sql_query(store, error, sql, "s", guest);
    result = berth_store_sql_step(store, query, error);
  }
  if (result == 0) {
    g_autofree char *shown = g_utf8_substring(guest, 0, MIN(g_utf8_strlen(guest, -1), 80));
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': there is no such guest", shown);
  }
  if (result != 1)
    return NULL;
  BerthStoreGuest *found = guest_of_row(query);
  found->run.document = berth_store_sql_blob(query, 15);
  found->run.record = berth_store_sql_text(query, 16);
  return found;
}

static BerthStoreRevision *revision_of_row(sqlite3_stmt *row) {
  BerthStoreRevision *revision = g_new0(BerthStoreRevision, 1);
  revision->number = (guint)sqlite3_column_int64(row, 0);
  revision->made = berth_store_sql_text(row, 1);
  revision->command = berth_store_sql_text(row, 2);
  revision->machine = berth_store_sql_text(row, 3);
  revision->record = berth_store_sql_text(row, 4);
  return revision;
}

BerthStoreRevision *berth_store_revision(BerthStore *store, const char *uuid, guint number, GError **error) {
  gboolean empty = FALSE;
  if (!look(store, &empty, error))
    return NULL;
  int result = 0;
  g_autoptr(sqlite3_stmt) query = NULL;
  if (!empty) {
    query = berth_store_sql_query(store, error,
                                  "SELECT number, made, command, machine, record, document FROM revisions"
                                  " WHERE guest = ?1 AND (number = ?2 OR ?2 = 0) ORDER BY number DESC LIMIT 1",
                                  "si", uuid, (gint64)number);
    result = berth_store_sql_step(store, query, error);
  }
  if (result == 0)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "revision %u: the guest has no such revision", number);
  if (result != 1)
    return NULL;
  BerthStoreRevision *revision = revision_of_row(query);
  revision->document = berth_store_sql_blob(query, 5);
  return revision;
}

GPtrArray *berth_store_revisions(BerthStore *store, const char *uuid, GError **error) {
  g_autoptr(GPtrArray) revisions = g_ptr_array_new_with_free_func((GDestroyNotify)berth_store_revision_free);
  gboolean empty = FALSE;
  if (!look(store, &empty, error))
    return NULL;
  if (empty)
    return g_steal_pointer(&revisions);
  g_autoptr(sqlite3_stmt) query = berth_store_sql_query(
      store, error, "SELECT number, made, command, machine, record FROM revisions WHERE guest = ? ORDER BY number", "s", uuid);
  int result;
  while ((result = berth_store_sql_step(store, query, error)) == 1)
    g_ptr_array_add(revisions, revision_of_row(query));
  return result == 0 ? g_steal_pointer(&revisions) : NULL;
}

/* Steps a statement that gives no rows. */
static gboolean change(BerthStore *store, sqlite3_stmt *statement, GError **error) {
  return berth_store_sql_step(store, statement, error) == 0;
}

gboolean berth_store_write_guest(BerthStoreWrite *write, const char *uuid, const char *name, GError **error) {
  BerthStore *store = write->store;
  g_autoptr(sqlite3_stmt) insert =
      berth_store_sql_query(store, error, "INSERT INTO guests (uuid, name) VALUES (lower(?), ?)", "ss", uuid, name);
  return change(store, insert, error);
}

gboolean berth_store_write_revision(BerthStoreWrite *write, const char *uuid, BerthStoreRevision *revision, GError **error) {
  BerthStore *store = write->store;
  g_autoptr(sqlite3_stmt) newest =
      berth_store_sql_query(store, error, "SELECT coalesce(max(number), 0) + 1 FROM revisions WHERE guest = ?", "s", uuid);
  if (berth_store_sql_step(store, newest, error) != 1)
    return FALSE;
  revision->number = (guint)sqlite3_column_int64(newest, 0);
  g_autoptr(sqlite3_stmt) insert = berth_store_sql_query(
      store, error, "INSERT INTO revisions (guest, number, made, command, machine, document, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
      "sisssbs", uuid, (gint64)revision->number, revision->made, revision->command, revision->machine, revision->document,
      revision->record);
  return change(store, insert, error);
}

gboolean berth_store_write_run(BerthStoreWrite *write, const char *uuid, const BerthStoreRun *run, GError **error) {
  BerthStore *store = write->store;
  g_autoptr(sqlite3_stmt) replace = berth_store_sql_query(
      store, error,
      "INSERT OR REPLACE INTO runs (guest, state, since, pid, start_time, supervisor, supervisor_start_time, run_dir, revision,"
      "  document, record, reason, boot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      "sssiiiisibsss", uuid, run->state, run->since, run->pid, (gint64)run->start_time, run->supervisor,
      (gint64)run->supervisor_start_time, run->run_dir != NULL ? run->run_dir : "", (gint64)run->revision, run->document,
      run->record, run->reason != NULL ? run->reason : "", run->boot != NULL ? run->boot : "");
  g_autoptr(sqlite3_stmt) forget =
      berth_store_sql_query(store, error, "DELETE FROM changes WHERE guest = ? AND (pid <> ? OR start_time <> ?)", "sii", uuid,
                            run->pid, (gint64)run->start_time);
  return change(store, replace, error) && change(store, forget, error);
}

gboolean berth_store_write_remove(BerthStoreWrite *write, const char *uuid, GError **error) {
  BerthStore *store = write->store;
  g_autoptr(sqlite3_stmt) remove = berth_store_sql_query(store, error, "DELETE FROM guests WHERE uuid = ?", "s", uuid);
  return change(store, remove, error);
}
