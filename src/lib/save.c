/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "guest/move.h"
#include "lib/move.h"
#include "lib/saved.h"

/* A file being filled. */
typedef struct {
  BerthLibLeave *leave;
  BerthFileDraft *draft;
  guint64 bytes;
  GChecksum *sum;  /* of these */
  gboolean direct; /* past the page cache */
} Filling;

static gboolean set_direct(int fd, const char *path, gboolean on, GError **error) {
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: the page cache cannot be bypassed there: %s", path, g_strerror(errno));
  return FALSE;
}

/* Only whole pieces can be written past the cache; the last is not. */
static gboolean write_piece(gpointer data, const guint8 *bytes, gsize length, GError **error) {
  Filling *filling = data;
  if (filling->direct && length % BERTH_LIB_SAVED_ALIGNMENT != 0 &&
      !set_direct(filling->draft->fd, filling->draft->path, FALSE, error))
    return FALSE;
  if (!berth_host_write(filling->draft->fd, filling->draft->path, bytes, length, error))
    return FALSE;
  filling->bytes += length;
  g_checksum_update(filling->sum, bytes, (gssize)length);
  berth_lib_leave_progress(filling->leave, filling->bytes, FALSE);
  return TRUE;
}

/* The head, whose length does not depend on the state that follows. @whole: all of that is there. */
static gboolean write_head(const Filling *filling, gboolean whole, GError **error) {
  const char *sum = whole ? g_checksum_get_string(filling->sum) : NULL;
  g_autoptr(GBytes) head = berth_lib_saved_head(filling->leave->manifest, filling->bytes, sum);
  gsize length = 0;
  const void *bytes = g_bytes_get_data(head, &length);
  if (lseek(filling->draft->fd, 0, SEEK_SET) == 0 &&
      berth_host_write(filling->draft->fd, filling->draft->path, bytes, length, error))
    return TRUE;
  if (error != NULL && *error == NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", filling->draft->path, g_strerror(errno));
  return FALSE;
}

static gboolean fill(Filling *filling, GError **error) {
  BerthLibLeave *leave = filling->leave;
  BerthHostPump pump = {.watched = -1, .interrupt = leave->interrupt, .sink = write_piece, .data = filling};
  if (!write_head(filling, FALSE, error) ||
      (filling->direct && !set_direct(filling->draft->fd, filling->draft->path, TRUE, error)) ||
      !berth_lib_leave_begin(leave, FALSE, 0, error))
    return FALSE;
  pump.from = leave->stream;
  if (!berth_host_pump(&pump, error) || !berth_guest_move_done(leave->live.control, error))
    return FALSE;
  return (!filling->direct || set_direct(filling->draft->fd, filling->draft->path, FALSE, error)) &&
         write_head(filling, TRUE, error) && !berth_host_interrupted(leave->interrupt, error) &&
         berth_base_file_draft_commit(filling->draft, error);
}

gboolean berth_save(Berth *berth, const char *guest, const char *file, guint flags, BerthProgressFunc progress, gpointer data,
                    GError **error) {
  g_auto(BerthLibLeave) leave = {.listener = -1, .stream = -1, .progress = progress, .progress_data = data};
  g_autoptr(BerthFileDraft) draft = berth_base_file_draft_new(file, 0600, error);
  if (draft == NULL || !berth_lib_leave_open(&leave, berth, guest, flags, error))
    return FALSE;
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  Filling filling = {.leave = &leave, .draft = draft, .sum = sum, .direct = (flags & BERTH_MOVE_BYPASS_CACHE) != 0};
  leave.file = draft;
  if (!fill(&filling, error)) {
    /* Its folder may not have been synced: a guest that runs on must not be there a second time. */
    if (berth_lib_unfinished_saved(leave.live.guest->run.run_dir, leave.live.guest->uuid))
      unlink(draft->target);
    berth_lib_leave_undo(&leave, error);
    return FALSE;
  }
  berth_lib_leave_progress(&leave, filling.bytes, TRUE);
  leave.reason = "saved";
  return berth_lib_leave_end(&leave, error);
}
