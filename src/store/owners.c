/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sql.h"

void berth_store_owner_free(BerthStoreOwner *owner) {
  if (owner == NULL)
    return;
  g_free(owner->path);
  g_free(owner);
}

static BerthStoreOwner *owner_of_row(sqlite3_stmt *row) {
  BerthStoreOwner *owner = g_new0(BerthStoreOwner, 1);
  owner->path = berth_store_sql_text(row, 0);
  owner->uid = sqlite3_column_int64(row, 1);
  owner->gid = sqlite3_column_int64(row, 2);
  owner->given = sqlite3_column_int64(row, 3);
  return owner;
}

GPtrArray *berth_store_owners(BerthStore *store, const char *uuid, GError **error) {
  g_autoptr(GPtrArray) owners = g_ptr_array_new_with_free_func((GDestroyNotify)berth_store_owner_free);
  int there = berth_store_sql_has_table(store, "owners", error);
  if (there <= 0)
    return there == 0 ? g_steal_pointer(&owners) : NULL;
  g_autoptr(sqlite3_stmt) query =
      berth_store_sql_query(store, error, "SELECT path, uid, gid, given FROM owners WHERE guest = ? ORDER BY path", "s", uuid);
  int result;
  while ((result = berth_store_sql_step(store, query, error)) == 1)
    g_ptr_array_add(owners, owner_of_row(query));
  return result == 0 ? g_steal_pointer(&owners) : NULL;
}

gboolean berth_store_owner_elsewhere(BerthStoreWrite *write, const char *uuid, const char *path, BerthStoreOwner **owner,
                                     GError **error) {
  g_autoptr(sqlite3_stmt) query = berth_store_sql_query(
      write->store, error, "SELECT path, uid, gid, given FROM owners WHERE path = ? AND guest <> ? LIMIT 1", "ss", path, uuid);
  int result = berth_store_sql_step(write->store, query, error);
  *owner = result == 1 ? owner_of_row(query) : NULL;
  return result >= 0;
}

gboolean berth_store_write_owner(BerthStoreWrite *write, const char *uuid, const BerthStoreOwner *owner, GError **error) {
  g_autoptr(sqlite3_stmt) insert = berth_store_sql_query(
      write->store, error, "INSERT OR REPLACE INTO owners (guest, path, uid, gid, given) VALUES (?, ?, ?, ?, ?)", "ssiii", uuid,
      owner->path, owner->uid, owner->gid, owner->given);
  return berth_store_sql_step(write->store, insert, error) == 0;
}

gboolean berth_store_write_owner_done(BerthStoreWrite *write, const char *uuid, const char *path, GError **error) {
  g_autoptr(sqlite3_stmt) remove =
      berth_store_sql_query(write->store, error, "DELETE FROM owners WHERE guest = ? AND path = ?", "ss", uuid, path);
  return berth_store_sql_step(write->store, remove, error) == 0;
}
