/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/stream-private.h"

/* For how long the reading side of a message may hesitate within one. */
#define WITHIN_MS 60000
#define ALIGNMENT 4096
#define HEAD 5

gboolean berth_host_write(int fd, const char *name, const void *bytes, gsize length, GError **error) {
  const guint8 *rest = bytes;
  while (length > 0) {
    /* A socket whose reader has gone is an error, not a signal; for a file send() is none. */
    gssize put = send(fd, rest, length, MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK)
      put = write(fd, rest, length);
    if (put < 0 && errno != EINTR) {
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be written: %s", name, g_strerror(errno));
      return FALSE;
    }
    rest += MAX(put, 0);
    length -= (gsize)MAX(put, 0);
  }
  return TRUE;
}

/* ---- messages: a letter, the length (four bytes, big end first), so many bytes ---- */

gboolean berth_host_message_send(int fd, char type, const void *data, gsize length, GError **error) {
  guint32 big = GUINT32_TO_BE((guint32)length);
  guint8 head[HEAD];
  head[0] = (guint8)type;
  memcpy(head + 1, &big, sizeof big);
  g_return_val_if_fail(length <= BERTH_HOST_MESSAGE_MAX, FALSE);
  return berth_host_write(fd, "the other side", head, sizeof head, error) &&
         berth_host_write(fd, "the other side", data, length, error);
}

static gboolean receive(int fd, guint8 *bytes, gsize length, int timeout_ms, const BerthInterrupt *interrupt, GError **error) {
  while (length > 0) {
    gboolean ready = FALSE;
    if (!berth_host_await(fd, -1, interrupt, timeout_ms, &ready, error))
      return FALSE;
    gssize got = read(fd, bytes, length);
    if (got == 0 || (got < 0 && errno != EINTR)) {
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "the other side has gone%s%s", got < 0 ? ": " : "",
                  got < 0 ? g_strerror(errno) : "");
      return FALSE;
    }
    bytes += MAX(got, 0);
    length -= (gsize)MAX(got, 0);
    timeout_ms = WITHIN_MS;
  }
  return TRUE;
}

gboolean berth_host_message_receive(int fd, char *type, GByteArray *data, int timeout_ms, const BerthInterrupt *interrupt,
                                    GError **error) {
  guint8 head[HEAD];
  guint32 big = 0;
  g_byte_array_set_size(data, 0);
  if (!receive(fd, head, sizeof head, timeout_ms, interrupt, error))
    return FALSE;
  memcpy(&big, head + 1, sizeof big);
  gsize length = GUINT32_FROM_BE(big);
  if (length > BERTH_HOST_MESSAGE_MAX) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "the other side speaks another language");
    return FALSE;
  }
  g_byte_array_set_size(data, (guint)length);
  *type = (char)head[0];
  return receive(fd, data->data, length, WITHIN_MS, interrupt, error);
}

/* ---- copying ---- */

static int time_left(BerthHostPump *pump) {
  if (pump->until == 0)
    return -1;
  gint64 left = (pump->until - g_get_monotonic_time() + 999) / 1000;
  if (left > 0)
    return (int)MIN(left, G_MAXINT);
  pump->until = 0;
  pump->late(pump->data);
  return -1;
}

/* Fills @piece as far as the stream goes; *@end: it has ended. FALSE without @error: something else has to be looked at. */
static gboolean fill(BerthHostPump *pump, guint8 *piece, gsize *length, gboolean *end, GError **error) {
  while (*length < BERTH_HOST_PIECE && !*end) {
    gboolean ready = FALSE;
    g_autoptr(GError) failure = NULL;
    int left = time_left(pump);
    if (!berth_host_await(pump->from, pump->watched, pump->interrupt, left, &ready, &failure)) {
      if (left >= 0 && !berth_host_interrupted(pump->interrupt, NULL))
        continue; /* it was the time limit */
      g_propagate_error(error, g_steal_pointer(&failure));
      return FALSE;
    }
    if (!ready)
      return FALSE;
    gssize got = read(pump->from, piece + *length, BERTH_HOST_PIECE - *length);
    if (got < 0 && errno != EINTR && errno != ECONNRESET) {
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "cannot be read: %s", g_strerror(errno));
      return FALSE;
    }
    *end = got == 0 || (got < 0 && errno == ECONNRESET);
    *length += (gsize)MAX(got, 0);
  }
  return TRUE;
}

gboolean berth_host_pump(BerthHostPump *pump, GError **error) {
  void *memory = NULL;
  if (posix_memalign(&memory, ALIGNMENT, BERTH_HOST_PIECE) != 0)
    g_error("out of memory");
  gboolean going = TRUE, end = FALSE;
  while (going && !end) {
    gsize length = 0;
    going = fill(pump, memory, &length, &end, error);
    if (going && length > 0) {
      going = pump->sink(pump->data, memory, length, error);
      pump->bytes += length;
    }
  }
  free(memory);
  return going;
}
