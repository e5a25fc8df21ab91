/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define READY_MS 180000
#define HEARD_MS 5
#define LINE_MAX_BYTES 65536

/* The supervisor must look at the same world as this process. @ready -1: nobody waits for it. */
static GPtrArray *supervisor_command(const BerthEnv *env, const char *uuid, const char *const *words, int ready) {
  GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
  g_autofree char *below = g_build_filename(env->state_dir, "run", NULL);
  g_ptr_array_add(argv, g_strdup(env->self));
  if (g_str_equal(env->run_dir, below)) {
    g_ptr_array_add(argv, g_strdup("--state"));
    g_ptr_array_add(argv, g_strdup(env->state_dir));
  }
  if (env->qemu != NULL) {
    g_ptr_array_add(argv, g_strdup("--qemu"));
    g_ptr_array_add(argv, g_strdup(env->qemu));
  }
  if (env->qemu_user != NULL) {
    g_ptr_array_add(argv, g_strdup("--qemu-user"));
    g_ptr_array_add(argv, g_strdup(env->qemu_user));
  }
  for (; *words != NULL; words++)
    g_ptr_array_add(argv, g_strdup(*words));
  if (ready >= 0) {
    g_ptr_array_add(argv, g_strdup("--ready-fd"));
    g_ptr_array_add(argv, g_strdup_printf("%d", ready));
  }
  g_ptr_array_add(argv, g_strdup(uuid));
  g_ptr_array_add(argv, NULL);
  return argv;
}

void berth_lib_supervisor_anew(const Berth *berth, const char *uuid, int events, int qemu) {
  g_autofree char *events_word = g_strdup_printf("%d", events), *qemu_word = g_strdup_printf("%d", qemu);
  const char *const words[] = {"adopt", "--events-fd", events_word, "--qemu-fd", qemu_word, NULL};
  g_autoptr(GPtrArray) argv = supervisor_command(berth->env, uuid, words, -1);
  fcntl(events, F_SETFD, 0);
  fcntl(qemu, F_SETFD, 0);
  execvp(berth->env->self, (char *const *)argv->pdata);
  fcntl(events, F_SETFD, FD_CLOEXEC);
  fcntl(qemu, F_SETFD, FD_CLOEXEC);
}

/* Whoever waits for it may have gone; that changes nothing for the guest. */
void berth_lib_tell(int ready, const GError *failure) {
  if (ready < 0)
    return;
  int code = failure != NULL && failure->domain == BERTH_ERROR ? failure->code : BERTH_ERROR_FAILED;
  g_autofree char *line = failure == NULL ? g_strdup("ok\n") : g_strdup_printf("%d %s", code, failure->message);
  if (failure != NULL) {
    g_autofree char *flat = g_strdelimit(g_steal_pointer(&line), "\n\r", ' ');
    line = g_strconcat(flat, "\n", NULL);
  }
  for (gsize done = 0, size = strlen(line); done < size;) {
    gssize n = write(ready, line + done, size - done);
    if (n < 0 && errno != EINTR)
      break;
    done += n > 0 ? (gsize)n : 0;
  }
  /* Who waits goes on first, if he can: with QEMU's threads on all CPUs, that would else be when this process's time is over. But
   * until there is a supervisor, nobody hears QEMU. */
  struct pollfd heard = {.fd = ready};
  poll(&heard, 1, HEARD_MS);
  close(ready);
}

/* Reads one line. FALSE: none came in time, or the other side went without one. */
static gboolean read_line(int fd, GString *line) {
  gint64 end = g_get_monotonic_time() + READY_MS * G_TIME_SPAN_MILLISECOND;
  while (line->len < LINE_MAX_BYTES) {
    gint64 left = (end - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char piece[512];
    int events = left > 0 ? poll(&wait, 1, (int)left) : 0;
    gssize n = events > 0 ? read(fd, piece, sizeof piece) : events;
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    g_string_append_len(line, piece, n);
    if (piece[n - 1] == '\n') {
      g_string_truncate(line, line->len - 1);
      return TRUE;
    }
  }
  return FALSE;
}

/* "ok", or the error's code and message. */
static gboolean understand(const char *line, GError **error) {
  if (g_str_equal(line, "ok"))
    return TRUE;
  char *message = NULL;
  guint64 code = g_ascii_strtoull(line, &message, 10);
  if (message == line || *message != ' ' || code > BERTH_ERROR_REFUSED_BY_GUEST)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "supervisor said: %s", line);
  else
    g_set_error_literal(error, BERTH_ERROR, (int)code, message + 1);
  return FALSE;
}

static gboolean await_ready(BerthProcess *supervisor, int fd, const char *name, int log, GError **error) {
  g_autoptr(GString) line = g_string_new(NULL);
  if (read_line(fd, line))
    return understand(line->str, error);
  gboolean dead = berth_host_process_wait(supervisor, 1000, NULL);
  if (!dead)
    berth_host_process_end(supervisor, NULL);
  g_autofree char *outcome = berth_host_process_outcome(supervisor);
  g_autofree char *words = log >= 0 ? berth_host_process_last_words(log, 3, NULL) : g_strdup("");
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': supervisor %s: %s%s%s", name,
              dead ? "ended before the guest ran" : "did not answer in time", outcome, *words != '\0' ? ": " : "", words);
  return FALSE;
}

/* What the supervisor says when nobody listens any more goes to a file without a name until it has said that all is well. */
static int scratch(void) {
  return open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* A supervisor on its way: what it says is read from @ready, what else it writes is in @log. */
typedef struct {
  int ready, other; /* the pipe's ends: this process's, and the supervisor's */
  int log;
} Birth;

static gboolean birth_begin(Birth *birth, const char *name, GError **error) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': %s", name, g_strerror(errno));
    return FALSE;
  }
  *birth = (Birth){.ready = ends[0], .other = ends[1], .log = scratch()};
  return TRUE;
}

static gboolean birth_end(Birth *birth, BerthProcess *supervisor, const char *name, GError **error) {
  close(birth->other);
  gboolean up = supervisor != NULL && await_ready(supervisor, birth->ready, name, birth->log, error);
  close(birth->ready);
  if (supervisor != NULL && !up)
    berth_host_process_wait(supervisor, 1000, NULL);
  if (birth->log >= 0)
    close(birth->log);
  berth_host_process_free(supervisor);
  return up;
}

gboolean berth_lib_supervisor_start(const Berth *berth, const BerthStoreGuest *guest, const char *const *words, int in,
                                    GError **error) {
  Birth birth;
  if (!birth_begin(&birth, guest->name, error))
    return FALSE;
  g_autoptr(GArray) keep = g_array_new(FALSE, FALSE, sizeof(int));
  g_array_append_val(keep, birth.other);
  g_autoptr(GPtrArray) argv = supervisor_command(berth->env, guest->uuid, words, BERTH_SPAWN_KEPT);
  const BerthSpawn spawn = {
      .argv = (const char *const *)argv->pdata, .in = in, .out = -1, .err = birth.log, .keep = keep, .session = TRUE};
  return birth_end(&birth, berth_host_process_spawn(&spawn, error), guest->name, error);
}

/* ---- start ---- */

typedef struct {
  Berth *berth;
  const char *guest;
  guint flags;
  int ready;
} Start;

/* What "berth run" does, in a copy of the process that was told "start". */
static int run(gpointer data) {
  const Start *start = data;
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  g_unsetenv("NOTIFY_SOCKET");
  return berth_run(start->berth, start->guest, start->flags, start->ready, NULL) ? 0 : 1;
}

/* The command has been started: the supervisor goes on from there. SQLite must not be carried into it. */
static gboolean start_copy(Berth *berth, const char *guest, guint flags, GError **error) {
  Birth birth;
  if (!birth_begin(&birth, guest, error))
    return FALSE;
  Start start = {.berth = berth, .guest = guest, .flags = flags, .ready = birth.other};
  const BerthSpawn spawn = {.in = -1, .out = -1, .err = birth.log, .session = TRUE};
  berth_store_rest(berth->store);
  return birth_end(&birth, berth_host_process_fork(&spawn, birth.other, run, &start, error), guest, error);
}

static gboolean start_command(const Berth *berth, const BerthStoreGuest *guest, guint flags, GError **error) {
  static const struct {
    guint flag;
    const char *word;
  } options[] = {{BERTH_RUN_PAUSED, "--paused"}, {BERTH_RUN_FORCE_BOOT, "--force-boot"}, {BERTH_RUN_RESET_NVRAM, "--reset-nvram"}};
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  g_ptr_array_add(words, (gpointer) "run");
  for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
    if ((flags & options[i].flag) != 0)
      g_ptr_array_add(words, (gpointer)options[i].word);
  g_ptr_array_add(words, NULL);
  return berth_lib_supervisor_start(berth, guest, (const char *const *)words->pdata, -1, error);
}

gboolean berth_start(Berth *berth, const char *guest, guint flags, GError **error) {
  if (berth->env->anew)
    return start_copy(berth, guest, flags, error);
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  return found != NULL && start_command(berth, found, flags, error);
}
