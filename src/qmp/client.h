/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of the QEMU Machine Protocol (QEMU docs/interop/qmp-spec): the protocol and nothing else. It needs no thread and no
 * running main loop: blocking calls drive a main context of their own and end at their time limit. Not thread-safe.
 *
 * Once the stream breaks (closed, garbage, a line above the limit, a reply to nothing) the client is dead: every later call
 * gives the same error. A time limit does not kill it: the late reply is thrown away when it comes.
 */
#pragma once

#include <berth/error.h>
#include "base/json.h"

/* No line from QEMU may be longer. */
#define BERTH_QMP_MAX_LINE (64u << 20)
/* Events that nobody fetches: the newest are kept. What was missed is replaced by queries. */
#define BERTH_QMP_MAX_EVENTS 1024

typedef struct BerthQmp BerthQmp;

/*
 * Connects to the unix socket at @path and negotiates. @timeout_ms covers both; a socket serves one client at a time, so that
 * a monitor that is in use does not greet within it.
 * Errors: NOT_FOUND (no socket there, or nobody listens on it), FAILED (all else).
 * (transfer full): berth_qmp_free().
 */
BerthQmp *berth_qmp_connect(const char *path, guint timeout_ms, GError **error);

/* The same on the connected stream socket @fd, which the client takes in any case. @name is what messages call the other side, e.g.
 * "QEMU". */
BerthQmp *berth_qmp_new(int fd, const char *name, guint timeout_ms, GError **error);

/*
 * The two halves of berth_qmp_connect(), for what can be done meanwhile: begin does not wait for the other side, ready does, until
 * the time limit that begin was given. No command may be given before it was ready.
 */
BerthQmp *berth_qmp_begin(const char *path, guint timeout_ms, GError **error);
gboolean berth_qmp_ready(BerthQmp *qmp, GError **error);

/*
 * For a process that begins anew: the descriptor of a client that has nothing to hand over besides - all that came was fetched,
 * each command was answered, the connection is whole -, which stays its own; -1: it has. And a client that goes on with such a
 * descriptor, which it takes.
 */
int berth_qmp_descriptor(const BerthQmp *qmp);
BerthQmp *berth_qmp_go_on(int fd, const char *name);

/* Closes the connection and drops what is queued. May be called from within a callback. Accepts NULL. */
void berth_qmp_free(BerthQmp *qmp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthQmp, berth_qmp_free)

/*
 * Executes @command with @args ((transfer none), NULL: none) and waits at most @timeout_ms for the reply.
 * Returns: (transfer full): what "return" holds. Errors: QEMU's own as "QEMU: DESC", UNSUPPORTED for class CommandNotFound,
 * NOT_FOUND for DeviceNotFound, FAILED for others and for everything about the connection and the time limit.
 */
json_object *berth_qmp_execute(BerthQmp *qmp, const char *command, json_object *args, guint timeout_ms, GError **error);

/* The same for a command that takes the descriptor @fd along (getfd); it stays the caller's. The stream must be a unix socket's. */
json_object *berth_qmp_execute_fd(BerthQmp *qmp, int fd, const char *command, json_object *args, guint timeout_ms, GError **error);

/*
 * The two halves of berth_qmp_execute(), for several commands on the way at once: send never blocks and returns the id of the
 * command; each id must be received once (or is dropped with the client).
 */
guint64 berth_qmp_send(BerthQmp *qmp, const char *command, json_object *args);
/* As send, but it goes out together with the next that is sent or waited for, or when it is flushed. */
guint64 berth_qmp_queue(BerthQmp *qmp, const char *command, json_object *args);
void berth_qmp_flush(BerthQmp *qmp);
json_object *berth_qmp_receive(BerthQmp *qmp, guint64 id, guint timeout_ms, GError **error);

/*
 * The next event ({"event": …, "data": …, "timestamp": …}), oldest first, waiting at most @timeout_ms for one (0: only what is
 * there). (transfer full): json_object_put(). Errors: FAILED: none came, or the connection broke; berth_qmp_broken() tells.
 */
json_object *berth_qmp_event(BerthQmp *qmp, guint timeout_ms, GError **error);

/* Whether an event has been received that nobody has fetched, or heard, yet. */
gboolean berth_qmp_has_event(const BerthQmp *qmp);

/* Why the client is dead; NULL while it lives. (transfer none) */
const GError *berth_qmp_broken(const BerthQmp *qmp);
/* Whether a command was given that has had no reply, so that nobody knows what became of it: the connection broke, or the time
 * limit was over first. */
gboolean berth_qmp_unsure(const BerthQmp *qmp);

/* @data is NULL for an event without data. */
typedef void (*BerthQmpEventFunc)(BerthQmp *qmp, const char *event, json_object *data, gpointer user_data);
/* Called once, when the connection has broken; @why is berth_qmp_broken(). */
typedef void (*BerthQmpCloseFunc)(BerthQmp *qmp, const GError *why, gpointer user_data);

/*
 * Delivers events (also those already queued) and the end of the connection from @context (NULL: the default one). Blocking
 * calls still work; what comes during them is delivered when @context runs again. A second call replaces the first;
 * @on_event NULL ends it.
 */
void berth_qmp_watch(BerthQmp *qmp, GMainContext *context, BerthQmpEventFunc on_event, BerthQmpCloseFunc on_close,
                     gpointer user_data);
