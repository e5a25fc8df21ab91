/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store keeps what it was given, whole or not at all, through reopening, other processes, full disks and newer schemas. */
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

#define UUID "11111111-2222-3333-4444-555555555555"

typedef struct {
  char *top, *dir, *file;
} World;

static void set_up(World *world, gconstpointer data) {
  world->top = g_dir_make_tmp("berth-store-XXXXXX", NULL);
  world->dir = g_build_filename(world->top, "deep", "state", NULL);
  world->file = g_build_filename(world->dir, "berth.db", NULL);
}

static void remove_tree(const char *path) {
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *child = g_build_filename(path, name, NULL);
    if (g_unlink(child) != 0)
      remove_tree(child);
  }
  g_rmdir(path);
}

static void tear_down(World *world, gconstpointer data) {
  remove_tree(world->top);
  g_free(world->top);
  g_free(world->dir);
  g_free(world->file);
}

static BerthStore *reopen(const World *world) {
  return berth_store_new(world->dir);
}

static BerthStoreRevision *revision_new(const char *document, const char *record) {
  BerthStoreRevision *revision = g_new0(BerthStoreRevision, 1);
  revision->made = g_strdup("2026-01-01T00:00:00Z");
  revision->command = g_strdup("define");
  revision->machine = g_strdup("pc-q35-7.2");
  revision->document = g_bytes_new(document, strlen(document));
  revision->record = g_strdup(record);
  return revision;
}

static gboolean add(BerthStore *store, const char *uuid, const char *name, const char *document, GError **error) {
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(store, error);
  g_autoptr(BerthStoreRevision) revision = revision_new(document, "{}");
  return write != NULL && berth_store_write_guest(write, uuid, name, error) &&
         berth_store_write_revision(write, uuid, revision, error) && berth_store_write_commit(g_steal_pointer(&write), error);
}

static void add_ok(BerthStore *store, const char *uuid, const char *name, const char *document) {
  g_autoptr(GError) error = NULL;
  gboolean done = add(store, uuid, name, document, &error);
  g_assert_no_error(error);
  g_assert_true(done);
}

static guint count(BerthStore *store) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) guests = berth_store_guests(store, &error);
  g_assert_no_error(error);
  return guests->len;
}

static void test_absent(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) store = reopen(world);
  g_assert_cmpuint(count(store), ==, 0);
  g_assert_null(berth_store_guest(store, "a", &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_assert_false(g_file_test(world->dir, G_FILE_TEST_EXISTS));
  add_ok(store, UUID, "a", "<domain/>");
  GStatBuf about;
  g_assert_cmpint(g_stat(world->dir, &about), ==, 0);
  g_assert_cmpuint(about.st_mode & 0777, ==, 0700);
  g_assert_cmpuint(count(store), ==, 1);
}

/* Another process makes the store while this one has it open as an empty one. */
static void test_appears(World *world, gconstpointer data) {
  g_autoptr(BerthStore) reader = reopen(world);
  g_autoptr(BerthStore) writer = reopen(world);
  add_ok(writer, UUID, "a", "<domain/>");
  g_assert_cmpuint(count(reader), ==, 1);
}

static void test_kept(World *world, gconstpointer data) {
  const char document[] = "\xef\xbb\xbf<domain>\r\n  '\xc3\xa4' </domain>";
  BerthStore *store = reopen(world);
  add_ok(store, UUID, "a", document);
  berth_store_close(store);

  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) again = reopen(world);
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(again, "a", &error);
  g_assert_no_error(error);
  g_assert_cmpstr(guest->uuid, ==, UUID);
  g_assert_cmpstr(guest->machine, ==, "pc-q35-7.2");
  g_assert_cmpuint(guest->revision, ==, 1);
  g_assert_null(guest->run.state);
  g_autoptr(BerthStoreRevision) revision = berth_store_revision(again, UUID, 0, &error);
  g_assert_no_error(error);
  gsize size = 0;
  const char *kept = g_bytes_get_data(revision->document, &size);
  g_assert_cmpmem(kept, size, document, sizeof document - 1);
  g_assert_cmpstr(revision->record, ==, "{}");
  g_assert_null(berth_store_revision(again, UUID, 2, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

static void test_revisions(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) store = reopen(world);
  add_ok(store, UUID, "a", "one");
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(store, &error);
  g_autoptr(BerthStoreRevision) second = revision_new("two", "{\"n\": 2}");
  g_assert_true(berth_store_write_revision(write, UUID, second, &error));
  g_assert_cmpuint(second->number, ==, 2);
  g_assert_true(berth_store_write_commit(g_steal_pointer(&write), &error));
  g_autoptr(GPtrArray) all = berth_store_revisions(store, UUID, &error);
  g_assert_cmpuint(all->len, ==, 2);
  const BerthStoreRevision *last = g_ptr_array_index(all, 1);
  g_assert_cmpuint(last->number, ==, 2);
  g_assert_cmpstr(last->record, ==, "{\"n\": 2}");
  g_autoptr(BerthStoreRevision) first = berth_store_revision(store, UUID, 1, &error);
  g_assert_cmpmem(g_bytes_get_data(first->document, NULL), 3, "one", 3);
}

static void test_run(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) store = reopen(world);
  add_ok(store, UUID, "a", "<domain/>");
  g_autoptr(GBytes) document = g_bytes_new_static("<domain/>", 9);
  BerthStoreRun run = {.state = (char *)"running",
                       .since = (char *)"2026-01-01T00:00:00Z",
                       .pid = 42,
                       .start_time = G_MAXINT64,
                       .supervisor = 41,
                       .supervisor_start_time = 7,
                       .run_dir = (char *)"/run/x",
                       .revision = 1,
                       .document = document,
                       .record = (char *)"{}"};
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(store, &error);
  g_assert_true(berth_store_write_run(write, UUID, &run, &error));
  g_assert_true(berth_store_write_commit(g_steal_pointer(&write), &error));
  g_autoptr(BerthStore) again = reopen(world);
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(again, UUID, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(guest->run.state, ==, "running");
  g_assert_cmpint(guest->run.pid, ==, 42);
  g_assert_cmpuint(guest->run.start_time, ==, G_MAXINT64);
  g_assert_cmpint(guest->run.supervisor, ==, 41);
  g_assert_cmpstr(guest->run.run_dir, ==, "/run/x");
  g_assert_true(g_bytes_equal(guest->run.document, document));
}

static void test_removed(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) store = reopen(world);
  add_ok(store, UUID, "a", "<domain/>");
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(store, &error);
  g_assert_true(berth_store_write_remove(write, UUID, &error));
  g_assert_true(berth_store_write_commit(g_steal_pointer(&write), &error));
  g_assert_cmpuint(count(store), ==, 0);
  g_autoptr(GPtrArray) revisions = berth_store_revisions(store, UUID, &error);
  g_assert_cmpuint(revisions->len, ==, 0);
  add_ok(store, UUID, "a", "<domain/>");
}

static void test_rolled_back(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) store = reopen(world);
  {
    g_autoptr(BerthStoreWrite) write = berth_store_write_begin(store, &error);
    g_assert_true(berth_store_write_guest(write, UUID, "a", &error));
  }
  g_assert_cmpuint(count(store), ==, 0);
  add_ok(store, UUID, "a", "<domain/>");
  g_assert_false(add(store, "99999999-2222-3333-4444-555555555555", "a", "<domain/>", &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
  g_assert_cmpuint(count(store), ==, 1);
}

/* @name: the migrations' step as an old berth would have left the file. */
static void set_schema(const World *world, int schema) {
  sqlite3 *db = NULL;
  g_autofree char *sql = g_strdup_printf("PRAGMA user_version = %d", schema);
  g_assert_cmpint(sqlite3_open(world->file, &db), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close(db);
}

/* A store as the first berth wrote it: its tables, a guest that runs. */
static const char first_schema[] =
    "CREATE TABLE guests (uuid TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT, WITHOUT ROWID;"
    "CREATE TABLE revisions (guest TEXT NOT NULL REFERENCES guests (uuid) ON DELETE CASCADE,"
    "  number INTEGER NOT NULL CHECK (number > 0), made TEXT NOT NULL, command TEXT NOT NULL, machine TEXT NOT NULL,"
    "  document BLOB NOT NULL, record TEXT NOT NULL, PRIMARY KEY (guest, number)) STRICT;"
    "CREATE TABLE runs (guest TEXT PRIMARY KEY REFERENCES guests (uuid) ON DELETE CASCADE, state TEXT NOT NULL,"
    "  since TEXT NOT NULL, pid INTEGER NOT NULL, start_time INTEGER NOT NULL, supervisor INTEGER NOT NULL,"
    "  supervisor_start_time INTEGER NOT NULL, run_dir TEXT NOT NULL, revision INTEGER NOT NULL, document BLOB, record TEXT) "
    "STRICT;"
    "INSERT INTO guests VALUES ('" UUID "', 'old');"
    "INSERT INTO revisions VALUES ('" UUID "', 1, '2026-01-01T00:00:00Z', 'define', 'pc', x'3c612f3e', '{}');"
    "INSERT INTO runs VALUES ('" UUID "', 'running', '2026-01-02T00:00:00Z', 7, 8, 9, 10, '/run', 1, x'3c612f3e', '{}');"
    "PRAGMA user_version = 1;";

/* What the following ones added, before a running guest's history was kept. */
static const char fourth_schema[] =
    "CREATE TABLE changes (guest TEXT NOT NULL REFERENCES guests (uuid) ON DELETE CASCADE, device TEXT NOT NULL,"
    "  state TEXT NOT NULL, since TEXT NOT NULL, xml BLOB, pid INTEGER NOT NULL, start_time INTEGER NOT NULL,"
    "  PRIMARY KEY (guest, device)) STRICT;"
    "CREATE TABLE owners (guest TEXT NOT NULL REFERENCES guests (uuid) ON DELETE CASCADE, path TEXT NOT NULL,"
    "  uid INTEGER NOT NULL, gid INTEGER NOT NULL, given INTEGER NOT NULL, PRIMARY KEY (guest, path)) STRICT;"
    "ALTER TABLE runs ADD COLUMN reason TEXT NOT NULL DEFAULT ''; ALTER TABLE runs ADD COLUMN boot TEXT NOT NULL DEFAULT '';"
    "INSERT INTO changes VALUES ('" UUID "', 'net0', 'unplug requested', '2026-01-03T00:00:00Z', NULL, 7, 8);"
    "PRAGMA user_version = 4;";

static void assert_change(BerthStore *store, const char *state, const char *command) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) changes = berth_store_changes(store, UUID, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(changes->len, ==, 1);
  const BerthStoreChange *change = g_ptr_array_index(changes, 0);
  g_assert_cmpstr(change->device, ==, "net0");
  g_assert_cmpstr(change->state, ==, state);
  g_assert_cmpstr(change->command, ==, command);
}

static void write_change(BerthStore *store, const char *device, const char *state, const char *command) {
  g_autoptr(GError) error = NULL;
  const BerthStoreChange change = {.device = (char *)device,
                                   .state = (char *)state,
                                   .since = (char *)"2026-01-03T00:00:01Z",
                                   .command = (char *)command,
                                   .pid = 7,
                                   .start_time = 8};
  BerthStoreWrite *write = berth_store_write_begin(store, &error);
  g_assert_no_error(error);
  g_assert_true(berth_store_write_change(write, UUID, &change, &error));
  g_assert_true(berth_store_write_commit(write, &error));
}

static void write_events(BerthStore *store, guint n, guint from) {
  g_autoptr(GError) error = NULL;
  BerthStoreWrite *write = berth_store_write_begin(store, &error);
  g_assert_no_error(error);
  for (guint i = from; i < from + n; i++) {
    g_autofree char *text = g_strdup_printf("disk %u", i);
    char *came[] = {text, text, NULL}, *none[] = {NULL};
    BerthStoreEvent event = {
        .made = (char *)"2026-01-04T00:00:00Z", .command = (char *)"attach-device", .came = came, .went = none};
    g_assert_true(berth_store_write_event(write, UUID, &event, &error));
  }
  g_assert_true(berth_store_write_commit(write, &error));
}

static void test_fourth_schema(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  sqlite3 *db = NULL;
  g_mkdir_with_parents(world->dir, 0700);
  g_assert_cmpint(sqlite3_open(world->file, &db), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_exec(db, first_schema, NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_exec(db, fourth_schema, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close(db);
  g_autoptr(BerthStore) store = reopen(world);
  assert_change(store, "unplug requested", "");
  g_autoptr(GPtrArray) none = berth_store_events(store, UUID, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(none->len, ==, 0);

  write_change(store, "net0", "unplug refused", NULL);
  assert_change(store, "unplug refused", "");
  write_change(store, "net0", "unplug requested", "detach-device");
  write_change(store, "net0", "unplug refused", NULL);
  assert_change(store, "unplug refused", "detach-device");

  write_events(store, 2, 0);
  g_autoptr(GPtrArray) two = berth_store_events(store, UUID, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(two->len, ==, 2);
  const BerthStoreEvent *event = g_ptr_array_index(two, 1);
  g_assert_cmpuint(event->revision, ==, 1);
  g_assert_cmpuint(g_strv_length(event->came), ==, 2);
  g_assert_cmpstr(event->came[1], ==, "disk 1");
  g_assert_cmpuint(g_strv_length(event->went) + g_strv_length(event->changed), ==, 0);

  /* The oldest are forgotten. */
  write_events(store, BERTH_STORE_MAX_EVENTS, 2);
  g_autoptr(GPtrArray) all = berth_store_events(store, UUID, &error);
  g_assert_cmpuint(all->len, ==, BERTH_STORE_MAX_EVENTS);
  g_assert_cmpstr(((BerthStoreEvent *)g_ptr_array_index(all, 0))->came[0], ==, "disk 2");

  BerthStoreWrite *write = berth_store_write_begin(store, &error);
  g_assert_true(berth_store_write_remove(write, UUID, &error));
  g_assert_true(berth_store_write_commit(write, &error));
  g_autoptr(GPtrArray) gone = berth_store_events(store, UUID, &error);
  g_assert_cmpuint(gone->len, ==, 0);
}

static void test_first_schema(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  sqlite3 *db = NULL;
  g_mkdir_with_parents(world->dir, 0700);
  g_assert_cmpint(sqlite3_open(world->file, &db), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_exec(db, first_schema, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close(db);
  g_autoptr(BerthStore) store = reopen(world);
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(store, "old", &error);
  g_assert_no_error(error);
  g_assert_cmpint(guest->run.pid, ==, 7);
  g_autoptr(GPtrArray) none = berth_store_changes(store, UUID, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(none->len, ==, 0);

  write_change(store, "net1", BERTH_STORE_UNPLUGGING, NULL);
  g_autoptr(GPtrArray) one = berth_store_changes(store, UUID, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(one->len, ==, 1);
  g_assert_cmpstr(((BerthStoreChange *)g_ptr_array_index(one, 0))->device, ==, "net1");

  /* Another run knows nothing of it. */
  BerthStoreRun next = guest->run;
  next.pid = 70;
  BerthStoreWrite *write = berth_store_write_begin(store, &error);
  g_assert_true(berth_store_write_run(write, UUID, &next, &error));
  g_assert_true(berth_store_write_commit(write, &error));
  g_autoptr(GPtrArray) gone = berth_store_changes(store, UUID, &error);
  g_assert_cmpuint(gone->len, ==, 0);
}

static void test_newer(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  BerthStore *store = reopen(world);
  add_ok(store, UUID, "a", "<domain/>");
  berth_store_close(store);
  set_schema(world, 1000);
  g_autofree char *before = NULL, *after = NULL;
  gsize size = 0, size_after = 0;
  g_assert_true(g_file_get_contents(world->file, &before, &size, NULL));
  g_autoptr(BerthStore) older = berth_store_new(world->dir);
  g_assert_null(berth_store_guest(older, "a", &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NEWER);
  g_assert_true(g_file_get_contents(world->file, &after, &size_after, NULL));
  g_assert_cmpmem(before, size, after, size_after);
}

/* A newer berth comes by while this one has the store open. */
static void test_newer_meanwhile(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) store = reopen(world);
  add_ok(store, UUID, "a", "<domain/>");
  set_schema(world, 1000);
  g_assert_null(berth_store_write_begin(store, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NEWER);
}

/* A file that was made, but never got its tables: a first write that was cut short. */
static void test_cut_short(World *world, gconstpointer data) {
  g_mkdir_with_parents(world->dir, 0700);
  g_assert_true(g_file_set_contents(world->file, "", 0, NULL));
  g_autoptr(BerthStore) store = reopen(world);
  g_assert_cmpuint(count(store), ==, 0);
  add_ok(store, UUID, "a", "<domain/>");
  g_assert_cmpuint(count(store), ==, 1);
}

static void test_garbage(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_mkdir_with_parents(world->dir, 0700);
  g_autofree char *garbage = g_strnfill(8192, 'x');
  g_assert_true(g_file_set_contents(world->file, garbage, -1, NULL));
  g_autoptr(BerthStore) store = berth_store_new(world->dir);
  g_assert_null(berth_store_guest(store, "a", &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_assert_null(strchr(error->message, '\n'));
}

static void test_two_connections(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) one = reopen(world);
  g_autoptr(BerthStore) two = reopen(world);
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(one, &error);
  g_assert_true(berth_store_write_guest(write, UUID, "a", &error));
  g_assert_cmpuint(count(one), ==, 1);
  g_assert_cmpuint(count(two), ==, 0); /* not yet: it is not committed */
  g_assert_true(berth_store_write_commit(g_steal_pointer(&write), &error));
  g_assert_cmpuint(count(two), ==, 1);
}

/* A command opens the store, writes, and is gone, mostly with nobody else there: the log is not to grow from one to the next. */
static void test_log(World *world, gconstpointer data) {
  g_autofree char *log = g_strconcat(world->file, "-wal", NULL);
  g_autofree char *large = g_strnfill(50000, 'x');
  struct stat status;
  off_t longest = 0;
  for (guint i = 0; i < 100; i++) {
    g_autofree char *uuid = g_strdup_printf("%08u"
                                            "-2222-3333-4444-555555555555",
                                            i);
    g_autofree char *name = g_strdup_printf("guest%u", i);
    g_autoptr(BerthStore) store = reopen(world);
    add_ok(store, uuid, name, large);
    g_assert_cmpint(stat(log, &status), ==, 0);
    longest = MAX(longest, status.st_size);
  }
  g_assert_cmpint(longest, <, 1024 * 1024);
  g_autoptr(BerthStore) store = reopen(world);
  g_assert_cmpuint(count(store), ==, 100);
}

/* Nor is a writer to wait for those who read while it shortens the log, and what they read stays. */
static void test_log_read(World *world, gconstpointer data) {
  g_autofree char *large = g_strnfill(1000000, 'x');
  g_autoptr(BerthStore) writer = reopen(world);
  add_ok(writer, UUID, "one", "<one/>");
  sqlite3 *reader = NULL;
  g_assert_cmpint(sqlite3_open(world->file, &reader), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_exec(reader, "BEGIN; SELECT * FROM guests", NULL, NULL, NULL), ==, SQLITE_OK);
  gint64 begin = g_get_monotonic_time();
  add_ok(writer, "21111111-2222-3333-4444-555555555555", "two", large);
  g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
  g_assert_cmpint(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close(reader);
  g_assert_cmpuint(count(writer), ==, 2);
}

/* Many processes make the store and write to it at the same time; none loses anything, none fails. */
static void test_many_processes(World *world, gconstpointer data) {
  enum { PROCESSES = 6, EACH = 5 };
  for (int i = 0; i < PROCESSES; i++) {
    if (fork() != 0)
      continue;
    g_autoptr(GError) error = NULL;
    g_autoptr(BerthStore) store = berth_store_new(world->dir);
    gboolean done = TRUE;
    for (int n = 0; done && n < EACH; n++) {
      g_autofree char *uuid = g_strdup_printf("%08d-2222-3333-4444-%012d", i, n);
      g_autofree char *name = g_strdup_printf("guest-%d-%d", i, n);
      done = add(store, uuid, name, "<domain/>", &error);
    }
    if (!done)
      g_printerr("%s\n", error->message);
    _exit(done ? 0 : 1);
  }
  int status = 0;
  for (int i = 0; i < PROCESSES; i++) {
    g_assert_cmpint(wait(&status), >, 0);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  g_autoptr(BerthStore) store = reopen(world);
  g_assert_cmpuint(count(store), ==, PROCESSES * EACH);
}

/* A writer that is killed in the middle leaves the last state that was committed. */
static void test_killed(World *world, gconstpointer data) {
  BerthStore *store = reopen(world);
  add_ok(store, UUID, "a", "<domain/>");
  berth_store_close(store);
  pid_t child = fork();
  if (child == 0) {
    BerthStore *theirs = berth_store_new(world->dir);
    BerthStoreWrite *write = berth_store_write_begin(theirs, NULL);
    berth_store_write_guest(write, "99999999-2222-3333-4444-555555555555", "b", NULL);
    berth_store_write_remove(write, UUID, NULL);
    kill(getpid(), SIGKILL);
  }
  g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
  g_autoptr(BerthStore) again = reopen(world);
  g_assert_cmpuint(count(again), ==, 1);
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(again, "a", NULL);
  g_assert_nonnull(guest);
}

/* No file may grow: what a full disk is to SQLite. */
static void test_full(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStore) store = reopen(world);
  add_ok(store, UUID, "a", "<domain/>");
  g_autofree char *huge = g_strnfill(4 << 20, 'x');
  struct rlimit old, tight;
  g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
  tight = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = old.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &tight), ==, 0);
  gboolean done = add(store, "99999999-2222-3333-4444-555555555555", "b", huge, &error);
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
  g_assert_false(done);
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_assert_null(strchr(error->message, '\n'));
  g_assert_cmpuint(count(store), ==, 1);
  add_ok(store, "99999999-2222-3333-4444-555555555555", "b", huge);
  g_assert_cmpuint(count(store), ==, 2);
}

static void test_no_folder(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  g_autofree char *file = g_build_filename(world->top, "file", NULL);
  g_assert_true(g_file_set_contents(file, "x", 1, NULL));
  g_autofree char *below = g_build_filename(file, "state", NULL);
  g_autoptr(BerthStore) store = berth_store_new(below);
  g_assert_null(berth_store_guests(store, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_clear_error(&error);
  g_assert_false(add(store, UUID, "a", "<domain/>", &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
}

/* root may write anywhere, so that it must be somebody else for a moment. */
static void test_read_only(World *world, gconstpointer data) {
  g_autoptr(GError) error = NULL;
  BerthStore *store = reopen(world);
  add_ok(store, UUID, "a", "<domain/>");
  berth_store_close(store);
  g_autofree char *deep = g_path_get_dirname(world->dir);
  g_chmod(world->top, 0755);
  g_chmod(deep, 0755);
  g_chmod(world->dir, 0555);
  g_chmod(world->file, 0444);
  gboolean root = geteuid() == 0;
  g_assert_true(!root || seteuid(65534) == 0);
  g_autoptr(BerthStore) again = berth_store_new(world->dir);
  gboolean done = add(again, "99999999-2222-3333-4444-555555555555", "b", "<domain/>", &error);
  g_assert_true(!root || seteuid(0) == 0);
  g_chmod(world->dir, 0755);
  g_chmod(world->file, 0644);
  g_assert_false(done);
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_assert_null(strchr(error->message, '\n'));
  g_autoptr(BerthStore) last = reopen(world);
  g_assert_cmpuint(count(last), ==, 1);
}

static const struct {
  const char *path;
  void (*run)(World *world, gconstpointer data);
} tests[] = {
    {"/store/absent-reads-as-empty", test_absent},
    {"/store/appears-for-open-readers", test_appears},
    {"/store/kept-to-the-byte", test_kept},
    {"/store/revisions-are-counted", test_revisions},
    {"/store/run-survives-reopening", test_run},
    {"/store/removed-with-all", test_removed},
    {"/store/rolled-back-leaves-nothing", test_rolled_back},
    {"/store/first-schema-is-brought-up-to-date", test_first_schema},
    {"/store/fourth-schema-learns-what-history-needs", test_fourth_schema},
    {"/store/newer-schema-is-left-alone", test_newer},
    {"/store/newer-schema-meanwhile", test_newer_meanwhile},
    {"/store/cut-short-first-write", test_cut_short},
    {"/store/garbage-is-refused", test_garbage},
    {"/store/two-connections", test_two_connections},
    {"/store/log-stays-short", test_log},
    {"/store/log-is-read-meanwhile", test_log_read},
    {"/store/many-processes", test_many_processes},
    {"/store/killed-writer", test_killed},
    {"/store/full-disk", test_full},
    {"/store/no-folder", test_no_folder},
    {"/store/read-only-folder", test_read_only},
};

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
    g_test_add(tests[i].path, World, NULL, set_up, tests[i].run, tear_down);
  return g_test_run();
}
