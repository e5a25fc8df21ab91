/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <berth/error.h>

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/env.h"
#include "base/file.h"

typedef struct {
  char *dir;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->dir = g_dir_make_tmp("berth-base-XXXXXX", NULL);
  g_assert_nonnull(fixture->dir);
}

static void remove_tree(const char *path) {
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name = NULL;

  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *child = g_build_filename(path, name, NULL);
    remove_tree(child);
  }
  g_remove(path);
}

static void tear_down(Fixture *fixture, gconstpointer data) {
  (void)data;
  remove_tree(fixture->dir);
  g_free(fixture->dir);
}

static guint count_files(const char *path) {
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name(dir) != NULL)
    n++;
  return n;
}

static gboolean put(const char *path, const char *text, int mode, GError **error) {
  g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

  return berth_base_file_write(path, bytes, mode, error);
}

static void assert_content(const char *path, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = berth_base_file_read(path, 1000, &error);

  g_assert_no_error(error);
  g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), expected, strlen(expected));
}

static void what_is_written_is_read(Fixture *fixture, gconstpointer data) {
  g_autofree char *path = g_build_filename(fixture->dir, "record", NULL);
  g_autoptr(GError) error = NULL;
  struct stat status;

  (void)data;
  g_assert_true(put(path, "one", 0600, &error));
  g_assert_no_error(error);
  assert_content(path, "one");
  g_assert_cmpint(stat(path, &status), ==, 0);
  g_assert_cmpint(status.st_mode & 0777, ==, 0600);
  g_assert_cmpint(chmod(path, 0640), ==, 0);
  g_assert_true(put(path, "second", 0600, &error));
  assert_content(path, "second");
  g_assert_cmpint(stat(path, &status), ==, 0);
  g_assert_cmpint(status.st_mode & 0777, ==, 0640);
  g_assert_cmpuint(count_files(fixture->dir), ==, 1);
}

static void reading_is_bounded(Fixture *fixture, gconstpointer data) {
  g_autofree char *path = g_build_filename(fixture->dir, "file", NULL);
  g_autoptr(GError) error = NULL;

  (void)data;
  g_assert_true(put(path, "12345", 0600, NULL));
  g_autoptr(GBytes) exact = berth_base_file_read(path, 5, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_bytes_get_size(exact), ==, 5);
  g_assert_null(berth_base_file_read(path, 4, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
}

static void an_absent_file_is_not_found(Fixture *fixture, gconstpointer data) {
  g_autofree char *path = g_build_filename(fixture->dir, "absent", NULL);
  g_autoptr(GError) absent = NULL;
  g_autoptr(GError) folder = NULL;

  (void)data;
  g_assert_null(berth_base_file_read(path, 5, &absent));
  g_assert_error(absent, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_assert_null(berth_base_file_read(fixture->dir, 5, &folder));
  g_assert_error(folder, BERTH_ERROR, BERTH_ERROR_FAILED);
}

static void a_link_is_followed(Fixture *fixture, gconstpointer data) {
  g_autofree char *path = g_build_filename(fixture->dir, "file", NULL);
  g_autofree char *link = g_build_filename(fixture->dir, "link", NULL);

  (void)data;
  g_assert_true(put(path, "old", 0600, NULL));
  g_assert_cmpint(symlink("file", link), ==, 0);
  g_assert_true(put(link, "new", 0600, NULL));
  assert_content(path, "new");
  g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
}

static void what_is_no_file_stays(Fixture *fixture, gconstpointer data) {
  g_autoptr(GError) folder = NULL;
  g_autoptr(GError) device = NULL;

  (void)data;
  g_assert_false(put(fixture->dir, "x", 0600, &folder));
  g_assert_error(folder, BERTH_ERROR, BERTH_ERROR_USAGE);
  g_assert_false(put("/dev/null", "x", 0600, &device));
  g_assert_error(device, BERTH_ERROR, BERTH_ERROR_USAGE);
}

/* A limit on the size of files stands for a full disk: both end in a short write and an error. */
static void a_full_disk_leaves_the_old_file(Fixture *fixture, gconstpointer data) {
  g_autofree char *path = g_build_filename(fixture->dir, "file", NULL);
  g_autoptr(GBytes) large = g_bytes_new_take(g_malloc0(1 << 20), 1 << 20);
  g_autoptr(GError) error = NULL;
  struct rlimit old, small;

  (void)data;
  g_assert_true(put(path, "old", 0600, NULL));
  g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
  small = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
  gboolean written = berth_base_file_write(path, large, 0600, &error);
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
  signal(SIGXFSZ, SIG_DFL);

  g_assert_false(written);
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  assert_content(path, "old");
  g_assert_cmpuint(count_files(fixture->dir), ==, 1);
}

/* Whoever is killed meanwhile leaves nothing. */
static void what_is_under_way_has_no_name(Fixture *fixture, gconstpointer data) {
  g_autofree char *path = g_build_filename(fixture->dir, "file", NULL);
  g_autoptr(GError) error = NULL;
  int probe = open(fixture->dir, O_TMPFILE | O_RDWR, 0600);

  (void)data;
  if (probe < 0) {
    g_test_skip("the file system has no files without a name");
    return;
  }
  close(probe);
  for (guint before = 0; before < 2; before++) {
    g_autoptr(BerthFileDraft) draft = berth_base_file_draft_new(path, 0600, &error);
    g_assert_no_error(error);
    g_assert_cmpint(write(draft->fd, before == 0 ? "one" : "two", 3), ==, 3);
    g_assert_cmpuint(count_files(fixture->dir), ==, before);
    g_assert_true(berth_base_file_draft_commit(draft, &error));
    g_assert_no_error(error);
    assert_content(path, before == 0 ? "one" : "two");
    g_assert_cmpuint(count_files(fixture->dir), ==, 1);
  }
}

static void folders_are_made_private(Fixture *fixture, gconstpointer data) {
  g_autofree char *path = g_build_filename(fixture->dir, "a", "b", NULL);
  g_autofree char *file = g_build_filename(fixture->dir, "file", NULL);
  g_autofree char *below = g_build_filename(file, "c", NULL);
  g_autoptr(GError) error = NULL;
  struct stat status;

  (void)data;
  g_assert_true(berth_base_file_make_dir(path, &error));
  g_assert_true(berth_base_file_make_dir(path, &error));
  g_assert_no_error(error);
  g_assert_cmpint(stat(path, &status), ==, 0);
  g_assert_cmpint(status.st_mode & 0777, ==, 0700);
  g_assert_true(put(file, "x", 0600, NULL));
  g_assert_false(berth_base_file_make_dir(below, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
}

static void errors_have_exit_statuses(void) {
  static const struct {
    int code, status;
  } cases[] = {
      {BERTH_ERROR_FAILED, 1},   {BERTH_ERROR_USAGE, 2}, {BERTH_ERROR_NOT_FOUND, 3}, {BERTH_ERROR_BAD_INPUT, 4},
      {BERTH_ERROR_CONFLICT, 5}, {BERTH_ERROR_BUSY, 5},  {BERTH_ERROR_DRIFT, 5},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = g_error_new_literal(BERTH_ERROR, cases[i].code, "x");
    g_assert_cmpint(berth_error_exit_status(error), ==, cases[i].status);
  }
  g_autoptr(GError) other = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "x");
  g_assert_cmpint(berth_error_exit_status(other), ==, 1);
}

static gint64 fixed_clock(gpointer data) {
  return *(gint64 *)data;
}

static void the_environment_can_be_moved(void) {
  gint64 now = G_GINT64_CONSTANT(1769903999) * G_USEC_PER_SEC;

  g_setenv("BERTH_STATE", "/somewhere/state", TRUE);
  g_setenv("BERTH_QEMU", "", TRUE);
  g_autoptr(BerthEnv) env = berth_env_new();
  g_unsetenv("BERTH_STATE");
  g_unsetenv("BERTH_QEMU");
  g_assert_cmpstr(env->state_dir, ==, "/somewhere/state");
  g_assert_cmpstr(env->run_dir, ==, "/somewhere/state/run");
  g_assert_null(env->qemu);
  berth_env_set_state(env, "/elsewhere");
  berth_env_set_qemu(env, "/bin/qemu");
  berth_env_set_clock(env, fixed_clock, &now);
  g_assert_cmpstr(env->run_dir, ==, "/elsewhere/run");
  g_assert_cmpstr(env->qemu, ==, "/bin/qemu");
  g_autofree char *stamp = berth_base_env_timestamp(env);
  g_assert_cmpstr(stamp, ==, "2026-01-31T23:59:59Z");
}

static void without_a_variable_the_folders_are_the_systems(void) {
  g_unsetenv("BERTH_STATE");
  g_autoptr(BerthEnv) env = berth_env_new();

  g_assert_true(g_path_is_absolute(env->state_dir));
  g_assert_true(g_str_has_suffix(env->state_dir, "/berth"));
  g_assert_true(g_str_has_suffix(env->run_dir, "/berth"));
  g_assert_cmpstr(env->self, ==, "berth");
}

static void an_arena_gives_clean_memory_of_any_size(void) {
  g_autoptr(BerthArena) arena = berth_base_arena_new();
  static const gsize sizes[] = {1, 7, 4096, 3, 300 << 10, 24, 0};
  guint8 *taken[600];

  for (guint i = 0; i < G_N_ELEMENTS(taken); i++) {
    gsize size = sizes[i % G_N_ELEMENTS(sizes)];
    taken[i] = berth_base_arena_take(arena, size);
    g_assert_cmpuint(GPOINTER_TO_SIZE(taken[i]) % sizeof(gpointer), ==, 0);
    for (gsize k = 0; k < size; k++)
      g_assert_cmpuint(taken[i][k], ==, 0);
    memset(taken[i], (int)(i % 251 + 1), size);
    char *text = berth_base_arena_text(arena, "vda and more", 3);
    g_assert_cmpstr(text, ==, "vda");
  }
  for (guint i = 0; i < G_N_ELEMENTS(taken); i++)
    for (gsize k = 0; k < sizes[i % G_N_ELEMENTS(sizes)]; k++)
      g_assert_cmpuint(taken[i][k], ==, i % 251 + 1);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/base/arena", an_arena_gives_clean_memory_of_any_size);
  g_test_add("/base/file/what-is-written-is-read", Fixture, NULL, set_up, what_is_written_is_read, tear_down);
  g_test_add("/base/file/reading-is-bounded", Fixture, NULL, set_up, reading_is_bounded, tear_down);
  g_test_add("/base/file/an-absent-file-is-not-found", Fixture, NULL, set_up, an_absent_file_is_not_found, tear_down);
  g_test_add("/base/file/a-link-is-followed", Fixture, NULL, set_up, a_link_is_followed, tear_down);
  g_test_add("/base/file/what-is-no-file-stays", Fixture, NULL, set_up, what_is_no_file_stays, tear_down);
  g_test_add("/base/file/a-full-disk-leaves-the-old-file", Fixture, NULL, set_up, a_full_disk_leaves_the_old_file, tear_down);
  g_test_add("/base/file/what-is-under-way-has-no-name", Fixture, NULL, set_up, what_is_under_way_has_no_name, tear_down);
  g_test_add("/base/file/folders-are-made-private", Fixture, NULL, set_up, folders_are_made_private, tear_down);
  g_test_add_func("/base/error/errors-have-exit-statuses", errors_have_exit_statuses);
  g_test_add_func("/base/env/the-environment-can-be-moved", the_environment_can_be_moved);
  g_test_add_func("/base/env/without-a-variable-the-folders-are-the-systems", without_a_variable_the_folders_are_the_systems);
  return g_test_run();
}
