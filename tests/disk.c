/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512u

/* A write, or with @data NULL a new size, that was not synced yet. */
typedef struct {
  guint64 at;
  GBytes *data;
} Change;

typedef struct {
  gboolean folder;
  GByteArray *synced;
  GPtrArray *changes; /* Change, in order */
} Node;

/* What a name stands for; a rename is two that go together. */
typedef struct {
  char *name, *other;
  Node *node, *other_node; /* NULL: nothing any more */
} Naming;

struct Disk {
  char *folder;
  GPtrArray *nodes;         /* owns them */
  GHashTable *now, *synced; /* path → Node */
  GPtrArray *namings;       /* Naming, in order */
  gint64 events;            /* left until the power fails; < 0: it has */
  gboolean has_nameless;    /* files without a name can be made */
  sqlite3_vfs vfs, *real;
};

static Disk *watched;

/* --- what happens ----------------------------------------------------------------------------------------------------- */

static void change_free(gpointer data) {
  Change *change = data;
  g_clear_pointer(&change->data, g_bytes_unref);
  g_free(change);
}

static void node_free(gpointer data) {
  Node *node = data;
  g_byte_array_unref(node->synced);
  g_ptr_array_unref(node->changes);
  g_free(node);
}

static Node *node_new(Disk *disk, gboolean folder) {
  Node *node = g_new0(Node, 1);
  node->folder = folder;
  node->synced = g_byte_array_new();
  node->changes = g_ptr_array_new_with_free_func(change_free);
  g_ptr_array_add(disk->nodes, node);
  return node;
}

static void naming_free(gpointer data) {
  Naming *naming = data;
  g_free(naming->name);
  g_free(naming->other);
  g_free(naming);
}

static gboolean is_below(const Disk *disk, const char *path) {
  return disk != NULL && path != NULL && g_str_has_prefix(path, disk->folder) && path[strlen(disk->folder)] == '/';
}

/* FALSE: the power has failed. */
static gboolean event(Disk *disk) {
  if (disk->events > 0)
    disk->events--;
  else
    disk->events = -1;
  return disk->events >= 0;
}

static void set(GHashTable *table, const char *name, Node *node) {
  if (node != NULL)
    g_hash_table_replace(table, g_strdup(name), node);
  else
    g_hash_table_remove(table, name);
}

static void name_both(Disk *disk, const char *name, Node *node, const char *other, Node *other_node) {
  Naming *naming = g_new0(Naming, 1);
  *naming = (Naming){g_strdup(name), g_strdup(other), node, other_node};
  g_ptr_array_add(disk->namings, naming);
  set(disk->now, name, node);
  if (other != NULL)
    set(disk->now, other, other_node);
}

static void name(Disk *disk, const char *path, Node *node) {
  name_both(disk, path, node, NULL, NULL);
}

static void settle_naming(Disk *disk, const Naming *naming) {
  set(disk->synced, naming->name, naming->node);
  if (naming->other != NULL)
    set(disk->synced, naming->other, naming->other_node);
}

static void change_node(Node *node, guint64 at, const void *data, gsize size) {
  Change *change = g_new0(Change, 1);
  change->at = at;
  change->data = data != NULL ? g_bytes_new(data, size) : NULL;
  g_ptr_array_add(node->changes, change);
}

static void put(GByteArray *content, guint64 at, const guint8 *data, gsize size) {
  guint end = (guint)(at + size), old = content->len;
  if (end > old) {
    g_byte_array_set_size(content, end);
    memset(content->data + old, 0, end - old);
  }
  if (size > 0)
    memcpy(content->data + at, data, size);
}

static void resize(GByteArray *content, guint64 size) {
  if (size > content->len)
    put(content, size, NULL, 0);
  else
    g_byte_array_set_size(content, (guint)size);
}

/* @chance NULL: the change is there, whole. */
static void settle_change(Node *node, const Change *change, GRand *chance, double whole) {
  if (change->data == NULL) {
    if (chance == NULL || g_rand_boolean(chance))
      resize(node->synced, change->at);
    return;
  }
  gsize size = 0;
  const guint8 *data = g_bytes_get_data(change->data, &size);
  double fate = chance != NULL ? g_rand_double(chance) : 0;
  if (chance == NULL || fate < whole) {
    put(node->synced, change->at, data, size);
    return;
  }
  if (fate < (1 + whole) / 2)
    return;
  for (gsize done = 0; done < size;) {
    gsize piece = MIN(size - done, SECTOR - (change->at + done) % SECTOR);
    if (g_rand_boolean(chance))
      put(node->synced, change->at + done, data + done, piece);
    done += piece;
  }
}

static void sync_file(Node *node) {
  for (guint i = 0; i < node->changes->len; i++)
    settle_change(node, g_ptr_array_index(node->changes, i), NULL, 1);
  g_ptr_array_set_size(node->changes, 0);
}

static void sync_folder(Disk *disk, const char *folder) {
  for (guint i = 0; i < disk->namings->len;) {
    const Naming *naming = g_ptr_array_index(disk->namings, i);
    g_autofree char *parent = g_path_get_dirname(naming->name);
    if (g_str_equal(parent, folder)) {
      settle_naming(disk, naming);
      g_ptr_array_remove_index(disk->namings, i);
    } else {
      i++;
    }
  }
}

static void created(Disk *disk, const char *path, gboolean folder) {
  name(disk, path, node_new(disk, folder));
}

static gboolean removed(Disk *disk, const char *path) {
  if (!event(disk))
    return FALSE;
  name(disk, path, NULL);
  return TRUE;
}

/* --- berth's own calls ------------------------------------------------------------------------------------------------ */

int __real_open64(const char *path, int flags, ...);
int __real_fsync(int fd);
gssize __real_write(int fd, const void *data, size_t size);
int __real_rename(const char *from, const char *to);
int __real_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __real_g_unlink(const char *path);
int __real_g_mkstemp_full(char *path, int flags, int mode);
int __real_mkdir(const char *path, mode_t mode);

int __wrap_open64(const char *path, int flags, ...);
int __wrap_fsync(int fd);
gssize __wrap_write(int fd, const void *data, size_t size);
int __wrap_rename(const char *from, const char *to);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __wrap_g_unlink(const char *path);
int __wrap_g_mkstemp_full(char *path, int flags, int mode);
int __wrap_mkdir(const char *path, mode_t mode);

static int no_power(void) {
  errno = EIO;
  return -1;
}

static char *path_of(int fd) {
  g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
  return g_file_read_link(link, NULL);
}

static gboolean is_nameless(int flags) {
  return (flags & O_TMPFILE) == O_TMPFILE;
}

/* Until it is linked, it is only known by what /proc calls it. */
static int open_nameless(const char *folder, int flags, int mode) {
  if (!watched->has_nameless) {
    errno = EOPNOTSUPP;
    return -1;
  }
  if (!event(watched))
    return no_power();
  int fd = __real_open64(folder, flags, mode);
  g_autofree char *path = fd >= 0 ? path_of(fd) : NULL;
  if (path != NULL)
    set(watched->now, path, node_new(watched, FALSE));
  return fd;
}

int __wrap_open64(const char *path, int flags, ...) {
  int mode = 0;
  if ((flags & O_CREAT) != 0 || is_nameless(flags)) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, int);
    va_end(arguments);
  }
  if (is_nameless(flags) && watched != NULL && (is_below(watched, path) || g_str_equal(path, watched->folder)))
    return open_nameless(path, flags, mode);
  gboolean makes = (flags & O_CREAT) != 0 && is_below(watched, path) && !g_file_test(path, G_FILE_TEST_EXISTS);
  if (makes && !event(watched))
    return no_power();
  int fd = __real_open64(path, flags, mode);
  if (makes && fd >= 0)
    created(watched, path, FALSE);
  return fd;
}

int __wrap_fsync(int fd) {
  g_autofree char *path = path_of(fd);
  if (!is_below(watched, path) && (watched == NULL || !g_str_equal(path, watched->folder)))
    return __real_fsync(fd);
  if (!event(watched))
    return no_power();
  Node *node = g_hash_table_lookup(watched->now, path);
  if (node == NULL || node->folder)
    sync_folder(watched, path);
  else
    sync_file(node);
  return 0;
}

gssize __wrap_write(int fd, const void *data, size_t size) {
  g_autofree char *path = path_of(fd);
  if (!is_below(watched, path))
    return __real_write(fd, data, size);
  if (!event(watched))
    return no_power();
  change_node(g_hash_table_lookup(watched->now, path), (guint64)lseek(fd, 0, SEEK_CUR), data, size);
  return __real_write(fd, data, size);
}

int __wrap_rename(const char *from, const char *to) {
  if (!is_below(watched, from))
    return __real_rename(from, to);
  if (!event(watched))
    return no_power();
  name_both(watched, to, g_hash_table_lookup(watched->now, from), from, NULL);
  return __real_rename(from, to);
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
  g_autofree char *path = is_below(watched, to) ? g_file_read_link(from, NULL) : NULL;
  if (path != NULL && !event(watched))
    return no_power();
  int outcome = __real_linkat(from_dir, from, to_dir, to, flags);
  if (path != NULL && outcome == 0)
    name(watched, to, g_hash_table_lookup(watched->now, path));
  return outcome;
}

int __wrap_g_unlink(const char *path) {
  if (is_below(watched, path) && !removed(watched, path))
    return no_power();
  return __real_g_unlink(path);
}

int __wrap_g_mkstemp_full(char *path, int flags, int mode) {
  gboolean below = is_below(watched, path);
  if (below && !event(watched))
    return no_power();
  int fd = __real_g_mkstemp_full(path, flags, mode);
  if (below && fd >= 0)
    created(watched, path, FALSE);
  return fd;
}

int __wrap_mkdir(const char *path, mode_t mode) {
  if (!is_below(watched, path) || g_file_test(path, G_FILE_TEST_EXISTS))
    return __real_mkdir(path, mode);
  if (!event(watched))
    return no_power();
  created(watched, path, TRUE);
  return __real_mkdir(path, mode);
}

/* --- SQLite's calls --------------------------------------------------------------------------------------------------- */

typedef struct {
  sqlite3_file base;
  char *path;
  Node *node;          /* NULL: not watched */
  gboolean syncs_name; /* SQLite's own VFS syncs the folder, too, the first time that it syncs a journal or WAL */
  sqlite3_file *real;  /* behind this struct */
} File;

#define REAL(file) (((File *)(file))->real)
#define CALL(file, method, ...) (REAL(file)->pMethods->method(REAL(file), ##__VA_ARGS__))

static int file_close(sqlite3_file *file) {
  int result = CALL(file, xClose);
  g_free(((File *)file)->path);
  return result;
}

static int file_read(sqlite3_file *file, void *data, int size, sqlite3_int64 at) {
  return CALL(file, xRead, data, size, at);
}

static int file_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at) {
  Node *node = ((File *)file)->node;
  if (node != NULL && !event(watched))
    return SQLITE_IOERR_WRITE;
  if (node != NULL)
    change_node(node, (guint64)at, data, (gsize)size);
  return CALL(file, xWrite, data, size, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  Node *node = ((File *)file)->node;
  if (node != NULL && !event(watched))
    return SQLITE_IOERR_TRUNCATE;
  if (node != NULL)
    change_node(node, (guint64)size, NULL, 0);
  return CALL(file, xTruncate, size);
}

static int file_sync(sqlite3_file *base, int flags) {
  (void)flags;
  File *file = (File *)base;
  if (file->node == NULL)
    return SQLITE_OK; /* what is not watched need not outlive the test */
  if (!event(watched))
    return SQLITE_IOERR_FSYNC;
  sync_file(file->node);
  if (file->syncs_name) {
    g_autofree char *folder = g_path_get_dirname(file->path);
    sync_folder(watched, folder);
    file->syncs_name = FALSE;
  }
  return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  return CALL(file, xFileSize, size);
}

static int file_lock(sqlite3_file *file, int lock) {
  return CALL(file, xLock, lock);
}

static int file_unlock(sqlite3_file *file, int lock) {
  return CALL(file, xUnlock, lock);
}

static int file_reserved(sqlite3_file *file, int *reserved) {
  return CALL(file, xCheckReservedLock, reserved);
}

static int file_control(sqlite3_file *file, int what, void *argument) {
  return CALL(file, xFileControl, what, argument);
}

static int file_sector(sqlite3_file *file) {
  return CALL(file, xSectorSize);
}

static int file_device(sqlite3_file *file) {
  return CALL(file, xDeviceCharacteristics);
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
  return CALL(file, xShmMap, page, size, extend, memory);
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags) {
  return CALL(file, xShmLock, offset, n, flags);
}

static void shm_barrier(sqlite3_file *file) {
  CALL(file, xShmBarrier);
}

static int shm_unmap(sqlite3_file *file, int remove) {
  return CALL(file, xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {2,           file_close, file_read,   file_write,    file_truncate, file_sync,
                                           file_size,   file_lock,  file_unlock, file_reserved, file_control,  file_sector,
                                           file_device, shm_map,    shm_lock,    shm_barrier,   shm_unmap};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out_flags) {
  Disk *disk = vfs->pAppData;
  File *file = (File *)base;
  *file = (File){.real = (sqlite3_file *)(file + 1)};
  gboolean below = is_below(disk, path);
  gboolean makes = below && (flags & SQLITE_OPEN_CREATE) != 0 && !g_file_test(path, G_FILE_TEST_EXISTS);
  if (makes && !event(disk))
    return SQLITE_CANTOPEN;
  int result = disk->real->xOpen(disk->real, path, file->real, flags, out_flags);
  if (result != SQLITE_OK)
    return result;
  file->base.pMethods = &methods;
  file->path = g_strdup(path);
  if (makes)
    created(disk, path, FALSE);
  file->node = below ? g_hash_table_lookup(disk->now, path) : NULL;
  file->syncs_name = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_name) {
  Disk *disk = vfs->pAppData;
  if (!is_below(disk, path))
    return disk->real->xDelete(disk->real, path, sync_name);
  if (!removed(disk, path))
    return SQLITE_IOERR_DELETE;
  g_autofree char *folder = g_path_get_dirname(path);
  if (sync_name)
    sync_folder(disk, folder);
  return disk->real->xDelete(disk->real, path, 0);
}

/* --- life ------------------------------------------------------------------------------------------------------------- */

Disk *disk_new(const char *folder) {
  g_assert(watched == NULL);
  Disk *disk = watched = g_new0(Disk, 1);
  disk->folder = g_strdup(folder);
  disk->nodes = g_ptr_array_new_with_free_func(node_free);
  disk->namings = g_ptr_array_new_with_free_func(naming_free);
  disk->now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  disk->synced = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  disk->events = G_MAXINT64;
  disk->real = sqlite3_vfs_find(NULL);
  disk->vfs = *disk->real;
  disk->vfs.zName = "disk";
  disk->vfs.pAppData = disk;
  disk->vfs.szOsFile = (int)sizeof(File) + disk->real->szOsFile;
  disk->vfs.xOpen = vfs_open;
  disk->vfs.xDelete = vfs_delete;
  sqlite3_vfs_register(&disk->vfs, 1);
  return disk;
}

void disk_free(Disk *disk) {
  sqlite3_vfs_unregister(&disk->vfs);
  sqlite3_vfs_register(disk->real, 1);
  g_ptr_array_unref(disk->namings);
  g_hash_table_unref(disk->now);
  g_hash_table_unref(disk->synced);
  g_ptr_array_unref(disk->nodes);
  g_free(disk->folder);
  g_free(disk);
  watched = NULL;
}

void disk_have_nameless(Disk *disk, gboolean has) {
  disk->has_nameless = has;
}

void disk_fail_after(Disk *disk, guint events) {
  disk->events = events;
}

gboolean disk_failed(const Disk *disk) {
  return disk->events < 0;
}

static void remove_below(const char *path) {
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *entry;
  while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
    g_autofree char *child = g_build_filename(path, entry, NULL);
    if (__real_g_unlink(child) != 0) {
      remove_below(child);
      g_rmdir(child);
    }
  }
}

/* Whether all folders above it are there. */
static gboolean is_reachable(const Disk *disk, const char *path) {
  g_autofree char *parent = g_path_get_dirname(path);
  return g_str_equal(parent, disk->folder) || (g_hash_table_contains(disk->synced, parent) && is_reachable(disk, parent));
}

static void write_out(Disk *disk) {
  g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(disk->synced), (GCompareFunc)strcmp);
  for (GList *path = paths; path != NULL; path = path->next) {
    Node *node = g_hash_table_lookup(disk->synced, path->data);
    if (!is_reachable(disk, path->data))
      continue;
    if (node->folder)
      g_assert_cmpint(__real_mkdir(path->data, 0700), ==, 0);
    else
      g_assert_true(g_file_set_contents_full(path->data, (const char *)node->synced->data, node->synced->len,
                                             G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    g_hash_table_replace(disk->now, g_strdup(path->data), node);
  }
}

void disk_restore(Disk *disk, GRand *chance) {
  static const double likely[] = {0, 0.5, 0.9, 1};
  double kept = likely[g_rand_int_range(chance, 0, G_N_ELEMENTS(likely))];
  double whole = likely[g_rand_int_range(chance, 0, G_N_ELEMENTS(likely))];
  for (guint i = 0; i < disk->namings->len; i++)
    if (g_rand_double(chance) < kept)
      settle_naming(disk, g_ptr_array_index(disk->namings, i));
  g_ptr_array_set_size(disk->namings, 0);
  for (guint i = 0; i < disk->nodes->len; i++) {
    Node *node = g_ptr_array_index(disk->nodes, i);
    for (guint j = 0; j < node->changes->len; j++)
      settle_change(node, g_ptr_array_index(node->changes, j), chance, whole);
    g_ptr_array_set_size(node->changes, 0);
  }
  remove_below(disk->folder);
  g_hash_table_remove_all(disk->now);
  write_out(disk);
  g_hash_table_remove_all(disk->synced);
  GHashTableIter each;
  gpointer path, node;
  g_hash_table_iter_init(&each, disk->now);
  while (g_hash_table_iter_next(&each, &path, &node))
    set(disk->synced, path, node);
  disk->events = G_MAXINT64;
}
