/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP client against a peer that follows a script, one that QEMU would never follow included. */
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qmp/client.h"

#define GREETING "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7, \"minor\": 2, \"micro\": 0}}, \"capabilities\": []}}\r\n"
#define SHORT_MS 210
#define LONG_MS 10000

/* What the peer does next. */
typedef enum {
  END,
  SAY,    /* @text */
  HEAR,   /* reads one line and demands that it contains @text */
  ANSWER, /* reads one line and says @text, with its "ID" replaced by the line's id */
  WAIT,   /* @number milliseconds */
  FLOOD,  /* @number bytes without a newline */
} Act;

typedef struct {
  Act act;
  const char *text;
  guint number;
} Step;

typedef struct {
  int fd;
  const Step *steps;
  GThread *thread;
  GString *line;
} Peer;

#define NEGOTIATE                                                                                                                  \
  {SAY, GREETING}, {                                                                                                               \
    ANSWER, "{\"return\": {}, \"id\": ID}\n"                                                                                       \
  }

static gboolean peer_write(Peer *peer, const char *text, gsize length) {
  while (length > 0) {
    gssize n = send(peer->fd, text, length, MSG_NOSIGNAL);
    if (n <= 0)
      return FALSE;
    text += n;
    length -= (gsize)n;
  }
  return TRUE;
}

static gboolean peer_read_line(Peer *peer) {
  g_string_truncate(peer->line, 0);
  char c = 0;
  while (read(peer->fd, &c, 1) == 1 && c != '\n')
    g_string_append_c(peer->line, c);
  return c == '\n';
}

static gboolean peer_answer(Peer *peer, const char *text) {
  if (!peer_read_line(peer))
    return FALSE;
  const char *id = strstr(peer->line->str, "\"id\":");
  g_assert_nonnull(id);
  g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, g_ascii_strtoull(id + 5, NULL, 10));
  g_autoptr(GString) said = g_string_new(text);
  g_string_replace(said, "ID", number, 0);
  return peer_write(peer, said->str, said->len);
}

static gboolean peer_flood(Peer *peer, guint bytes) {
  g_autofree char *block = g_malloc(1 << 20);
  memset(block, 'x', 1 << 20);
  for (guint sent = 0; sent < bytes; sent += 1 << 20) {
    if (!peer_write(peer, block, 1 << 20))
      return FALSE;
  }
  return TRUE;
}

static gpointer peer_run(gpointer data) {
  Peer *peer = data;
  gboolean listening = TRUE;
  for (const Step *step = peer->steps; listening && step->act != END; step++) {
    if (step->act == SAY)
      listening = peer_write(peer, step->text, strlen(step->text));
    else if (step->act == HEAR)
      g_assert_true(peer_read_line(peer) && strstr(peer->line->str, step->text) != NULL);
    else if (step->act == ANSWER)
      listening = peer_answer(peer, step->text);
    else if (step->act == WAIT)
      g_usleep(step->number * 1000ul);
    else
      listening = peer_flood(peer, step->number);
  }
  shutdown(peer->fd, SHUT_RDWR);
  return NULL;
}

static int peer_start(Peer *peer, const Step *steps) {
  int ends[2];
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  peer->fd = ends[1];
  peer->steps = steps;
  peer->line = g_string_new(NULL);
  peer->thread = g_thread_new("peer", peer_run, peer);
  return ends[0];
}

static void peer_end(Peer *peer) {
  g_thread_join(peer->thread);
  close(peer->fd);
  g_string_free(peer->line, TRUE);
}

static BerthQmp *client_new(Peer *peer, const Step *steps, guint timeout_ms, GError **error) {
  return berth_qmp_new(peer_start(peer, steps), "QEMU", timeout_ms, error);
}

/* A client that negotiated with a peer that goes on with @steps. */
static BerthQmp *client_ready(Peer *peer, const Step *steps) {
  g_autoptr(GError) error = NULL;
  BerthQmp *qmp = client_new(peer, steps, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_nonnull(qmp);
  return qmp;
}

static void assert_failed(const GError *error, const char *part) {
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  if (strstr(error->message, part) == NULL)
    g_error("\"%s\" does not say \"%s\"", error->message, part);
  g_assert_null(strchr(error->message, '\n'));
}

/* --- connecting ------------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *name;
  Step steps[4];
  guint timeout_ms;
  const char *message;
} BadStart;

static const BadStart bad_starts[] = {
    {"closes-at-once", {{END}}, LONG_MS, "closed the connection before it greeted"},
    {"closes-in-greeting", {{SAY, "{\"QMP\": {"}, {END}}, LONG_MS, "closed the connection before it greeted"},
    {"closes-after-greeting", {{SAY, GREETING}, {END}}, LONG_MS, "closed the connection"},
    {"closes-after-capabilities", {{SAY, GREETING}, {HEAR, "qmp_capabilities"}, {END}}, LONG_MS, "closed the connection"},
    {"never-greets", {{WAIT, NULL, SHORT_MS * 2}, {END}}, SHORT_MS, "did not greet within 0.2 s"},
    {"never-negotiates", {{SAY, GREETING}, {WAIT, NULL, SHORT_MS * 2}, {END}}, SHORT_MS, "did not answer within"},
    {"greets-with-garbage", {{SAY, "SSH-2.0-OpenSSH\r\n"}, {END}}, LONG_MS, "sent a line that is not JSON"},
    {"greets-with-array", {{SAY, "[1, 2]\n"}, {END}}, LONG_MS, "sent a line that is not a JSON object"},
    {"greets-with-number", {{SAY, "7\n"}, {END}}, LONG_MS, "sent a line that is not a JSON object"},
    {"greets-with-nothing", {{SAY, "\n"}, {END}}, LONG_MS, "sent a line that is not JSON"},
    {"greets-with-other-object", {{SAY, "{\"hello\": 1}\n"}, {END}}, LONG_MS, "neither greeting, event nor reply"},
    {"greets-with-bad-utf8", {{SAY, "{\"QMP\": {\"x\": \"\xff\xfe\"}}\n"}, {END}}, LONG_MS, "sent a line that is not UTF-8"},
    {"greets-twice", {{SAY, GREETING GREETING}, {END}}, LONG_MS, "second greeting"},
    {"refuses-capabilities",
     {{SAY, GREETING}, {ANSWER, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not\\ntoday\"}, \"id\": ID}\n"}, {END}},
     LONG_MS,
     "QEMU: not today"},
};

/* Whatever is offered: QEMU needs longer for commands of a client that may send some out of band. */
static void test_capabilities(void) {
  static const char *const greetings[] = {GREETING, "{\"QMP\": {\"capabilities\": [7, \"other\", \"oob\"]}}\n",
                                          "{\"QMP\": {\"capabilities\": {\"oob\": 1}}}\n"};
  for (gsize i = 0; i < G_N_ELEMENTS(greetings); i++) {
    const Step steps[] = {
        {SAY, greetings[i]}, {HEAR, "{\"execute\":\"qmp_capabilities\",\"id\":0}"}, {SAY, "{\"return\": {}, \"id\": 0}\n"}, {END}};
    Peer peer;
    berth_qmp_free(client_ready(&peer, steps));
    peer_end(&peer);
  }
}

/* Of those who are late to greet, one can do something else meanwhile. */
static void test_capabilities_before_greeting(void) {
  static const Step steps[] = {
      {HEAR, "qmp_capabilities"}, {WAIT, NULL, 20}, {SAY, GREETING}, {SAY, "{\"return\": {}, \"id\": 0}\n"}, {END}};
  Peer peer;
  berth_qmp_free(client_ready(&peer, steps));
  peer_end(&peer);
}

static void test_bad_start(gconstpointer data) {
  const BadStart *bad = data;
  Peer peer;
  g_autoptr(GError) error = NULL;
  BerthQmp *qmp = client_new(&peer, bad->steps, bad->timeout_ms, &error);
  g_assert_null(qmp);
  assert_failed(error, bad->message);
  peer_end(&peer);
}

static void test_no_socket(void) {
  g_autoptr(GError) error = NULL;
  g_assert_null(berth_qmp_connect("/nonexistent/qmp", SHORT_MS, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_clear_error(&error);
  g_autofree char *name = g_strnfill(200, 'x');
  g_autofree char *path = g_build_filename("/tmp", name, NULL);
  g_assert_null(berth_qmp_connect(path, SHORT_MS, &error));
  assert_failed(error, "107 bytes at most");
}

/* The first to connect is greeted by nobody; the second fills the backlog; the third must not hang. */
static void test_busy_socket(void) {
  g_autofree char *dir = g_dir_make_tmp("berth-qmp-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "s", NULL);
  g_autoptr(GSocket) listener = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
  g_socket_set_listen_backlog(listener, 0);
  g_assert_true(g_socket_bind(listener, address, FALSE, NULL) && g_socket_listen(listener, NULL));
  g_autoptr(GSocketClient) other = g_socket_client_new();
  g_autoptr(GSocketConnection) first = g_socket_client_connect(other, G_SOCKET_CONNECTABLE(address), NULL, NULL);
  g_assert_nonnull(first);
  g_autoptr(GError) error = NULL;
  gint64 before = g_get_monotonic_time();
  g_assert_null(berth_qmp_connect(path, SHORT_MS, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_assert_cmpint(g_get_monotonic_time() - before, <, 5 * G_USEC_PER_SEC);
  unlink(path);
  rmdir(dir);
}

/* --- commands --------------------------------------------------------------------------------------------------------- */

static void test_command(void) {
  static const Step steps[] = {NEGOTIATE, {ANSWER, "{\"id\": ID, \"return\": {\"status\": \"running\"}}\r\n"}, {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_autoptr(json_object) args = json_object_new_object();
  berth_json_set_string(args, "path", "/machine \"quoted\"\n");
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "qom-get", args, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(berth_json_member_string(answer, "status"), ==, "running");
  peer_end(&peer);
}

static void test_refusals(void) {
  static const Step steps[] = {
      NEGOTIATE,
      {ANSWER, "{\"id\": ID, \"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no such command\"}}\n"},
      {ANSWER, "{\"id\": ID, \"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' not found\"}}\n"},
      {ANSWER, "{\"id\": ID, \"error\": {\"class\": \"GenericError\", \"desc\": \"\\u001b[31mred\"}}\n"},
      {ANSWER, "{\"id\": ID, \"error\": {}}\n"},
      {ANSWER, "{\"id\": ID, \"return\": 5}\n"},
      {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_assert_null(berth_qmp_execute(qmp, "a", NULL, LONG_MS, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED);
  g_clear_error(&error);
  g_assert_null(berth_qmp_execute(qmp, "b", NULL, LONG_MS, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_assert_cmpstr(error->message, ==, "QEMU: Device 'x' not found");
  g_clear_error(&error);
  g_assert_null(berth_qmp_execute(qmp, "c", NULL, LONG_MS, &error));
  g_assert_cmpstr(error->message, ==, "QEMU:  [31mred");
  g_clear_error(&error);
  g_assert_null(berth_qmp_execute(qmp, "d", NULL, LONG_MS, &error));
  assert_failed(error, "QEMU: refused without a reason");
  g_clear_error(&error);
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "e", NULL, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpint(json_object_get_int64(answer), ==, 5);
  peer_end(&peer);
}

static void test_events_before_reply(void) {
  static const Step steps[] = {NEGOTIATE,
                               {SAY, "{\"event\": \"STOP\", \"timestamp\": {}}\n{\"event\": \"RES"},
                               {WAIT, NULL, 20},
                               {SAY, "UME\", \"data\": {\"n\": 1}}\n"},
                               {ANSWER, "{\"event\": \"SHUTDOWN\"}\n{\"id\": ID, \"return\": 1}\n"},
                               {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "cont", NULL, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpint(json_object_get_int64(answer), ==, 1);
  static const char *const names[] = {"STOP", "RESUME", "SHUTDOWN"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_assert_true(berth_qmp_has_event(qmp));
    g_autoptr(json_object) event = berth_qmp_event(qmp, LONG_MS, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(berth_json_member_string(event, "event"), ==, names[i]);
  }
  g_assert_false(berth_qmp_has_event(qmp));
  g_assert_null(berth_qmp_event(qmp, LONG_MS, &error));
  assert_failed(error, "closed the connection");
  g_assert_nonnull(berth_qmp_broken(qmp));
  peer_end(&peer);
}

static void test_no_event(void) {
  static const Step steps[] = {NEGOTIATE, {WAIT, NULL, SHORT_MS * 2}, {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_assert_null(berth_qmp_event(qmp, SHORT_MS, &error));
  assert_failed(error, "sent no event");
  g_assert_null(berth_qmp_broken(qmp));
  peer_end(&peer);
}

static void test_late_reply(void) {
  static const Step steps[] = {NEGOTIATE,
                               {HEAR, "slow"},
                               {WAIT, NULL, SHORT_MS * 2},
                               {SAY, "{\"id\": 1, \"return\": \"late\"}\n"},
                               {ANSWER, "{\"id\": ID, \"return\": \"in time\"}\n"},
                               {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_assert_null(berth_qmp_execute(qmp, "slow", NULL, SHORT_MS, &error));
  assert_failed(error, "did not answer within 0.2 s");
  g_assert_null(berth_qmp_broken(qmp));
  g_clear_error(&error);
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "fast", NULL, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(berth_json_string(answer), ==, "in time");
  peer_end(&peer);
}

static void test_many_on_the_way(void) {
  static const Step steps[] = {NEGOTIATE,
                               {ANSWER, "{\"id\": ID, \"return\": 10}\n"},
                               {ANSWER, "{\"id\": ID, \"error\": {\"desc\": \"no\"}}\n"},
                               {ANSWER, "{\"id\": ID, \"return\": 30}\n"},
                               {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  guint64 ids[3];
  for (gsize i = 0; i < 3; i++)
    ids[i] = berth_qmp_send(qmp, "x", NULL);
  g_autoptr(json_object) third = berth_qmp_receive(qmp, ids[2], LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpint(json_object_get_int64(third), ==, 30);
  g_autoptr(json_object) first = berth_qmp_receive(qmp, ids[0], 0, &error);
  g_assert_no_error(error);
  g_assert_cmpint(json_object_get_int64(first), ==, 10);
  g_assert_null(berth_qmp_receive(qmp, ids[1], 0, &error));
  assert_failed(error, "QEMU: no");
  peer_end(&peer);
}

typedef struct {
  const char *name;
  const char *reply; /* to the first command */
  const char *message;
} BadReply;

static const BadReply bad_replies[] = {
    {"closes", "", "closed the connection"},
    {"half-a-line", "{\"return\": {}, ", "closed the connection"},
    {"not-json", "hello\n", "not JSON"},
    {"half-json", "{\"return\": {}, \"id\": ID\n", "not JSON"},
    {"not-object", "\"return\"\n", "not a JSON object"},
    {"wrong-id", "{\"return\": {}, \"id\": 99}\n", "never given"},
    {"negative-id", "{\"return\": {}, \"id\": -1}\n", "without id"},
    {"string-id", "{\"return\": {}, \"id\": \"ID\"}\n", "without id"},
    {"no-id", "{\"return\": {}}\n", "without id"},
    {"error-without-id", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\n", "QEMU: JSON parse error"},
    {"error-is-a-string", "{\"error\": \"no\", \"id\": ID}\n", "neither greeting, event nor reply"},
    {"event-is-a-number", "{\"event\": 5}\n", "neither greeting, event nor reply"},
};

static void test_bad_reply(gconstpointer data) {
  const BadReply *bad = data;
  const Step steps[] = {NEGOTIATE, {ANSWER, bad->reply}, {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_assert_null(berth_qmp_execute(qmp, "query-status", NULL, LONG_MS, &error));
  assert_failed(error, bad->message);
  /* It stays dead, for the same reason. */
  g_autoptr(GError) again = NULL;
  g_assert_null(berth_qmp_execute(qmp, "query-status", NULL, LONG_MS, &again));
  g_assert_cmpstr(again->message, ==, error->message);
  peer_end(&peer);
}

static void test_huge_line(void) {
  static const Step steps[] = {NEGOTIATE, {FLOOD, NULL, BERTH_QMP_MAX_LINE + (2u << 20)}, {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_assert_null(berth_qmp_execute(qmp, "query-status", NULL, 60000, &error));
  assert_failed(error, "above the limit of 64 MiB");
  g_clear_pointer(&qmp, berth_qmp_free);
  peer_end(&peer);
}

static void test_deep_line(void) {
  g_autofree char *open = g_strnfill(1000000, '[');
  g_autofree char *line = g_strconcat("{\"return\": ", open, "\n", NULL);
  const Step steps[] = {NEGOTIATE, {HEAR, "x"}, {SAY, line}, {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_assert_null(berth_qmp_execute(qmp, "x", NULL, LONG_MS, &error));
  assert_failed(error, "nested deeper than 128");
  g_clear_pointer(&qmp, berth_qmp_free);
  peer_end(&peer);
}

static void test_events_are_bounded(void) {
  g_autoptr(GString) events = g_string_new(NULL);
  for (guint i = 0; i < BERTH_QMP_MAX_EVENTS + 10; i++)
    g_string_append_printf(events, "{\"event\": \"E%u\"}\n", i);
  const Step steps[] = {NEGOTIATE, {SAY, events->str}, {ANSWER, "{\"id\": ID, \"return\": 1}\n"}, {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "x", NULL, LONG_MS, &error);
  g_assert_no_error(error);
  g_autoptr(json_object) event = berth_qmp_event(qmp, 0, &error);
  g_assert_cmpstr(berth_json_member_string(event, "event"), ==, "E10");
  peer_end(&peer);
}

/* --- the supervisor's side -------------------------------------------------------------------------------------------- */

typedef struct {
  GMainLoop *loop;
  GString *seen;
  BerthQmp *qmp;
  gboolean free_at_first;
} Log;

static void on_event(BerthQmp *qmp, const char *event, json_object *data, gpointer user_data) {
  Log *log = user_data;
  g_string_append_printf(log->seen, "%s(%d) ", event, data != NULL ? (int)berth_json_member_int(data, "n", 0) : -1);
  if (log->free_at_first) {
    g_assert_true(qmp == log->qmp);
    berth_qmp_free(g_steal_pointer(&log->qmp));
    g_main_loop_quit(log->loop);
  }
}

static void on_close(BerthQmp *qmp, const GError *why, gpointer user_data) {
  Log *log = user_data;
  g_assert_true(berth_qmp_broken(qmp) == why);
  g_string_append(log->seen, "closed");
  g_main_loop_quit(log->loop);
}

static void watch_script(const Step *steps, gboolean command, gboolean free_at_first, const char *expected) {
  Peer peer;
  g_autoptr(GMainContext) context = g_main_context_new();
  g_autoptr(GMainLoop) loop = g_main_loop_new(context, FALSE);
  g_autoptr(GString) seen = g_string_new(NULL);
  Log log = {.loop = loop, .seen = seen, .qmp = client_ready(&peer, steps), .free_at_first = free_at_first};
  berth_qmp_watch(log.qmp, context, on_event, on_close, &log);
  if (command) {
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) answer = berth_qmp_execute(log.qmp, "x", NULL, LONG_MS, &error);
    g_assert_no_error(error);
    /* Nothing is delivered behind the caller's back. */
    g_assert_cmpstr(seen->str, ==, "");
  }
  g_main_loop_run(loop);
  g_assert_cmpstr(seen->str, ==, expected);
  berth_qmp_free(log.qmp);
  peer_end(&peer);
}

static void test_watch(void) {
  static const Step steps[] = {
      NEGOTIATE, {SAY, "{\"event\": \"A\", \"data\": {\"n\": 1}}\n"}, {WAIT, NULL, 20}, {SAY, "{\"event\": \"B\"}\n"}, {END}};
  watch_script(steps, FALSE, FALSE, "A(1) B(-1) closed");
}

static void test_watch_and_command(void) {
  static const Step steps[] = {NEGOTIATE, {ANSWER, "{\"event\": \"A\"}\n{\"id\": ID, \"return\": 1}\n{\"event\": \"B\"}\n"}, {END}};
  watch_script(steps, TRUE, FALSE, "A(-1) B(-1) closed");
}

static void test_watch_frees(void) {
  static const Step steps[] = {NEGOTIATE, {SAY, "{\"event\": \"A\"}\n{\"event\": \"B\"}\n"}, {END}};
  watch_script(steps, FALSE, TRUE, "A(-1) ");
}

static void test_watch_garbage(void) {
  static const Step steps[] = {NEGOTIATE, {SAY, "garbage\n{\"event\": \"B\"}\n"}, {END}};
  watch_script(steps, FALSE, FALSE, "closed");
}

/* --- a process that begins anew ---------------------------------------------------------------------------------------- */

/* What came is fetched, or it is not handed over; what comes after that is the next client's. */
static void test_goes_on(void) {
  const Step steps[] = {NEGOTIATE,
                        {ANSWER, "{\"event\": \"A\"}\n{\"id\": ID, \"return\": 1}\n"},
                        {ANSWER, "{\"event\": \"B\"}\n{\"id\": ID, \"return\": 2}\n"},
                        {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  guint64 id = berth_qmp_send(qmp, "x", NULL);
  g_assert_cmpint(berth_qmp_descriptor(qmp), ==, -1);
  g_autoptr(json_object) answer = berth_qmp_receive(qmp, id, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpint(berth_qmp_descriptor(qmp), ==, -1);
  g_autoptr(json_object) event = berth_qmp_event(qmp, 0, &error);
  g_assert_cmpstr(berth_json_member_string(event, "event"), ==, "A");
  int fd = dup(berth_qmp_descriptor(qmp));
  g_assert_cmpint(fd, >=, 0);
  g_clear_pointer(&qmp, berth_qmp_free);
  g_autoptr(BerthQmp) next = berth_qmp_go_on(fd, "QEMU");
  g_autoptr(json_object) last = berth_qmp_execute(next, "x", NULL, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpint(json_object_get_int(last), ==, 2);
  g_autoptr(json_object) other = berth_qmp_event(next, 0, &error);
  g_assert_cmpstr(berth_json_member_string(other, "event"), ==, "B");
  peer_end(&peer);
}

/* A reply that may still come would be one to nothing. */
static void test_late_is_not_handed_over(void) {
  const Step steps[] = {NEGOTIATE, {HEAR, "x"}, {WAIT, NULL, SHORT_MS}, {END}};
  Peer peer;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = client_ready(&peer, steps);
  g_assert_cmpint(berth_qmp_descriptor(qmp), >=, 0);
  g_assert_null(berth_qmp_execute(qmp, "x", NULL, 1, &error));
  g_assert_cmpint(berth_qmp_descriptor(qmp), ==, -1);
  g_clear_pointer(&qmp, berth_qmp_free);
  peer_end(&peer);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(bad_starts); i++) {
    g_autofree char *path = g_strconcat("/qmp/start/", bad_starts[i].name, NULL);
    g_test_add_data_func(path, &bad_starts[i], test_bad_start);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bad_replies); i++) {
    g_autofree char *path = g_strconcat("/qmp/reply/", bad_replies[i].name, NULL);
    g_test_add_data_func(path, &bad_replies[i], test_bad_reply);
  }
  g_test_add_func("/qmp/start/no-socket", test_no_socket);
  g_test_add_func("/qmp/start/busy-socket", test_busy_socket);
  g_test_add_func("/qmp/start/capabilities", test_capabilities);
  g_test_add_func("/qmp/start/capabilities-before-greeting", test_capabilities_before_greeting);
  g_test_add_func("/qmp/command/is-answered", test_command);
  g_test_add_func("/qmp/command/refusals-have-codes", test_refusals);
  g_test_add_func("/qmp/command/events-come-before-the-reply", test_events_before_reply);
  g_test_add_func("/qmp/command/late-reply-is-thrown-away", test_late_reply);
  g_test_add_func("/qmp/command/many-on-the-way", test_many_on_the_way);
  g_test_add_func("/qmp/command/huge-line-is-refused", test_huge_line);
  g_test_add_func("/qmp/command/deep-line-is-refused", test_deep_line);
  g_test_add_func("/qmp/event/none-in-time", test_no_event);
  g_test_add_func("/qmp/event/queue-is-bounded", test_events_are_bounded);
  g_test_add_func("/qmp/watch/delivers-in-order-and-the-end", test_watch);
  g_test_add_func("/qmp/watch/waits-for-the-context", test_watch_and_command);
  g_test_add_func("/qmp/watch/callback-may-free", test_watch_frees);
  g_test_add_func("/qmp/watch/garbage-is-the-end", test_watch_garbage);
  g_test_add_func("/qmp/anew/goes-on", test_goes_on);
  g_test_add_func("/qmp/anew/late-reply-is-not-handed-over", test_late_is_not_handed_over);
  return g_test_run();
}
