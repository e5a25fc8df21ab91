/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests whose state was on its way out when the command that saw to it was killed. A note in the run folder says that it is on its
 * way; under the guest's lock, with nobody at work, it says that this command is no more. Then the guest goes on, for nobody else
 * has its state; but if that is in its file, the guest is saved: it only has still to end.
 */
#include "lib/move.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/control.h"
#include "guest/launch.h"
#include "guest/move.h"
#include "lib/saved.h"

#define CONNECT_MS 3000
#define QUIT_MS 10000
#define MAX_NOTE 8192
#define RAN "running"
#define STOOD "paused"

typedef struct {
  gboolean ran;
  guint64 device, inode; /* of the file that it goes to */
  char *path;            /* where that gets its name; "": it goes elsewhere */
} Note;

static void note_clear(Note *note) {
  g_clear_pointer(&note->path, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Note, note_clear)

void berth_lib_unfinished_note(const char *run_dir, gboolean ran, const BerthFileDraft *draft) {
  struct stat file = {0};
  gboolean known = draft != NULL && fstat(draft->fd, &file) == 0;
  g_autofree char *target = known ? g_canonicalize_filename(draft->target, NULL) : g_strdup("");
  g_autofree char *path = berth_guest_leaving_path(run_dir);
  g_autofree char *text = g_strdup_printf("%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %s", ran ? RAN : STOOD,
                                          (guint64)file.st_dev, (guint64)file.st_ino, target);
  g_unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return;
  gboolean written = berth_host_write(fd, path, text, strlen(text), NULL);
  close(fd);
  if (!written)
    g_unlink(path);
}

void berth_lib_unfinished_forget(const char *run_dir) {
  g_autofree char *path = berth_guest_leaving_path(run_dir);
  g_unlink(path);
}

gboolean berth_lib_unfinished_there(const char *run_dir) {
  g_autofree char *path = run_dir != NULL ? berth_guest_leaving_path(run_dir) : NULL;
  return path != NULL && access(path, F_OK) == 0;
}

/* The folder may be another user's, and so may be what is in it. */
static char *read_own(const char *path) {
  struct stat file;
  g_autofree char *text = g_malloc0(MAX_NOTE);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  gboolean ours = fd >= 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_uid == geteuid();
  gssize got = ours ? read(fd, text, MAX_NOTE - 1) : -1;
  if (fd >= 0)
    close(fd);
  return got > 0 ? g_steal_pointer(&text) : NULL;
}

static gboolean note_read(Note *note, const char *run_dir) {
  g_autofree char *path = berth_guest_leaving_path(run_dir);
  g_autofree char *text = read_own(path);
  g_auto(GStrv) words = text != NULL ? g_strsplit(text, " ", 4) : NULL;
  if (words == NULL || g_strv_length(words) != 4)
    return FALSE;
  note->ran = g_str_equal(words[0], RAN);
  note->device = g_ascii_strtoull(words[1], NULL, 10);
  note->inode = g_ascii_strtoull(words[2], NULL, 10);
  note->path = g_strdup(words[3]);
  return TRUE;
}

/* It gets its name once it is whole. */
static gboolean is_saved(const Note *note, const char *uuid) {
  struct stat file;
  g_auto(BerthLibSaved) saved = {.fd = -1};
  return *note->path != '\0' && stat(note->path, &file) == 0 && file.st_dev == note->device && file.st_ino == note->inode &&
         berth_lib_saved_open(&saved, note->path, NULL) && g_ascii_strcasecmp(saved.manifest->uuid, uuid) == 0;
}

gboolean berth_lib_unfinished_saved(const char *run_dir, const char *uuid) {
  g_auto(Note) note = {0};
  return berth_lib_unfinished_there(run_dir) && note_read(&note, run_dir) && is_saved(&note, uuid);
}

static gboolean stands(const char *status) {
  return g_str_equal(status, "postmigrate") || g_str_equal(status, "finish-migrate") || g_str_equal(status, "paused");
}

static gboolean go_on(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, GError **error) {
  g_autofree char *status = berth_guest_move_undo(qmp, TRUE, error) ? berth_guest_status(qmp, error) : NULL;
  return status != NULL && berth_lib_record_status(berth, guest, status, error);
}

gboolean berth_lib_unfinished_end(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, gboolean *ends, GError **error) {
  g_auto(Note) note = {0};
  const char *run_dir = guest->run.run_dir;
  gboolean known = note_read(&note, run_dir);
  g_autofree char *socket = berth_guest_move_path(run_dir);
  *ends = FALSE;
  /* Whatever was under way ends first. */
  g_autofree char *status = berth_guest_move_undo(qmp, FALSE, error) ? berth_guest_status(qmp, error) : NULL;
  if (status == NULL)
    return FALSE;
  if (known && g_str_equal(status, "postmigrate") && is_saved(&note, guest->uuid)) {
    *ends = berth_base_file_sync(note.path, error) && berth_guest_quit(qmp, error);
    return *ends;
  }
  if (known && note.ran && stands(status) && !go_on(berth, qmp, guest, error))
    return FALSE;
  g_unlink(socket);
  berth_lib_unfinished_forget(run_dir);
  return TRUE;
}

void berth_lib_unfinished_settle(Berth *berth, BerthStoreGuest **guest) {
  gboolean ends = FALSE;
  g_autoptr(BerthProcess) qemu = berth_lib_unfinished_there((*guest)->run.run_dir) ? berth_lib_run_process(&(*guest)->run) : NULL;
  if (qemu == NULL)
    return;
  g_autofree char *path = berth_guest_control_path((*guest)->run.run_dir);
  g_autoptr(BerthQmp) control = berth_qmp_connect(path, CONNECT_MS, NULL);
  if (control != NULL)
    berth_lib_unfinished_end(berth, control, *guest, &ends, NULL);
  if (ends && (berth_host_process_wait(qemu, QUIT_MS, NULL) || berth_host_process_end(qemu, NULL)))
    berth_lib_settle(berth, *guest, "shut off", "saved", NULL);
  berth_lib_read_again(berth, guest);
}
