/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define BUSY_MS 10000
#define STEP_US 10000ul
/* A command is over once its changes are in the log; who writes the log's 200th page moves them into the database. */
#define LOG_PAGES 200

/* Step N takes a store from schema N to N + 1. Steps that were released never change. */
static const char *const migrations[] = {
    "CREATE TABLE guests ("
    "  uuid TEXT PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE revisions ("
    "  guest TEXT NOT NULL REFERENCES guests (uuid) ON DELETE CASCADE,"
    "  number INTEGER NOT NULL CHECK (number > 0),"
    "  made TEXT NOT NULL,"
    "  command TEXT NOT NULL,"
    "  machine TEXT NOT NULL,"
    "  document BLOB NOT NULL,"
    "  record TEXT NOT NULL,"
    "  PRIMARY KEY (guest, number)"
    ") STRICT;"
    "CREATE TABLE runs ("
    "  guest TEXT PRIMARY KEY REFERENCES guests (uuid) ON DELETE CASCADE,"
    "  state TEXT NOT NULL,"
    "  since TEXT NOT NULL,"
    "  pid INTEGER NOT NULL,"
    "  start_time INTEGER NOT NULL,"
    "  supervisor INTEGER NOT NULL,"
    "  supervisor_start_time INTEGER NOT NULL,"
    "  run_dir TEXT NOT NULL,"
    "  revision INTEGER NOT NULL,"
    "  document BLOB,"
    "  record TEXT"
    ") STRICT;",
    "CREATE TABLE changes ("
    "  guest TEXT NOT NULL REFERENCES guests (uuid) ON DELETE CASCADE,"
    "  device TEXT NOT NULL,"
    "  state TEXT NOT NULL,"
    "  since TEXT NOT NULL,"
    "  xml BLOB,"
    "  pid INTEGER NOT NULL,"
    "  start_time INTEGER NOT NULL,"
    "  PRIMARY KEY (guest, device)"
    ") STRICT;",
    "CREATE TABLE owners ("
    "  guest TEXT NOT NULL REFERENCES guests (uuid) ON DELETE CASCADE,"
    "  path TEXT NOT NULL,"
    "  uid INTEGER NOT NULL,"
    "  gid INTEGER NOT NULL,"
    "  given INTEGER NOT NULL,"
    "  PRIMARY KEY (guest, path)"
    ") STRICT;",
    "ALTER TABLE runs ADD COLUMN reason TEXT NOT NULL DEFAULT ''; ALTER TABLE runs ADD COLUMN boot TEXT NOT NULL DEFAULT '';",
    "CREATE TABLE events ("
    "  guest TEXT NOT NULL REFERENCES guests (uuid) ON DELETE CASCADE,"
    "  number INTEGER NOT NULL CHECK (number > 0),"
    "  revision INTEGER NOT NULL,"
    "  made TEXT NOT NULL,"
    "  command TEXT NOT NULL,"
    "  came TEXT NOT NULL,"
    "  went TEXT NOT NULL,"
    "  changed TEXT NOT NULL,"
    "  PRIMARY KEY (guest, number)"
    ") STRICT;"
    "ALTER TABLE changes ADD COLUMN command TEXT NOT NULL DEFAULT '';",
};
#define SCHEMA ((gint64)G_N_ELEMENTS(migrations))

/* The schema's number; -1 with @error set if it cannot be told or is newer than this program. */
static gint64 read_schema(BerthStore *store, GError **error) {
  g_autoptr(sqlite3_stmt) query = berth_store_sql_query(store, error, "PRAGMA user_version", "");
  if (berth_store_sql_step(store, query, error) != 1)
    return -1;
  gint64 schema = store->schema = sqlite3_column_int64(query, 0);
  if (schema >= 0 && schema <= SCHEMA)
    return schema;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NEWER,
              "%s: the store has schema %" G_GINT64_FORMAT ", this berth knows up to %" G_GINT64_FORMAT
              "; use the berth that wrote it; it was left as it is",
              store->path, schema, SCHEMA);
  return -1;
}

static void disconnect(BerthStore *store) {
  berth_store_sql_close(store->db);
  store->db = NULL;
  store->frozen = FALSE;
}

/*
 * What SQLite does by itself leaves the log as long as it is: it is begun anew by who sees that all of it was moved, and that is
 * forgotten with the last connection, which a command's mostly is. Each would read the log, and add to it, for ever. Nobody is
 * waited for: whoever writes next tries again.
 */
static int shorten_log(void *data, sqlite3 *db, const char *name, int pages) {
  if (pages < LOG_PAGES)
    return SQLITE_OK;
  sqlite3_busy_timeout(db, 0);
  sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  sqlite3_busy_timeout(db, BUSY_MS);
  return SQLITE_OK;
}

static gboolean open_db(BerthStore *store, const char *name, int flags, GError **error) {
  if (sqlite3_open_v2(name, &store->db, flags, NULL) != SQLITE_OK) {
    berth_store_sql_fail(store, error);
    disconnect(store);
    return FALSE;
  }
  sqlite3_busy_timeout(store->db, BUSY_MS);
  sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_wal_hook(store->db, shorten_log, NULL);
  if (read_schema(store, error) < 0 || !berth_store_sql_run(store, "PRAGMA foreign_keys = ON; PRAGMA synchronous = EXTRA", error)) {
    disconnect(store);
    return FALSE;
  }
  return TRUE;
}

static gboolean connect_file(BerthStore *store, GError **error) {
  /* SQLite would let everybody read it, and definitions have passwords. Why this fails, SQLite will say. */
  int made = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (made >= 0)
    close(made);
  return open_db(store, store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
}

/*
 * To read a WAL file SQLite makes files beside it, which a full or read-only disk has no room for. As long as nothing is in the
 * WAL, what is in the file is all there is; and nobody else has it open, for then these files would be there.
 */
static gboolean connect_frozen(BerthStore *store) {
  static const char *const beside[] = {"-wal", "-journal"};
  for (gsize i = 0; i < G_N_ELEMENTS(beside); i++) {
    struct stat file;
    g_autofree char *path = g_strconcat(store->path, beside[i], NULL);
    if (stat(path, &file) == 0 && file.st_size > 0)
      return FALSE;
  }
  g_autofree char *uri = g_filename_to_uri(store->path, NULL, NULL);
  g_autofree char *name = uri != NULL ? g_strconcat(uri, "?immutable=1", NULL) : NULL;
  store->frozen = name != NULL && open_db(store, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
  return store->frozen;
}

static gboolean connect_to_read(BerthStore *store, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (open_db(store, store->path, SQLITE_OPEN_READWRITE, &failure) ||
      (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_FAILED) && connect_frozen(store)))
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

gboolean berth_store_sql_readable(BerthStore *store, GError **error) {
  if (store->db == NULL) {
    if (access(store->path, F_OK) != 0) {
      if (errno != ENOENT)
        g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", store->path, g_strerror(errno));
      return FALSE;
    }
    if (!connect_to_read(store, error))
      return FALSE;
  }
  if (store->writing)
    return TRUE;
  /* Schema 0: a first write was cut short, or is just under way. */
  return read_schema(store, error) > 0;
}

BerthStore *berth_store_new(const char *state_dir) {
  BerthStore *store = g_new0(BerthStore, 1);
  store->dir = g_strdup(state_dir);
  store->path = g_build_filename(state_dir, "berth.db", NULL);
  return store;
}

void berth_store_have_sqlite(void) {
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

void berth_store_close(BerthStore *store) {
  if (store == NULL)
    return;
  disconnect(store);
  g_free(store->dir);
  g_free(store->path);
  g_free(store);
}

void berth_store_rest(BerthStore *store) {
  g_return_if_fail(!store->writing);
  disconnect(store);
}

/* A new name in a folder is on disk only once the folder is. */
static void sync_folder(const char *dir) {
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  fsync(fd);
  close(fd);
}

/*
 * A file that was made by a process that then died may not be WAL yet, so every write looks. Two processes that turn a new file to
 * WAL at once may both be told BUSY without having waited.
 */
static gboolean turn_to_wal(BerthStore *store, GError **error) {
  for (int waited = 0;; waited += 10) {
    int result = sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    if (result == SQLITE_OK)
      return TRUE;
    if (result != SQLITE_BUSY || waited >= BUSY_MS)
      return berth_store_sql_fail(store, error);
    g_usleep(STEP_US);
  }
}

static gboolean make_file(BerthStore *store, GError **error) {
  if (!berth_base_file_make_dir(store->dir, error)) {
    g_prefix_error(error, "state folder ");
    return FALSE;
  }
  g_autofree char *parent = g_path_get_dirname(store->dir);
  if (!connect_file(store, error))
    return FALSE;
  sync_folder(store->dir);
  sync_folder(parent);
  return TRUE;
}

static gboolean migrate(BerthStore *store, GError **error) {
  gint64 schema = read_schema(store, error);
  if (schema < 0)
    return FALSE;
  for (gint64 i = schema; i < SCHEMA; i++)
    if (!berth_store_sql_run(store, migrations[i], error))
      return FALSE;
  if (schema == SCHEMA)
    return TRUE;
  g_autofree char *version = g_strdup_printf("PRAGMA user_version = %" G_GINT64_FORMAT, SCHEMA);
  store->schema = SCHEMA;
  return berth_store_sql_run(store, version, error);
}

static void roll_back(BerthStore *store) {
  store->writing = FALSE;
  if (!sqlite3_get_autocommit(store->db))
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

static BerthStoreWrite *write_begin(BerthStore *store, const char *begin, GError **error) {
  g_return_val_if_fail(!store->writing, NULL);
  if (store->frozen)
    disconnect(store);
  if ((store->db == NULL && !make_file(store, error)) || !turn_to_wal(store, error) || !berth_store_sql_run(store, begin, error))
    return NULL;
  store->writing = TRUE;
  if (!migrate(store, error)) {
    roll_back(store);
    return NULL;
  }
  BerthStoreWrite *write = g_new0(BerthStoreWrite, 1);
  write->store = store;
  return write;
}

BerthStoreWrite *berth_store_write_begin(BerthStore *store, GError **error) {
  return write_begin(store, "PRAGMA synchronous = EXTRA; BEGIN IMMEDIATE", error);
}

/* In WAL mode NORMAL leaves the syncing to the next transaction that wants it, and to checkpoints. */
BerthStoreWrite *berth_store_write_begin_brief(BerthStore *store, GError **error) {
  return write_begin(store, "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE", error);
}

/* The log is what has not been synced: SQLite moves nothing out of it before. */
gboolean berth_store_sync(BerthStore *store, GError **error) {
  sqlite3_file *log = NULL;
  g_return_val_if_fail(!store->writing, FALSE);
  if (!berth_store_sql_readable(store, error))
    return FALSE;
  int result = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log);
  if (result == SQLITE_OK && log != NULL && log->pMethods != NULL)
    result = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (result == SQLITE_OK)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", store->path, sqlite3_errstr(result));
  return FALSE;
}

gboolean berth_store_write_commit(BerthStoreWrite *write, GError **error) {
  gboolean done = berth_store_sql_run(write->store, "COMMIT", error);
  berth_store_write_free(write);
  return done;
}

void berth_store_write_free(BerthStoreWrite *write) {
  if (write == NULL)
    return;
  roll_back(write->store);
  g_free(write);
}
