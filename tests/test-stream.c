/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets of this host, messages over them, and streams that are passed on. */
#include "host/stream.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void pair(int *ends) {
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
}

static void test_only_places_of_this_host(void) {
  static const char *const wrong[] = {"",
                                      "unix:",
                                      "tcp:",
                                      "tcp:127.0.0.1",
                                      "tcp:127.0.0.1:0",
                                      "tcp:127.0.0.1:65536",
                                      "tcp:x:1",
                                      "tcp:10.0.0.1:9",
                                      "tcp:[fe80::1]:9",
                                      "tcp:example.org:9",
                                      "http://x",
                                      "/tmp/x"};
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(berth_host_socket_listen(wrong[i], &error), ==, -1);
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_USAGE);
  }
  g_autofree char *name = g_strnfill(200, 'x');
  g_autofree char *uri = g_strconcat("unix:/tmp/", name, NULL);
  g_autoptr(GError) error = NULL;
  g_assert_cmpint(berth_host_socket_connect(uri, &error), ==, -1);
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_USAGE);
}

static void test_a_stale_socket_is_replaced_and_a_live_one_is_not(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp("berth-stream-XXXXXX", &error);
  g_autofree char *path = g_build_filename(folder, "s", NULL);
  g_autofree char *uri = g_strconcat("unix:", path, NULL);
  struct stat file;
  g_assert_cmpint(berth_host_socket_connect(uri, &error), ==, -1);
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_clear_error(&error);
  close(berth_host_socket_listen(uri, &error));
  g_assert_no_error(error);
  int listener = berth_host_socket_listen(uri, &error);
  g_assert_no_error(error);
  g_assert_cmpint(stat(path, &file), ==, 0);
  g_assert_cmpint(file.st_mode & 077, ==, 0);
  g_assert_cmpint(berth_host_socket_listen(uri, &error), ==, -1);
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_clear_error(&error);
  close(berth_host_socket_accept(listener, 1000, NULL, &error)); /* the attempt to find out whether somebody listens */
  int client = berth_host_socket_connect(uri, &error), server = berth_host_socket_accept(listener, 1000, NULL, &error);
  g_assert_no_error(error);
  g_assert_true(berth_host_socket_trusted(server));
  close(client);
  close(server);
  close(listener);
  berth_host_socket_remove(uri);
  g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void test_messages_come_whole(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GByteArray) data = g_byte_array_new();
  int ends[2];
  char type = 0;
  pair(ends);
  g_assert_true(berth_host_message_send(ends[0], 'A', "hello", 5, &error));
  g_assert_true(berth_host_message_send(ends[0], 'B', NULL, 0, &error));
  g_assert_true(berth_host_message_receive(ends[1], &type, data, 1000, NULL, &error));
  g_assert_cmpint(type, ==, 'A');
  g_assert_cmpmem(data->data, data->len, "hello", 5);
  g_assert_true(berth_host_message_receive(ends[1], &type, data, 1000, NULL, &error));
  g_assert_cmpint(type, ==, 'B');
  g_assert_cmpuint(data->len, ==, 0);
  g_assert_false(berth_host_message_receive(ends[1], &type, data, 10, NULL, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  close(ends[0]);
  close(ends[1]);
}

/* A head that promises too much, one that is cut off, and a message that is. */
static void test_broken_messages_are_errors(void) {
  static const struct {
    const char *bytes;
    gsize length;
  } cases[] = {{"D\xff\xff\xff\xff", 5}, {"D\0\0", 3}, {"D\0\0\0\x05xyz", 8}, {"", 0}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) data = g_byte_array_new();
    int ends[2];
    char type = 0;
    pair(ends);
    g_assert_true(berth_host_write(ends[0], "test", cases[i].bytes, cases[i].length, &error));
    close(ends[0]);
    g_assert_false(berth_host_message_receive(ends[1], &type, data, 1000, NULL, &error));
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
    close(ends[1]);
  }
}

static void test_a_reader_that_has_gone_is_an_error(void) {
  g_autoptr(GError) error = NULL;
  int ends[2];
  pair(ends);
  close(ends[1]);
  g_assert_false(berth_host_message_send(ends[0], 'A', "x", 1, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  close(ends[0]);
}

typedef struct {
  guint pieces, late;
  gsize bytes, last;
  int wake; /* written to by late(); -1: not */
} Sink;

static gboolean swallow(gpointer data, const guint8 *bytes, gsize length, GError **error) {
  Sink *sink = data;
  g_assert_cmpuint(GPOINTER_TO_SIZE(bytes) % 4096, ==, 0);
  g_assert_true(sink->pieces == 0 || sink->last == BERTH_HOST_PIECE); /* only the last one is short */
  sink->pieces++;
  sink->bytes += length;
  sink->last = length;
  return TRUE;
}

static void on_late(gpointer data) {
  Sink *sink = data;
  sink->late++;
  if (sink->wake >= 0)
    close(sink->wake);
}

static gpointer write_much(gpointer data) {
  int fd = GPOINTER_TO_INT(data);
  g_autofree char *much = g_malloc0(3000000);
  g_autoptr(GError) error = NULL;
  g_assert_true(berth_host_write(fd, "test", much, 3000000, &error));
  close(fd);
  return NULL;
}

static void test_streams_are_passed_on_in_whole_pieces(void) {
  g_autoptr(GError) error = NULL;
  Sink sink = {.wake = -1};
  int ends[2];
  pair(ends);
  GThread *writer = g_thread_new("writer", write_much, GINT_TO_POINTER(ends[0]));
  BerthHostPump pump = {.from = ends[1], .watched = -1, .sink = swallow, .data = &sink};
  g_assert_true(berth_host_pump(&pump, &error));
  g_thread_join(writer);
  g_assert_cmpuint(sink.bytes, ==, 3000000);
  g_assert_cmpuint(pump.bytes, ==, 3000000);
  g_assert_cmpuint(sink.pieces, ==, 3);
  close(ends[1]);
}

static void test_late_is_told_once(void) {
  g_autoptr(GError) error = NULL;
  int ends[2];
  pair(ends);
  Sink sink = {.wake = ends[0]};
  BerthHostPump pump = {
      .from = ends[1], .watched = -1, .until = g_get_monotonic_time() + 50000, .late = on_late, .sink = swallow, .data = &sink};
  g_assert_true(berth_host_pump(&pump, &error));
  g_assert_cmpuint(sink.late, ==, 1);
  close(ends[1]);
}

static void test_what_is_watched_ends_it(void) {
  g_autoptr(GError) error = NULL;
  Sink sink = {.wake = -1};
  int ends[2], other[2];
  pair(ends);
  pair(other);
  close(other[0]);
  BerthHostPump pump = {.from = ends[1], .watched = other[1], .sink = swallow, .data = &sink};
  g_assert_false(berth_host_pump(&pump, &error));
  g_assert_no_error(error);
  close(ends[0]);
  close(ends[1]);
  close(other[1]);
}

static void test_signals_interrupt_and_are_used_up(void) {
  g_autoptr(GError) error = NULL;
  Sink sink = {.wake = -1};
  int ends[2];
  pair(ends);
  BerthInterrupt *interrupt = berth_host_interrupt_new();
  g_assert_false(berth_host_interrupted(interrupt, &error));
  g_assert_cmpint(raise(SIGTERM), ==, 0);
  BerthHostPump pump = {.from = ends[1], .watched = -1, .interrupt = interrupt, .sink = swallow, .data = &sink};
  g_assert_false(berth_host_pump(&pump, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  berth_host_interrupt_free(interrupt); /* and this process still lives */
  close(ends[0]);
  close(ends[1]);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stream/only-places-of-this-host", test_only_places_of_this_host);
  g_test_add_func("/stream/a-stale-socket-is-replaced-and-a-live-one-is-not",
                  test_a_stale_socket_is_replaced_and_a_live_one_is_not);
  g_test_add_func("/stream/messages-come-whole", test_messages_come_whole);
  g_test_add_func("/stream/broken-messages-are-errors", test_broken_messages_are_errors);
  g_test_add_func("/stream/a-reader-that-has-gone-is-an-error", test_a_reader_that_has_gone_is_an_error);
  g_test_add_func("/stream/streams-are-passed-on-in-whole-pieces", test_streams_are_passed_on_in_whole_pieces);
  g_test_add_func("/stream/late-is-told-once", test_late_is_told_once);
  g_test_add_func("/stream/what-is-watched-ends-it", test_what_is_watched_ends_it);
  g_test_add_func("/stream/signals-interrupt-and-are-used-up", test_signals_interrupt_and_are_used_up);
  return g_test_run();
}
