/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/client.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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
  int fd; /* a stream socket that does not block */
  char *name;
  GByteArray *received; /* no complete line yet but for what `scanned` has not seen */
  gsize scanned;        /* bytes of `received` known to hold no newline */
  GByteArray *unsent;
  GQueue events;        /* json_object */
  GHashTable *expected; /* id -> json_object reply, NULL while it is on its way */
  guint64 next_id;
  guint64 capabilities; /* the id of the first command */
  gint64 until;         /* when the negotiation must be over */
  guint timeout_ms;     /* the same, as the caller gave it */
  gboolean negotiated;
  gboolean greeted;
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

static gboolean accept_reply(BerthQmp *qmp, json_object *message) {
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
    g_hash_table_replace(qmp->expected, key, json_object_get(message));
  }
  return TRUE;
}

static void accept_event(BerthQmp *qmp, json_object *message) {
  if (g_queue_get_length(&qmp->events) >= BERTH_QMP_MAX_EVENTS)
    json_object_put(g_queue_pop_head(&qmp->events));
  g_queue_push_tail(&qmp->events, json_object_get(message));
  schedule_delivery(qmp);
}

static gboolean accept_line(BerthQmp *qmp, const char *line, gsize length) {
  g_autoptr(GError) error = NULL;
  g_autoptr(json_object) message = berth_qmp_message_parse(line, length, &error);
  if (message == NULL) {
    g_prefix_error(&error, "%s ", qmp->name);
    return break_off(qmp, g_steal_pointer(&error));
  }
  switch (berth_qmp_message_form(message)) {
  case BERTH_QMP_GREETING:
    if (qmp->greeted)
      return break_off_with(qmp, "sent a second greeting");
    qmp->greeted = TRUE;
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

static gboolean would_block(gssize n) {
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* Reads once, without blocking. TRUE also when there is nothing to read. */
static gboolean read_some(BerthQmp *qmp) {
  guint8 chunk[READ_CHUNK];
  gssize n = recv(qmp->fd, chunk, sizeof chunk, MSG_DONTWAIT);
  if (n > 0) {
    g_byte_array_append(qmp->received, chunk, (guint)n);
    return take_lines(qmp);
  }
  if (would_block(n))
    return TRUE;
  if (n == 0 || errno == ECONNRESET)
    return break_off_with(qmp, qmp->greeted ? "closed the connection" : "closed the connection before it greeted");
  return break_off(qmp, g_error_new(BERTH_ERROR, BERTH_ERROR_FAILED, "%s cannot be read: %s", qmp->name, g_strerror(errno)));
}

static gboolean write_some(BerthQmp *qmp) {
  gssize n = send(qmp->fd, qmp->unsent->data, qmp->unsent->len, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0)
    g_byte_array_remove_range(qmp->unsent, 0, (guint)n);
  if (n >= 0 || would_block(n))
    return TRUE;
  /* What the other side said before it hung up tells more than a broken pipe. */
  int failure = errno;
  struct pollfd input = {.fd = qmp->fd, .events = POLLIN};
  while (qmp->broken == NULL && poll(&input, 1, 0) > 0)
    read_some(qmp);
  return qmp->broken == NULL ? break_off(qmp, g_error_new(BERTH_ERROR, BERTH_ERROR_FAILED, "%s cannot be written to: %s", qmp->name,
                                                          g_strerror(failure)))
                             : FALSE;
}

/* --- waiting ---------------------------------------------------------------------------------------------------------- */

/* Nothing of the caller's runs meanwhile, as it would in a main context. */
static void wait_for_stream(BerthQmp *qmp, gint64 until) {
  struct pollfd stream = {.fd = qmp->fd, .events = (short)(POLLIN | (qmp->unsent->len > 0 ? POLLOUT : 0))};
  gint64 left = MAX(0, until - g_get_monotonic_time());
  const struct timespec limit = {.tv_sec = left / G_USEC_PER_SEC, .tv_nsec = left % G_USEC_PER_SEC * 1000};
  ppoll(&stream, 1, &limit, NULL);
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

guint64 berth_qmp_queue(BerthQmp *qmp, const char *command, json_object *args) {
  guint64 *id = g_new(guint64, 1);
  guint64 sent = *id = qmp->next_id++;
  g_hash_table_insert(qmp->expected, id, NULL);
  if (qmp->broken != NULL)
    return sent;
  g_autofree char *line = berth_qmp_message_command(command, args, sent);
  g_byte_array_append(qmp->unsent, (const guint8 *)line, (guint)strlen(line));
  return sent;
}

void berth_qmp_flush(BerthQmp *qmp) {
  if (qmp->broken == NULL && qmp->unsent->len > 0)
    write_some(qmp);
}

guint64 berth_qmp_send(BerthQmp *qmp, const char *command, json_object *args) {
  guint64 id = berth_qmp_queue(qmp, command, args);
  berth_qmp_flush(qmp);
  return id;
}

/* The reply to @id, waiting for it; NULL: broken or time limit, told in @error. (transfer full) */
static json_object *await_reply(BerthQmp *qmp, guint64 id, guint timeout_ms, GError **error) {
  gint64 until = deadline(timeout_ms);
  gboolean going_on = TRUE;
  while (going_on && g_hash_table_lookup(qmp->expected, &id) == NULL)
    going_on = pump(qmp, until) && g_get_monotonic_time() < until;
  /* It may have come with the very piece of the stream that broke it. */
  json_object *reply = g_hash_table_lookup(qmp->expected, &id);
  qmp->unsure |= reply == NULL;
  if (reply != NULL)
    json_object_get(reply);
  else if (qmp->broken != NULL)
    propagate_broken(qmp, error);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s did not answer within %u.%u s", qmp->name, TENTHS(timeout_ms) / 10,
                TENTHS(timeout_ms) % 10);
  g_hash_table_remove(qmp->expected, &id);
  return reply;
}

json_object *berth_qmp_receive(BerthQmp *qmp, guint64 id, guint timeout_ms, GError **error) {
  g_return_val_if_fail(g_hash_table_contains(qmp->expected, &id), NULL);
  g_autoptr(json_object) reply = await_reply(qmp, id, timeout_ms, error);
  if (reply == NULL)
    return NULL;
  GError *refusal = berth_qmp_message_error(reply);
  if (refusal != NULL) {
    g_propagate_error(error, refusal);
    return NULL;
  }
  json_object *answer = json_object_get(berth_json_member(reply, "return"));
  if (answer == NULL)
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU: answered null");
  return answer;
}

json_object *berth_qmp_execute(BerthQmp *qmp, const char *command, json_object *args, guint timeout_ms, GError **error) {
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
  if (qmp->unsent->len > 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s takes no descriptor now", qmp->name);
    return FALSE;
  }
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  struct iovec part = {.iov_base = (char *)line, .iov_len = strlen(line)};
  const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (sendmsg(qmp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (gssize)part.iov_len)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s cannot be given a descriptor: %s", qmp->name, g_strerror(errno));
  return FALSE;
}

json_object *berth_qmp_execute_fd(BerthQmp *qmp, int fd, const char *command, json_object *args, guint timeout_ms, GError **error) {
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

json_object *berth_qmp_event(BerthQmp *qmp, guint timeout_ms, GError **error) {
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

gboolean berth_qmp_has_event(const BerthQmp *qmp) {
  return qmp->events.length > 0;
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
  close(qmp->fd);
  g_byte_array_unref(qmp->received);
  g_byte_array_unref(qmp->unsent);
  g_queue_clear_full(&qmp->events, (GDestroyNotify)berth_json_unref);
  g_hash_table_unref(qmp->expected);
  g_clear_error(&qmp->broken);
  g_free(qmp->name);
}

/* Hands over what is queued. A callback may end the watch, replace it, or free the client. */
static void deliver(BerthQmp *client) {
  BerthQmp *qmp = g_rc_box_acquire(client);
  const Watch *watch = qmp->watch;
  while (qmp->watch == watch && watch != NULL && !g_queue_is_empty(&qmp->events)) {
    g_autoptr(json_object) event = g_queue_pop_head(&qmp->events);
    watch->on_event(qmp, berth_json_member_string(event, "event"), berth_qmp_message_data(event), watch->user_data);
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

static gboolean on_input(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data) {
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
    watch->input = g_unix_fd_source_new(qmp->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
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
    json_object_put(reply);
}

gboolean berth_qmp_ready(BerthQmp *qmp, GError **error) {
  while (!qmp->greeted && pump(qmp, qmp->until) && g_get_monotonic_time() < qmp->until)
    ;
  if (qmp->broken != NULL && !qmp->greeted) {
    propagate_broken(qmp, error);
    return FALSE;
  }
  if (!qmp->greeted) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s did not greet within %u.%u s: it hangs, or serves somebody else",
                qmp->name, TENTHS(qmp->timeout_ms) / 10, TENTHS(qmp->timeout_ms) % 10);
    return FALSE;
  }
  if (qmp->negotiated)
    return TRUE;
  gint64 left = MAX(0, qmp->until - g_get_monotonic_time());
  g_autoptr(json_object) done = berth_qmp_receive(qmp, qmp->capabilities, (guint)(left / 1000), error);
  qmp->negotiated = done != NULL;
  return qmp->negotiated;
}

static BerthQmp *client_new(int fd, const char *name) {
  BerthQmp *qmp = g_rc_box_new0(BerthQmp);
  qmp->fd = fd;
  qmp->name = g_strdup(name);
  qmp->received = g_byte_array_new();
  qmp->unsent = g_byte_array_new();
  g_queue_init(&qmp->events);
  qmp->expected = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, reply_free);
  return qmp;
}

/* What it is to say is on its way before it has greeted: it waits for that in any case. */
static BerthQmp *client_begin(int fd, const char *name, guint timeout_ms) {
  BerthQmp *qmp = client_new(fd, name);
  qmp->timeout_ms = timeout_ms;
  qmp->until = deadline(timeout_ms);
  qmp->capabilities = berth_qmp_send(qmp, "qmp_capabilities", NULL);
  return qmp;
}

static BerthQmp *client_ready(BerthQmp *begun, GError **error) {
  g_autoptr(BerthQmp) qmp = begun;
  return qmp != NULL && berth_qmp_ready(qmp, error) ? g_steal_pointer(&qmp) : NULL;
}

BerthQmp *berth_qmp_new(int fd, const char *name, guint timeout_ms, GError **error) {
  return client_ready(client_begin(fd, name, timeout_ms), error);
}

int berth_qmp_descriptor(const BerthQmp *qmp) {
  gboolean idle = qmp->negotiated && qmp->broken == NULL && !qmp->unsure && qmp->received->len == 0 && qmp->unsent->len == 0 &&
                  qmp->events.length == 0 && g_hash_table_size(qmp->expected) == 0;
  return idle ? qmp->fd : -1;
}

BerthQmp *berth_qmp_go_on(int fd, const char *name) {
  BerthQmp *qmp = client_new(fd, name);
  qmp->greeted = qmp->negotiated = TRUE;
  return qmp;
}

/* One attempt. -1, and errno EAGAIN: the backlog is full, try again. */
static int connect_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  int failure = errno;
  close(fd);
  errno = failure;
  return -1;
}

BerthQmp *berth_qmp_begin(const char *path, guint timeout_ms, GError **error) {
  if (strlen(path) >= MAX_SOCKET_PATH) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: a socket's path may have %zu bytes at most", path,
                MAX_SOCKET_PATH - 1);
    return NULL;
  }
  gint64 until = deadline(timeout_ms);
  int fd = connect_socket(path);
  while (fd < 0 && errno == EAGAIN && g_get_monotonic_time() < until) {
    g_usleep(CONNECT_PAUSE_US);
    fd = connect_socket(path);
  }
  if (fd < 0) {
    gboolean absent = errno == ENOENT || errno == ECONNREFUSED;
    g_set_error(error, BERTH_ERROR, absent ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
    return NULL;
  }
  gint64 left = MAX(0, until - g_get_monotonic_time());
  return client_begin(fd, "QEMU", (guint)(left / 1000));
}

BerthQmp *berth_qmp_connect(const char *path, guint timeout_ms, GError **error) {
  return client_ready(berth_qmp_begin(path, timeout_ms, error), error);
}
