/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/client.h"

#include <gio/gunixfdmessage.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/un.h>

#include "qmp/message.h"

#define READ_CHUNK 65536
#define MAX_SOCKET_PATH (sizeof((struct sockaddr_un *)NULL)->sun_path)
/* How long a full backlog of a listening socket is waited for between two attempts. */
#define CONNECT_PAUSE_US 10000

/* What is left of a whole number of seconds is shown as that number. */
#define TENTHS(ms) (((ms) + 50) / 100)

typedef struct {
  GMainContext *context;
  GSource *input, *idle;
  BerthQmpEventFunc on_event;
  BerthQmpCloseFunc on_close;
  gpointer user_data;
} Watch;

/* Lives in a GRcBox: a callback may free the client that calls it. */
struct BerthQmp {
  GIOStream *stream;
  GSocket *socket; /* the stream's */
  GPollableInputStream *in;
  GPollableOutputStream *out;
  char *name;
  GByteArray *received; /* no complete line yet but for what `scanned` has not seen */
  gsize scanned;        /* bytes of `received` known to hold no newline */
  GByteArray *unsent;
  GQueue events;        /* JsonObject */
  GHashTable *expected; /* id -> JsonObject reply, NULL while it is on its way */
  guint64 next_id;
  gboolean negotiated;
  gboolean greeted;
  gboolean reads_ahead; /* QEMU can take commands while it carries one out */
  gboolean unsure;
  GError *broken;
  Watch *watch;
};

/* --- the stream ------------------------------------------------------------------------------------------------------- */

static void schedule_delivery(BerthQmp *qmp);

/* The first cause stays; what is on its way will never come. */
static gboolean break_off(BerthQmp *qmp, GError *cause) {
  if (qmp->broken == NULL) {
    qmp->broken = cause;
    g_byte_array_set_size(qmp->received, 0);
    g_byte_array_set_size(qmp->unsent, 0);
    schedule_delivery(qmp);
  } else {
    g_error_free(cause);
  }
  return FALSE;
}

static gboolean break_off_with(BerthQmp *qmp, const char *what) {
  return break_off(qmp, g_error_new(BERTH_ERROR, BERTH_ERROR_FAILED, "%s %s", qmp->name, what));
}

static gboolean accept_reply(BerthQmp *qmp, JsonObject *message) {
  guint64 id = 0;
  if (!berth_qmp_message_id(message, &id)) {
    /* QEMU answers without id when it could not even parse what it was sent. */
    g_autoptr(GError) why = berth_qmp_message_error(message);
    return why != NULL ? break_off(qmp, g_steal_pointer(&why)) : break_off_with(qmp, "sent a reply without id");
  }
  /* QEMU also tells a new client what became of the last command of one that went away without waiting. */
  if (!qmp->negotiated && id >= qmp->next_id)
    return TRUE;
  if (id >= qmp->next_id)
    return break_off_with(qmp, "sent a reply to a command that was never given");
  gpointer before = NULL;
  /* Unexpected but once given: it ran into its time limit. */
  if (g_hash_table_lookup_extended(qmp->expected, &id, NULL, &before) && before == NULL) {
    guint64 *key = g_new(guint64, 1);
    *key = id;
    g_hash_table_replace(qmp->expected, key, json_object_ref(message));
  }
  return TRUE;
}

static void accept_event(BerthQmp *qmp, JsonObject *message) {
  if (g_queue_get_length(&qmp->events) >= BERTH_QMP_MAX_EVENTS)
    json_object_unref(g_queue_pop_head(&qmp->events));
  g_queue_push_tail(&qmp->events, json_object_ref(message));
  schedule_delivery(qmp);
}

static gboolean accept_line(BerthQmp *qmp, const char *line, gsize length) {
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) message = berth_qmp_message_parse(line, length, &error);
  if (message == NULL) {
    g_prefix_error(&error, "%s ", qmp->name);
    return break_off(qmp, g_steal_pointer(&error));
  }
  switch (berth_qmp_message_form(message)) {
  case BERTH_QMP_GREETING:
    if (qmp->greeted)
      return break_off_with(qmp, "sent a second greeting");
    qmp->greeted = TRUE;
    qmp->reads_ahead = berth_qmp_message_offers(message, "oob");
    return TRUE;
  case BERTH_QMP_EVENT:
    accept_event(qmp, message);
    return TRUE;
  case BERTH_QMP_REPLY:
    return accept_reply(qmp, message);
  default:
    return break_off_with(qmp, "sent an object that is neither greeting, event nor reply");
  }
}

/* Takes all complete lines out of the buffer. */
static gboolean take_lines(BerthQmp *qmp) {
  gsize start = 0;
  const guint8 *newline = NULL;
  while (qmp->broken == NULL && (newline = memchr(qmp->received->data + qmp->scanned, '\n', qmp->received->len - qmp->scanned))) {
    gsize end = (gsize)(newline - qmp->received->data);
    qmp->scanned = end + 1;
    if (end - start > BERTH_QMP_MAX_LINE)
      return break_off_with(qmp, "sent a line above the limit of 64 MiB");
    accept_line(qmp, (const char *)qmp->received->data + start, end - start);
    start = end + 1;
  }
  if (qmp->broken != NULL)
    return FALSE;
  g_byte_array_remove_range(qmp->received, 0, (guint)start);
  qmp->scanned = qmp->received->len;
  if (qmp->received->len > BERTH_QMP_MAX_LINE)
    return break_off_with(qmp, "sent a line above the limit of 64 MiB");
  return TRUE;
}

/* Reads once, without blocking. TRUE also when there is nothing to read. */
static gboolean read_some(BerthQmp *qmp) {
  g_autoptr(GError) error = NULL;
  guint8 chunk[READ_CHUNK];
  gssize n = g_pollable_input_stream_read_nonblocking(qmp->in, chunk, sizeof chunk, NULL, &error);
  if (n > 0) {
    g_byte_array_append(qmp->received, chunk, (guint)n);
    return take_lines(qmp);
  }
  if (n == 0 || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
    return break_off_with(qmp, qmp->greeted ? "closed the connection" : "closed the connection before it greeted");
  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return TRUE;
  return break_off(qmp, g_error_new(BERTH_ERROR, BERTH_ERROR_FAILED, "%s cannot be read: %s", qmp->name, error->message));
}

static gboolean write_some(BerthQmp *qmp) {
  g_autoptr(GError) error = NULL;
  gssize n = g_pollable_output_stream_write_nonblocking(qmp->out, qmp->unsent->data, qmp->unsent->len, NULL, &error);
  if (n > 0)
    g_byte_array_remove_range(qmp->unsent, 0, (guint)n);
  if (n >= 0 || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return TRUE;
  /* What the other side said before it hung up tells more than a broken pipe. */
  while (qmp->broken == NULL && g_pollable_input_stream_is_readable(qmp->in))
    read_some(qmp);
  return qmp->broken == NULL ? break_off(qmp, g_error_new(BERTH_ERROR, BERTH_ERROR_FAILED, "%s cannot be written to: %s", qmp->name,
                                                          error->message))
                             : FALSE;
}

/* --- waiting ---------------------------------------------------------------------------------------------------------- */

/* Nothing of the caller's runs meanwhile, as it would in a main context. */
static void wait_for_stream(BerthQmp *qmp, gint64 until) {
  GIOCondition what = G_IO_IN | (qmp->unsent->len > 0 ? G_IO_OUT : 0);
  g_socket_condition_timed_wait(qmp->socket, what, MAX(0, until - g_get_monotonic_time()), NULL, NULL);
}

/* Moves what can be moved; sleeps until @until if nothing can. FALSE: broken. */
static gboolean pump(BerthQmp *qmp, gint64 until) {
  if (qmp->broken != NULL)
    return FALSE;
  if (qmp->unsent->len > 0 && !write_some(qmp))
    return FALSE;
  wait_for_stream(qmp, until);
  return read_some(qmp);
}

static gint64 deadline(guint timeout_ms) {
  return g_get_monotonic_time() + (gint64)timeout_ms * 1000;
}

static void propagate_broken(const BerthQmp *qmp, GError **error) {
  if (error != NULL)
    *error = g_error_copy(qmp->broken);
}

/* --- commands --------------------------------------------------------------------------------------------------------- */

guint64 berth_qmp_send(BerthQmp *qmp, const char *command, JsonObject *args) {
  guint64 *id = g_new(guint64, 1);
  guint64 sent = *id = qmp->next_id++;
  g_hash_table_insert(qmp->expected, id, NULL);
  if (qmp->broken != NULL)
    return sent;
  g_autofree char *line = berth_qmp_message_command(command, args, sent);
  g_byte_array_append(qmp->unsent, (const guint8 *)line, (guint)strlen(line));
  write_some(qmp);
  return sent;
}

/* The reply to @id, waiting for it; NULL: broken or time limit, told in @error. (transfer full) */
static JsonObject *await_reply(BerthQmp *qmp, guint64 id, guint timeout_ms, GError **error) {
  gint64 until = deadline(timeout_ms);
  gboolean going_on = TRUE;
  while (going_on && g_hash_table_lookup(qmp->expected, &id) == NULL)
    going_on = pump(qmp, until) && g_get_monotonic_time() < until;
  /* It may have come with the very piece of the stream that broke it. */
  JsonObject *reply = g_hash_table_lookup(qmp->expected, &id);
  qmp->unsure |= reply == NULL;
  if (reply != NULL)
    json_object_ref(reply);
  else if (qmp->broken != NULL)
    propagate_broken(qmp, error);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s did not answer within %u.%u s", qmp->name, TENTHS(timeout_ms) / 10,
                TENTHS(timeout_ms) % 10);
  g_hash_table_remove(qmp->expected, &id);
  return reply;
}

JsonNode *berth_qmp_receive(BerthQmp *qmp, guint64 id, guint timeout_ms, GError **error) {
  g_return_val_if_fail(g_hash_table_contains(qmp->expected, &id), NULL);
  g_autoptr(JsonObject) reply = await_reply(qmp, id, timeout_ms, error);
  if (reply == NULL)
    return NULL;
  GError *refusal = berth_qmp_message_error(reply);
  if (refusal != NULL) {
    g_propagate_error(error, refusal);
    return NULL;
  }
  return json_node_copy(json_object_get_member(reply, "return"));
}

JsonNode *berth_qmp_execute(BerthQmp *qmp, const char *command, JsonObject *args, guint timeout_ms, GError **error) {
  return berth_qmp_receive(qmp, berth_qmp_send(qmp, command, args), timeout_ms, error);
}

/* All of what is written before must be out: the descriptor goes with these very bytes. */
static gboolean write_with_fd(BerthQmp *qmp, const char *line, int fd, gint64 until, GError **error) {
  while (qmp->unsent->len > 0 && pump(qmp, until) && g_get_monotonic_time() < until)
    ;
  if (qmp->broken != NULL) {
    propagate_broken(qmp, error);
    return FALSE;
  }
  g_autoptr(GSocketControlMessage) message = g_unix_fd_message_new();
  GOutputVector vector = {.buffer = line, .size = strlen(line)};
  if (qmp->unsent->len > 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s takes no descriptor now", qmp->name);
    return FALSE;
  }
  return g_unix_fd_message_append_fd(G_UNIX_FD_MESSAGE(message), fd, error) &&
         g_socket_send_message(qmp->socket, NULL, &vector, 1, &message, 1, 0, NULL, error) == (gssize)vector.size;
}

JsonNode *berth_qmp_execute_fd(BerthQmp *qmp, int fd, const char *command, JsonObject *args, guint timeout_ms, GError **error) {
  guint64 *id = g_new(guint64, 1);
  guint64 sent = *id = qmp->next_id++;
  g_autofree char *line = berth_qmp_message_command(command, args, sent);
  if (!write_with_fd(qmp, line, fd, deadline(timeout_ms), error)) {
    g_free(id);
    return NULL;
  }
  g_hash_table_insert(qmp->expected, id, NULL);
  return berth_qmp_receive(qmp, sent, timeout_ms, error);
}

JsonObject *berth_qmp_event(BerthQmp *qmp, guint timeout_ms, GError **error) {
  gint64 until = deadline(timeout_ms);
  while (g_queue_is_empty(&qmp->events) && pump(qmp, until) && g_get_monotonic_time() < until)
    ;
  if (!g_queue_is_empty(&qmp->events))
    return g_queue_pop_head(&qmp->events);
  if (qmp->broken != NULL)
    propagate_broken(qmp, error);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s sent no event", qmp->name);
  return NULL;
}

const GError *berth_qmp_broken(const BerthQmp *qmp) {
  return qmp->broken;
}

gboolean berth_qmp_unsure(const BerthQmp *qmp) {
  return qmp->unsure;
}

/* --- delivery from the caller's main context -------------------------------------------------------------------------- */

static void client_clear(gpointer data) {
  BerthQmp *qmp = data;
  g_io_stream_close(qmp->stream, NULL, NULL);
  g_object_unref(qmp->stream);
  g_byte_array_unref(qmp->received);
  g_byte_array_unref(qmp->unsent);
  g_queue_clear_full(&qmp->events, (GDestroyNotify)json_object_unref);
  g_hash_table_unref(qmp->expected);
  g_clear_error(&qmp->broken);
  g_free(qmp->name);
}

/* Hands over what is queued. A callback may end the watch, replace it, or free the client. */
static void deliver(BerthQmp *client) {
  BerthQmp *qmp = g_rc_box_acquire(client);
  const Watch *watch = qmp->watch;
  while (qmp->watch == watch && watch != NULL && !g_queue_is_empty(&qmp->events)) {
    g_autoptr(JsonObject) event = g_queue_pop_head(&qmp->events);
    watch->on_event(qmp, json_object_get_string_member(event, "event"), berth_qmp_message_data(event), watch->user_data);
  }
  if (qmp->watch == watch && watch != NULL && qmp->broken != NULL) {
    BerthQmpCloseFunc on_close = watch->on_close;
    gpointer user_data = watch->user_data;
    berth_qmp_watch(qmp, NULL, NULL, NULL, NULL);
    if (on_close != NULL)
      on_close(qmp, qmp->broken, user_data);
  }
  g_rc_box_release_full(qmp, client_clear);
}

static gboolean on_idle(gpointer data) {
  BerthQmp *qmp = data;
  g_clear_pointer(&qmp->watch->idle, g_source_unref);
  deliver(qmp);
  return G_SOURCE_REMOVE;
}

static gboolean on_input(GObject *pollable G_GNUC_UNUSED, gpointer data) {
  BerthQmp *qmp = data;
  read_some(qmp);
  return qmp->broken == NULL;
}

static void schedule_delivery(BerthQmp *qmp) {
  Watch *watch = qmp->watch;
  if (watch == NULL || watch->idle != NULL)
    return;
  watch->idle = g_idle_source_new();
  g_source_set_priority(watch->idle, G_PRIORITY_DEFAULT);
  g_source_set_callback(watch->idle, on_idle, qmp, NULL);
  g_source_attach(watch->idle, watch->context);
}

static void source_end(GSource *source) {
  if (source == NULL)
    return;
  g_source_destroy(source);
  g_source_unref(source);
}

static void watch_free(Watch *watch) {
  if (watch == NULL)
    return;
  source_end(watch->input);
  source_end(watch->idle);
  g_clear_pointer(&watch->context, g_main_context_unref);
  g_free(watch);
}

void berth_qmp_watch(BerthQmp *qmp, GMainContext *context, BerthQmpEventFunc on_event, BerthQmpCloseFunc on_close,
                     gpointer user_data) {
  watch_free(g_steal_pointer(&qmp->watch));
  if (on_event == NULL)
    return;
  Watch *watch = qmp->watch = g_new0(Watch, 1);
  watch->context = context != NULL ? g_main_context_ref(context) : NULL;
  watch->on_event = on_event;
  watch->on_close = on_close;
  watch->user_data = user_data;
  if (qmp->broken == NULL) {
    watch->input = g_pollable_input_stream_create_source(qmp->in, NULL);
    g_source_set_callback(watch->input, G_SOURCE_FUNC(on_input), qmp, NULL);
    g_source_attach(watch->input, context);
  }
  if (qmp->broken != NULL || !g_queue_is_empty(&qmp->events))
    schedule_delivery(qmp);
}

/* --- life ------------------------------------------------------------------------------------------------------------- */

void berth_qmp_free(BerthQmp *qmp) {
  if (qmp == NULL)
    return;
  watch_free(g_steal_pointer(&qmp->watch));
  g_rc_box_release_full(qmp, client_clear);
}

static void reply_free(gpointer reply) {
  if (reply != NULL)
    json_object_unref(reply);
}

/* No command is ever sent out of band. But only with that capability QEMU reads the next commands while it carries one out, which
 * halves the time that many take. */
static JsonObject *reading_ahead(void) {
  JsonObject *args = json_object_new();
  JsonArray *enable = json_array_new();
  json_array_add_string_element(enable, "oob");
  json_object_set_array_member(args, "enable", enable);
  return args;
}

static gboolean negotiate(BerthQmp *qmp, guint timeout_ms, GError **error) {
  gint64 until = deadline(timeout_ms);
  while (!qmp->greeted && pump(qmp, until) && g_get_monotonic_time() < until)
    ;
  if (qmp->broken != NULL) {
    propagate_broken(qmp, error);
    return FALSE;
  }
  if (!qmp->greeted) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s did not greet within %u.%u s: it hangs, or serves somebody else",
                qmp->name, TENTHS(timeout_ms) / 10, TENTHS(timeout_ms) % 10);
    return FALSE;
  }
  gint64 left = MAX(0, until - g_get_monotonic_time());
  g_autoptr(JsonObject) args = qmp->reads_ahead ? reading_ahead() : NULL;
  g_autoptr(JsonNode) done = berth_qmp_execute(qmp, "qmp_capabilities", args, (guint)(left / 1000), error);
  qmp->negotiated = done != NULL;
  return qmp->negotiated;
}

BerthQmp *berth_qmp_new(GIOStream *stream, const char *name, guint timeout_ms, GError **error) {
  GInputStream *in = g_io_stream_get_input_stream(stream);
  GOutputStream *out = g_io_stream_get_output_stream(stream);
  g_return_val_if_fail(G_IS_SOCKET_CONNECTION(stream), NULL);
  g_autoptr(BerthQmp) qmp = g_rc_box_new0(BerthQmp);
  qmp->stream = g_object_ref(stream);
  qmp->socket = g_socket_connection_get_socket(G_SOCKET_CONNECTION(stream));
  qmp->in = G_POLLABLE_INPUT_STREAM(in);
  qmp->out = G_POLLABLE_OUTPUT_STREAM(out);
  qmp->name = g_strdup(name);
  qmp->received = g_byte_array_new();
  qmp->unsent = g_byte_array_new();
  g_queue_init(&qmp->events);
  qmp->expected = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, reply_free);
  if (!negotiate(qmp, timeout_ms, error))
    return NULL;
  return g_steal_pointer(&qmp);
}

/* One attempt. NULL with G_IO_ERROR_WOULD_BLOCK: the backlog is full, try again. */
static GSocketConnection *connect_socket(const char *path, GError **error) {
  g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);
  if (socket == NULL)
    return NULL;
  g_socket_set_blocking(socket, FALSE);
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
  if (!g_socket_connect(socket, address, NULL, error))
    return NULL;
  return g_socket_connection_factory_create_connection(socket);
}

BerthQmp *berth_qmp_connect(const char *path, guint timeout_ms, GError **error) {
  /* GUnixSocketAddress cuts a longer path short without a word. */
  if (strlen(path) >= MAX_SOCKET_PATH) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: a socket's path may have %zu bytes at most", path,
                MAX_SOCKET_PATH - 1);
    return NULL;
  }
  gint64 until = deadline(timeout_ms);
  g_autoptr(GError) failure = NULL;
  g_autoptr(GSocketConnection) connection = connect_socket(path, &failure);
  while (
      connection == NULL && g_get_monotonic_time() < until &&
      (g_error_matches(failure, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) || g_error_matches(failure, G_IO_ERROR, G_IO_ERROR_PENDING))) {
    g_clear_error(&failure);
    g_usleep(CONNECT_PAUSE_US);
    connection = connect_socket(path, &failure);
  }
  if (connection == NULL) {
    gboolean absent = g_error_matches(failure, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ||
                      g_error_matches(failure, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
    g_set_error(error, BERTH_ERROR, absent ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_FAILED, "%s: %s", path, failure->message);
    return NULL;
  }
  gint64 left = MAX(0, until - g_get_monotonic_time());
  return berth_qmp_new(G_IO_STREAM(connection), "QEMU", (guint)(left / 1000), error);
}
