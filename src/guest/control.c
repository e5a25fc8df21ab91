/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/control.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define DUMP "dump"
#define RESTART_TRIES 100
#define RESTART_STEP_US 20000ul

char *berth_guest_status(BerthQmp *qmp, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "query-status", NULL, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  if (answer == NULL)
    return NULL;
  const char *word = berth_json_member_string(answer, "status");
  if (word == NULL)
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"query-status\" with something else");
  return g_strdup(word);
}

static gboolean tell(BerthQmp *qmp, const char *command, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, command, NULL, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  return answer != NULL;
}

gboolean berth_guest_cont(BerthQmp *qmp, GError **error) {
  return tell(qmp, "cont", error);
}

gboolean berth_guest_cont_meanwhile(BerthQmp *qmp, gboolean (*meanwhile)(gpointer data, GError **error), gpointer data,
                                    GError **error) {
  guint64 id = berth_qmp_send(qmp, "cont", NULL);
  gboolean done = meanwhile(data, error);
  g_autoptr(json_object) answer = berth_qmp_receive(qmp, id, BERTH_GUEST_COMMAND_TIMEOUT_MS, done ? error : NULL);
  return answer != NULL && done;
}

gboolean berth_guest_stop(BerthQmp *qmp, GError **error) {
  return tell(qmp, "stop", error);
}

gboolean berth_guest_reset(BerthQmp *qmp, GError **error) {
  return tell(qmp, "system_reset", error);
}

gboolean berth_guest_keep_on_shutdown(BerthQmp *qmp, gboolean keep, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "shutdown", keep ? "pause" : "poweroff");
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "set-action", arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  return answer != NULL;
}

/* QEMU carries a reset out a moment after it was asked for, and does not go on before that. */
gboolean berth_guest_restart(BerthQmp *qmp, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (!berth_guest_reset(qmp, error))
    return FALSE;
  for (guint tries = 0; tries < RESTART_TRIES; tries++) {
    g_clear_error(&failure);
    if (berth_guest_cont(qmp, &failure))
      return TRUE;
    g_usleep(RESTART_STEP_US);
  }
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

static gboolean give_file(BerthQmp *qmp, const char *path, GError **error) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
    return FALSE;
  }
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "fdname", DUMP);
  g_autoptr(json_object) answer = berth_qmp_execute_fd(qmp, fd, "getfd", arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  close(fd);
  if (answer == NULL)
    g_unlink(path);
  return answer != NULL;
}

gboolean berth_guest_dump(BerthQmp *qmp, const char *path, GError **error) {
  if (!give_file(qmp, path, error))
    return FALSE;
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_boolean(arguments, "paging", FALSE);
  berth_json_set_boolean(arguments, "detach", TRUE);
  berth_json_set_string(arguments, "protocol", "fd:" DUMP);
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "dump-guest-memory", arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  if (answer == NULL)
    g_unlink(path);
  return answer != NULL;
}

gboolean berth_guest_powerdown(BerthQmp *qmp, GError **error) {
  return tell(qmp, "system_powerdown", error);
}

gboolean berth_guest_quit(BerthQmp *qmp, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (berth_qmp_broken(qmp) == NULL && (tell(qmp, "quit", &failure) || berth_qmp_broken(qmp) != NULL))
    return TRUE;
  g_propagate_error(error, failure != NULL ? g_steal_pointer(&failure) : g_error_copy(berth_qmp_broken(qmp)));
  return FALSE;
}
