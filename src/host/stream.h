/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes that go from one place of this host to another: sockets, messages over them, and large amounts copied. Everything here ends
 * when the interrupt says so.
 */
#pragma once

#include <berth/error.h>

/* SIGINT, SIGTERM and SIGHUP of this process wait while it exists, and make @fd readable: what is under way is undone in good order
 * instead. */
typedef struct BerthInterrupt BerthInterrupt;
BerthInterrupt *berth_host_interrupt_new(void);
void berth_host_interrupt_free(BerthInterrupt *interrupt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthInterrupt, berth_host_interrupt_free)
/* TRUE, with @error set (FAILED), if one of them has come. */
gboolean berth_host_interrupted(const BerthInterrupt *interrupt, GError **error);

/*
 * Sockets by URI: "unix:PATH", or "tcp:HOST:PORT" where HOST is 127.…, [::1] or localhost: what goes over them is not encrypted.
 * Descriptors are closed on exec. Errors: USAGE (not such a URI), FAILED, NOT_FOUND (connect: nobody listens there).
 */
/* A unix socket that nobody listens on any more is replaced; it is readable by this user only. */
int berth_host_socket_listen(const char *uri, GError **error);
/* Removes what listen has made in the file system. */
void berth_host_socket_remove(const char *uri);
int berth_host_socket_connect(const char *uri, GError **error);
/* Waits for a client, at most @timeout_ms (-1: for ever). */
int berth_host_socket_accept(int listener, int timeout_ms, const BerthInterrupt *interrupt, GError **error);
/* Whether the other side of a unix socket is a process of this user or of root; FALSE for other sockets. */
gboolean berth_host_socket_trusted(int fd);

/* No message may be longer. */
#define BERTH_HOST_MESSAGE_MAX (64u << 20)
/* Sends a message: a type, a letter, and what belongs to it (@length may be 0). */
gboolean berth_host_message_send(int fd, char type, const void *data, gsize length, GError **error);
/* Receives one; @data (emptied first) gets what belongs to it. Errors: FAILED (time limit, closed, malformed). */
gboolean berth_host_message_receive(int fd, char *type, GByteArray *data, int timeout_ms, const BerthInterrupt *interrupt,
                                    GError **error);

/* What is done with each piece of a stream. */
typedef gboolean (*BerthHostSink)(gpointer data, const guint8 *bytes, gsize length, GError **error);
typedef struct {
  int from;                        /* read until its end */
  int watched;                     /* readable or closed: the copying ends at once; -1: none */
  const BerthInterrupt *interrupt; /* may be NULL */
  gint64 until;                    /* monotonic time when late() is called once; 0: never */
  void (*late)(gpointer data);
  BerthHostSink sink;
  gpointer data;
  guint64 bytes; /* so many so far */
} BerthHostPump;
/* The pieces are whole BERTH_HOST_PIECE bytes but the last, in memory that direct I/O can be done from. FALSE without @error:
 * @watched has something to say. */
#define BERTH_HOST_PIECE (1u << 20)
gboolean berth_host_pump(BerthHostPump *pump, GError **error);

/* Writes all of it. Errors: FAILED with the system's words. @name is what messages call the other side. */
gboolean berth_host_write(int fd, const char *name, const void *bytes, gsize length, GError **error);
