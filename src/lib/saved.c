/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "berth-save "
#define VERSION 2
/* "head", "manifest" and "state" with their numbers, the state's checksum, and the head's: always of one length. */
#define NUMBERS "head %016" G_GINT64_MODIFIER "x\nmanifest %016" G_GINT64_MODIFIER "x\nstate %016" G_GINT64_MODIFIER "x\n"
#define FIRST MAGIC "2\n"
#define SUM_DIGITS 64
#define NUMBERS_BYTES (5 + 17 + 9 + 17 + 6 + 17)
#define STATE_SUM "state-sha256 "
#define STATE_SUM_BYTES (strlen(STATE_SUM) + SUM_DIGITS + 1)
#define SUM_BYTES (7 + SUM_DIGITS + 1)
#define FRONT_BYTES (strlen(FIRST) + NUMBERS_BYTES + STATE_SUM_BYTES + SUM_BYTES)
/* Form 1 had no checksum of the state. */
#define FIRST_1 MAGIC "1\n"
#define MAX_HEAD (80u << 20)
/* What QEMU's stream begins with (QEMU docs/devel/migration). */
#define STREAM "QEVM"

static char *checksum(const char *numbers, gconstpointer manifest, gsize length) {
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  g_checksum_update(sum, (const guchar *)numbers, (gssize)strlen(numbers));
  g_checksum_update(sum, manifest, (gssize)length);
  return g_strdup(g_checksum_get_string(sum));
}

GBytes *berth_lib_saved_head(const BerthManifest *manifest, guint64 state, const char *sum) {
  gsize length = 0;
  g_autoptr(GBytes) bytes = berth_model_manifest_print(manifest);
  const char *data = g_bytes_get_data(bytes, &length);
  gsize whole = FRONT_BYTES + length;
  whole += (BERTH_LIB_SAVED_ALIGNMENT - whole % BERTH_LIB_SAVED_ALIGNMENT) % BERTH_LIB_SAVED_ALIGNMENT;
  g_autofree char *numbers =
      g_strdup_printf(NUMBERS STATE_SUM "%*s\n", (guint64)whole, (guint64)length, state, SUM_DIGITS, sum != NULL ? sum : "");
  g_autofree char *own = checksum(numbers, data, length);
  GString *head = g_string_sized_new(whole);
  g_string_append_printf(head, FIRST "%ssha256 %s\n", numbers, own);
  g_string_append_len(head, data, (gssize)length);
  while (head->len < whole)
    g_string_append_c(head, '\n');
  return g_string_free_to_bytes(head);
}

void berth_lib_saved_clear(BerthLibSaved *saved) {
  if (saved->fd >= 0)
    close(saved->fd);
  saved->fd = -1;
  g_clear_pointer(&saved->manifest, berth_model_manifest_free);
  g_clear_pointer(&saved->sum, g_free);
}

static gboolean bad(const char *path, GError **error, const char *why) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: %s", path, why);
  return FALSE;
}

/* So many bytes, or less at the end of the file. */
static gssize read_at(int fd, void *bytes, gsize length, guint64 offset) {
  gsize done = 0;
  while (done < length) {
    gssize got = pread(fd, (char *)bytes + done, length - done, (off_t)(offset + done));
    if (got < 0 && errno != EINTR)
      return -1;
    if (got == 0)
      break;
    done += (gsize)MAX(got, 0);
  }
  return (gssize)done;
}

static gboolean check_version(const char *front, const char *path, GError **error) {
  if (!g_str_has_prefix(front, MAGIC))
    return bad(path, error, "is no saved guest; save makes one");
  guint64 version = g_ascii_strtoull(front + strlen(MAGIC), NULL, 10);
  if (version <= VERSION)
    return g_str_has_prefix(front, FIRST) || g_str_has_prefix(front, FIRST_1) ||
           bad(path, error, "is damaged: its version makes no sense");
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NEWER,
              "%s: was saved in form %" G_GUINT64_FORMAT ", this berth knows up to %d; use the berth that wrote it", path, version,
              VERSION);
  return FALSE;
}

/* @wanted: so long it was. */
static gboolean check_size(int fd, guint64 least, guint64 wanted, const char *path, GError **error) {
  struct stat file;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode))
    return bad(path, error, "is no regular file");
  guint64 size = (guint64)file.st_size;
  if (size >= least && (wanted == 0 || size == wanted))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT,
              "%s: is %s: it has %" G_GUINT64_FORMAT " bytes, %s%" G_GUINT64_FORMAT " were saved", path,
              size < MAX(least, wanted) ? "truncated" : "damaged", size, wanted == 0 ? "more than " : "",
              wanted == 0 ? least : wanted);
  return FALSE;
}

/* The numbers of the front, and the checksum that goes with them. */
typedef struct {
  gsize length; /* of all of it */
  guint64 head, manifest, state;
  char *numbers, *state_sum, *sum;
} Front;

static void front_clear(Front *front) {
  g_free(front->numbers);
  g_free(front->state_sum);
  g_free(front->sum);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Front, front_clear)

/* Takes "NAME HEX\n" off the front of @text. */
static gboolean take_number(const char **text, const char *name, guint64 *value) {
  char *end = NULL;
  if (!g_str_has_prefix(*text, name) || (*text)[strlen(name)] != ' ')
    return FALSE;
  *value = g_ascii_strtoull(*text + strlen(name) + 1, &end, 16);
  if (*end != '\n')
    return FALSE;
  *text = end + 1;
  return TRUE;
}

static gboolean take_numbers(Front *front) {
  const char *text = front->numbers;
  return take_number(&text, "head", &front->head) && take_number(&text, "manifest", &front->manifest) &&
         take_number(&text, "state", &front->state) && front->head >= BERTH_LIB_SAVED_ALIGNMENT && front->head <= MAX_HEAD &&
         front->head % BERTH_LIB_SAVED_ALIGNMENT == 0 && front->manifest <= front->head - front->length &&
         front->state <= G_MAXINT64 / 2;
}

static gboolean read_front(int fd, Front *front, const char *path, GError **error) {
  char text[256] = "";
  gssize got = read_at(fd, text, FRONT_BYTES, 0);
  if (got < 0)
    return bad(path, error, g_strerror(errno));
  if (!check_version(text, path, error))
    return FALSE;
  if (got < (gssize)FRONT_BYTES)
    return bad(path, error, "is truncated within its head");
  gsize numbers = NUMBERS_BYTES + (g_str_has_prefix(text, FIRST_1) ? 0 : STATE_SUM_BYTES);
  front->length = strlen(FIRST) + numbers + SUM_BYTES;
  front->numbers = g_strndup(text + strlen(FIRST), numbers);
  front->state_sum = numbers > NUMBERS_BYTES ? g_strndup(front->numbers + NUMBERS_BYTES + strlen(STATE_SUM), SUM_DIGITS) : NULL;
  front->sum = g_strndup(text + strlen(FIRST) + numbers + strlen("sha256 "), SUM_DIGITS);
  if (!take_numbers(front))
    return bad(path, error, "is damaged: its numbers make no sense");
  return TRUE;
}

static gboolean read_manifest(BerthLibSaved *saved, const Front *front, const char *path, GError **error) {
  char stream[4] = "";
  g_autofree char *data = g_malloc(front->manifest + 1);
  gssize got = read_at(saved->fd, data, front->manifest, front->length);
  g_autofree char *sum = checksum(front->numbers, data, (gsize)MAX(got, 0));
  if (got != (gssize)front->manifest || !g_str_equal(sum, front->sum))
    return bad(path, error, "is damaged: the checksum of its head is wrong");
  if (read_at(saved->fd, stream, sizeof stream, front->head) != sizeof stream || memcmp(stream, STREAM, sizeof stream) != 0)
    return bad(path, error, "is damaged: what follows its head is no state of QEMU's");
  g_autoptr(GBytes) bytes = g_bytes_new_take(g_steal_pointer(&data), front->manifest);
  saved->manifest = berth_model_manifest_parse(bytes, path, error);
  saved->state = front->state;
  saved->sum = g_strdup(front->state_sum);
  return saved->manifest != NULL && check_size(saved->fd, 0, front->head + front->state, path, error) &&
         lseek(saved->fd, (off_t)front->head, SEEK_SET) >= 0;
}

gboolean berth_lib_saved_open(BerthLibSaved *saved, const char *path, GError **error) {
  g_auto(Front) front = {0};
  *saved = (BerthLibSaved){.fd = open(path, O_RDONLY | O_CLOEXEC)};
  if (saved->fd < 0) {
    g_set_error(error, BERTH_ERROR, errno == ENOENT ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_FAILED, "%s: %s", path,
                g_strerror(errno));
    return FALSE;
  }
  if (read_front(saved->fd, &front, path, error) && check_size(saved->fd, front.head + 1, 0, path, error) &&
      read_manifest(saved, &front, path, error))
    return TRUE;
  berth_lib_saved_clear(saved);
  return FALSE;
}
