/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes, known by pid AND start time and held by a pidfd, so that a signal never hits a stranger who got the same pid. */
#pragma once

#include <berth/error.h>

typedef struct {
  gint64 pid;
  guint64 start_time; /* /proc/PID/stat, field 22: clock ticks since boot */
  int pidfd;          /* readable once the process has ended; for g_unix_fd_source_new(…, G_IO_IN) */
  gboolean child;     /* of this process: wait reaps it and knows how it ended */
  gboolean leader;    /* of a process group, which berth_host_process_end() ends as a whole if it is a child */
  gboolean ended;     /* wait has seen the end */
  int status;         /* as of waitpid(2); -1: not known (not ended, or not a child) */
} BerthProcess;

/* What a program that is given more than the three standard descriptors finds the first of them at. */
#define BERTH_SPAWN_KEPT 3

/* What spawn needs. Descriptors are borrowed; -1 is /dev/null. */
typedef struct {
  const char *const *argv;      /* argv[0] is an absolute path, or a name looked up in PATH */
  const GPtrArray *environment; /* char *: "NAME=VALUE" besides or instead of this process's own; NULL: none */
  int in, out, err;
  const GArray *keep; /* int: descriptors that it gets besides, as BERTH_SPAWN_KEPT and the following; NULL: none */
  gboolean session;   /* in a session of its own: the terminal's Ctrl-C and hang-up do not reach it */
} BerthSpawn;

/*
 * Starts a program. It does not die with this process. Errors: NOT_FOUND (no such program), FAILED.
 * (transfer full): berth_host_process_free(), which neither waits nor kills.
 */
BerthProcess *berth_host_process_spawn(const BerthSpawn *spawn, GError **error);

/*
 * The same, but what goes on is @body in a copy of this process, which must have no other thread: its result is the exit status. Of
 * @spawn, argv and environment do not matter; of the other descriptors it keeps @keep alone.
 */
BerthProcess *berth_host_process_fork(const BerthSpawn *spawn, int keep, int (*body)(gpointer data), gpointer data, GError **error);

/*
 * Takes hold of a process that may be another's child. Errors: NOT_FOUND: it has ended (a zombie has, unless it is this process's
 * own child: then wait tells how it ended), or its start time is another: the pid was given to somebody else.
 */
BerthProcess *berth_host_process_open(gint64 pid, guint64 start_time, GError **error);
/* The same of a process that was held before, by the descriptor @pidfd, which is taken: it may have ended. */
BerthProcess *berth_host_process_hold(int pidfd, gint64 pid, guint64 start_time);
/* When the process @pid started, as BerthProcess.start_time; 0: there is no such process. */
guint64 berth_host_process_start_time(gint64 pid);
/* What it has used of the processors so far, in milliseconds; 0: there is no such process. */
guint64 berth_host_process_cpu_time(gint64 pid);
/* The process that listens on the unix socket @path; 0: there is none. */
gint64 berth_host_socket_peer(const char *path);
/* What tells one boot of the host from the next: pids and start times begin anew with each. "" if it cannot be told.
 * (transfer full) */
char *berth_host_boot_id(void);
void berth_host_process_free(BerthProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthProcess, berth_host_process_free)

/* Whether it still runs. */
gboolean berth_host_process_alive(BerthProcess *process);

/* Sends @signal. A process that has ended is no error. */
gboolean berth_host_process_kill(BerthProcess *process, int signal, GError **error);

/* Waits until it has ended, at most @timeout_ms (-1: for ever), and reaps it if it is a child. Errors: FAILED: time limit. */
gboolean berth_host_process_wait(BerthProcess *process, int timeout_ms, GError **error);

/* SIGKILL, for a child that was spawned in a session also to what it started itself, and waits for the end (at most 10 s). */
gboolean berth_host_process_end(BerthProcess *process, GError **error);

/* "exit status 1", "signal 9 (Killed)", "unknown end" (not a child). (transfer full) */
char *berth_host_process_outcome(const BerthProcess *process);

/* The last lines of what a program wrote to the seekable descriptor @fd: at most @max_lines, in one line joined by "; ", control
 * characters replaced, "" if it wrote nothing. Lines with one of @chatter (ends with NULL; NULL: none) count only if there are no
 * others. Its offset moves. (transfer full) */
char *berth_host_process_last_words(int fd, guint max_lines, const char *const *chatter);
