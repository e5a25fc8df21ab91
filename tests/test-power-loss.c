/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Power loss: random writes, cut at random points, on a disk that keeps what was synced and plays dice with the rest. Every write
 * that was said to be on disk is there afterwards, with those before it; of brief ones behind it and of the one under way some are
 * there, in their order and each whole or not at all, and nothing else is.
 *
 * BERTH_TEST_SEED sets the seed; BERTH_SLOW=1 cuts 10,000 times instead of 1,000.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "disk.h"
#include "store/store.h"

#define GUESTS 4
#define CHANGES 3
#define MAX_WRITES 12
#define MAX_EVENTS 160
#define LIFE 25 /* cuts that a store survives before the next one is made */
#define MAX_DOCUMENT 20000

typedef struct {
  char *top, *folder, *state, *reference;
  Disk *disk;
  GRand *chance;
  guint seed;
  GArray *loose; /* guint32: the dice of the writes, done or not, that a loss of power may undo */
} World;

static guint cuts(void) {
  return g_getenv("BERTH_SLOW") != NULL ? 10000 : 1000;
}

static void remove_tree(const char *path) {
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *child = g_build_filename(path, name, NULL);
    if (g_remove(child) != 0)
      remove_tree(child);
  }
  g_remove(path);
}

static void set_up(World *world, gconstpointer data) {
  const char *seed = g_getenv("BERTH_TEST_SEED");
  world->seed = seed != NULL ? (guint)g_ascii_strtoull(seed, NULL, 10) : 1;
  world->chance = g_rand_new_with_seed(world->seed);
  world->loose = g_array_new(FALSE, FALSE, sizeof(guint32));
  /* In memory if possible: this disk does its own forgetting, and the machine's one is slow. */
  world->top = g_mkdtemp(g_strdup("/dev/shm/berth-power-XXXXXX"));
  if (world->top == NULL)
    world->top = g_dir_make_tmp("berth-power-XXXXXX", NULL);
  world->folder = g_build_filename(world->top, "disk", NULL);
  world->state = g_build_filename(world->folder, "lib", "berth", NULL);
  world->reference = g_build_filename(world->top, "reference", NULL);
  g_assert_cmpint(g_mkdir(world->folder, 0700), ==, 0);
}

static void tear_down(World *world, gconstpointer data) {
  remove_tree(world->top);
  g_rand_free(world->chance);
  g_array_unref(world->loose);
  g_free(world->top);
  g_free(world->folder);
  g_free(world->state);
  g_free(world->reference);
}

/* --- random writes, the same in any store that holds the same --------------------------------------------------------- */

static GBytes *document(GRand *chance) {
  gsize size = (gsize)g_rand_int_range(chance, 1, MAX_DOCUMENT);
  char *text = g_malloc(size);
  memset(text, 'a' + g_rand_int_range(chance, 0, 26), size);
  return g_bytes_new_take(text, size);
}

static gboolean write_revision(BerthStoreWrite *write, const BerthStoreGuest *guest, GRand *chance, GError **error) {
  g_autoptr(GBytes) bytes = document(chance);
  BerthStoreRevision revision = {.made = "2026", .command = "define", .machine = "q35", .document = bytes, .record = "{}"};
  return berth_store_write_revision(write, guest->uuid, &revision, error);
}

static gboolean write_run(BerthStoreWrite *write, const BerthStoreGuest *guest, GRand *chance, GError **error) {
  g_autoptr(GBytes) bytes = document(chance);
  BerthStoreRun run = {.state = "running",
                       .since = "2026",
                       .pid = g_rand_int_range(chance, 1, 4),
                       .start_time = 7,
                       .run_dir = "/run",
                       .revision = 1,
                       .document = bytes,
                       .record = "{}"};
  return berth_store_write_run(write, guest->uuid, &run, error);
}

static gboolean write_change(BerthStoreWrite *write, const BerthStoreGuest *guest, GRand *chance, GError **error) {
  g_autofree char *device = g_strdup_printf("net%d", g_rand_int_range(chance, 0, CHANGES));
  /* One of another run could not be seen. */
  if (guest->run.pid == 0 || g_rand_boolean(chance))
    return berth_store_write_change_done(write, guest->uuid, device, error);
  g_autoptr(GBytes) xml = g_rand_boolean(chance) ? document(chance) : NULL;
  BerthStoreChange change = {
      .device = device, .state = BERTH_STORE_ATTACHING, .since = "2026", .xml = xml, .pid = guest->run.pid, .start_time = 7};
  return berth_store_write_change(write, guest->uuid, &change, error);
}

static gboolean write_remove(BerthStoreWrite *write, const BerthStoreGuest *guest, GRand *chance, GError **error) {
  return g_rand_int_range(chance, 0, 4) > 0 || berth_store_write_remove(write, guest->uuid, error);
}

static gboolean write_one(BerthStore *store, BerthStoreWrite *write, GRand *chance, GError **error) {
  static gboolean (*const writers[])(BerthStoreWrite *, const BerthStoreGuest *, GRand *, GError **) = {write_revision, write_run,
                                                                                                        write_change, write_remove};
  int number = g_rand_int_range(chance, 0, GUESTS);
  g_autofree char *uuid = g_strdup_printf("11111111-2222-3333-4444-%012d", number);
  g_autofree char *name = g_strdup_printf("guest%d", number);
  g_autoptr(GError) failure = NULL;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(store, uuid, &failure);
  if (guest != NULL)
    return writers[g_rand_int_range(chance, 0, G_N_ELEMENTS(writers))](write, guest, chance, error);
  if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
    return berth_store_write_guest(write, uuid, name, error);
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

static gboolean is_brief(guint32 dice) {
  return dice % 3 == 0;
}

/* A write that is to be on disk changes something in any case: another has nothing to wait for. */
static gboolean write_some(BerthStore *store, guint32 dice, GError **error) {
  g_autoptr(GRand) chance = g_rand_new_with_seed(dice);
  g_autoptr(BerthStoreWrite) write =
      is_brief(dice) ? berth_store_write_begin_brief(store, error) : berth_store_write_begin(store, error);
  g_autofree char *name = g_strdup_printf("dice %u", dice);
  gboolean going_on =
      write != NULL &&
      (is_brief(dice) || (berth_store_write_guest(write, name, name, error) && berth_store_write_remove(write, name, error)));
  for (int left = g_rand_int_range(chance, 1, 5); going_on && left > 0; left--)
    going_on = write_one(store, write, chance, error);
  return going_on && berth_store_write_commit(g_steal_pointer(&write), error);
}

/* --- all that a store holds, as text ---------------------------------------------------------------------------------- */

static void tell_bytes(GString *text, GBytes *bytes) {
  gsize size = 0;
  const char *data = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
  g_autofree char *hash =
      bytes != NULL ? g_compute_checksum_for_data(G_CHECKSUM_MD5, (const guchar *)data, size) : g_strdup("none");
  g_string_append_printf(text, " %s", hash);
}

static void tell_guest(GString *text, BerthStore *store, const char *uuid) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(store, uuid, &error);
  g_assert_no_error(error);
  g_string_append_printf(text, "%s: revision %u, %s, pid %" G_GINT64_FORMAT, guest->name, guest->revision,
                         guest->run.state != NULL ? guest->run.state : "never ran", guest->run.pid);
  tell_bytes(text, guest->run.document);
  for (guint number = 1; number <= guest->revision; number++) {
    g_autoptr(BerthStoreRevision) revision = berth_store_revision(store, uuid, number, &error);
    g_assert_no_error(error);
    tell_bytes(text, revision->document);
  }
  g_autoptr(GPtrArray) changes = berth_store_changes(store, uuid, &error);
  g_assert_no_error(error);
  for (guint i = 0; i < changes->len; i++) {
    const BerthStoreChange *change = g_ptr_array_index(changes, i);
    g_string_append_printf(text, "; %s", change->device);
    tell_bytes(text, change->xml);
  }
  g_string_append_c(text, '\n');
}

static char *tell(BerthStore *store) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) guests = berth_store_guests(store, &error);
  g_assert_no_error(error);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < guests->len; i++)
    tell_guest(text, store, ((const BerthStoreGuest *)g_ptr_array_index(guests, i))->uuid);
  return g_string_free(text, FALSE);
}

/* --- the store -------------------------------------------------------------------------------------------------------- */

/* NULL: the power has failed. */
static BerthStore *reopen_store(const World *world) {
  return disk_failed(world->disk) ? NULL : berth_store_new(world->state);
}

/* Does again, elsewhere, the first of the writes that may be lost. */
static void write_again(const World *world, BerthStore *reference) {
  g_assert_true(write_some(reference, g_array_index(world->loose, guint32, 0), NULL));
  g_array_remove_index(world->loose, 0);
}

/* Writes until the power fails. What must be on disk is in @reference, too, and the rest loose. Returns whether a write was under
 * way. */
static gboolean write_until_dark(const World *world, BerthStore *reference) {
  g_autoptr(BerthStore) store = berth_store_new(world->state);
  g_autoptr(BerthStore) reader = g_rand_boolean(world->chance) ? berth_store_new(world->state) : NULL;
  gboolean reopens = g_rand_boolean(world->chance), first = TRUE;
  disk_fail_after(world->disk, (guint)g_rand_int_range(world->chance, 0, MAX_EVENTS));
  for (int left = g_rand_int_range(world->chance, 1, MAX_WRITES); left > 0 && !disk_failed(world->disk); left--) {
    g_autoptr(GError) error = NULL;
    guint32 dice = g_rand_int(world->chance);
    /* As long as nothing is synced over it, a transaction that a former cut has torn may yet become whole, where sectors of a later
     * one are like those that it lacks. */
    dice += first && is_brief(dice);
    first = FALSE;
    if (reopens) {
      g_clear_pointer(&store, berth_store_close);
      store = reopen_store(world);
    }
    if (store == NULL)
      return FALSE;
    g_array_append_val(world->loose, dice);
    if (!write_some(store, dice, &error)) {
      if (!disk_failed(world->disk))
        g_error("seed %u: a write failed: %s", world->seed, error->message);
      return TRUE;
    }
    gboolean synced = !is_brief(dice) || (g_rand_boolean(world->chance) && berth_store_sync(store, NULL));
    while (synced && world->loose->len > 0)
      write_again(world, reference);
  }
  return FALSE;
}

/* What the shared memory beside a store holds after a power loss is anything. */
static void spoil_shared_memory(const World *world) {
  guint8 noise[32768];
  g_autofree char *path = g_build_filename(world->state, "berth.db-shm", NULL);
  if (!g_file_test(world->state, G_FILE_TEST_IS_DIR) || g_rand_boolean(world->chance))
    return;
  for (gsize i = 0; i < sizeof noise; i++)
    noise[i] = (guint8)g_rand_int(world->chance);
  g_assert_true(g_file_set_contents(path, (const char *)noise, sizeof noise, NULL));
}

static void check_after(const World *world, BerthStore *reference, guint number) {
  g_autoptr(BerthStore) store = berth_store_new(world->state);
  g_autofree char *found = tell(store);
  g_autofree char *before = tell(reference);
  g_autofree char *there = g_strdup(before);
  while (!g_str_equal(found, there) && world->loose->len > 0) {
    write_again(world, reference);
    g_free(there);
    there = tell(reference);
  }
  if (!g_str_equal(found, there))
    g_error("seed %u, cut %u: there should be\n%s\nor up to\n%s\nthere is\n%s", world->seed, number, before, there, found);
  g_array_set_size(world->loose, 0);
}

static void test_store(World *world, gconstpointer data) {
  guint torn = 0, number = 0;
  while (number < cuts()) {
    world->disk = disk_new(world->folder);
    {
      g_autoptr(BerthStore) reference = berth_store_new(world->reference);
      for (guint life = 0; life < LIFE; life++, number++) {
        torn += write_until_dark(world, reference);
        disk_restore(world->disk, world->chance);
        spoil_shared_memory(world);
        check_after(world, reference, number);
      }
    }
    disk_free(world->disk);
    remove_tree(world->reference);
    remove_tree(world->folder);
    g_assert_cmpint(g_mkdir(world->folder, 0700), ==, 0);
  }
  g_test_message("seed %u: %u cuts, %u within a write", world->seed, number, torn);
  g_assert_cmpuint(torn, >, number / 10);
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

static gboolean same(GBytes *a, GBytes *b) {
  return a == b || (a != NULL && b != NULL && g_bytes_equal(a, b));
}

static void test_file(World *world, gconstpointer data) {
  g_autofree char *path = g_build_filename(world->folder, "guest.berth", NULL);
  g_autoptr(GBytes) done = NULL;
  guint lost = 0;
  world->disk = disk_new(world->folder);
  for (guint number = 0; number < cuts(); number++) {
    g_autoptr(GBytes) under_way = NULL;
    disk_have_nameless(world->disk, number % 2 != 0);
    disk_fail_after(world->disk, (guint)g_rand_int_range(world->chance, 0, 40));
    for (int left = 6; left > 0 && under_way == NULL; left--) {
      g_autoptr(GBytes) next = document(world->chance);
      GBytes **which = berth_base_file_write(path, next, 0600, NULL) ? &done : &under_way;
      g_clear_pointer(which, g_bytes_unref);
      *which = g_steal_pointer(&next);
    }
    g_assert_true(under_way == NULL || disk_failed(world->disk));
    disk_restore(world->disk, world->chance);
    g_autoptr(GBytes) found = berth_base_file_read(path, MAX_DOCUMENT, NULL);
    if (!same(found, done) && !(found != NULL && same(found, under_way)))
      g_error("seed %u, cut %u: the file is neither what it was nor what was being written", world->seed, number);
    lost += under_way != NULL && !same(found, under_way);
    g_clear_pointer(&done, g_bytes_unref);
    done = g_steal_pointer(&found);
  }
  disk_free(world->disk);
  g_assert_cmpuint(lost, >, 0);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add("/power/every write to the store that was done is there, and none is half there", World, NULL, set_up, test_store,
             tear_down);
  g_test_add("/power/a file that is replaced is the old one or the new one", World, NULL, set_up, test_file, tear_down);
  return g_test_run();
}
