/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/move.h"

#include <string.h>

#include "guest/control.h"
#include "guest/launch.h"

/* How long what is left may take once the stream has ended; QEMU answers meanwhile. */
#define PATIENCE_MS 600000
#define ANSWER_MS 30000
#define POLL_US 20000ul
#define LET_GO_MS 10000
/* The longest that QEMU takes: with it, the first estimate of the time that is left is good enough to stop the guest. */
#define AT_ONCE_MS 2000000
#define LIVE_MS 300
#define NO_LIMIT ((gint64)1 << 50)

char *berth_guest_move_path(const char *run_dir) {
  return g_build_filename(run_dir, "move.sock", NULL);
}

static gboolean tell(BerthQmp *qmp, const char *command, json_object *arguments, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, command, arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  return answer != NULL;
}

static gboolean tell_uri(BerthQmp *qmp, const char *command, const char *path, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  g_autofree char *uri = g_strconcat("unix:", path, NULL);
  berth_json_set_string(arguments, "uri", uri);
  return tell(qmp, command, arguments, error);
}

guint64 berth_guest_move_memory(BerthQmp *qmp) {
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "query-memory-size-summary", NULL, BERTH_GUEST_COMMAND_TIMEOUT_MS, NULL);
  return (guint64)(berth_json_member_int(answer, "base-memory", 0) + berth_json_member_int(answer, "plugged-memory", 0));
}

gboolean berth_guest_move_out(BerthQmp *qmp, const char *path, const BerthMoveHow *how, GError **error) {
  g_autoptr(json_object) parameters = json_object_new_object();
  berth_json_set_int(parameters, "downtime-limit", how->live ? LIVE_MS : AT_ONCE_MS);
  berth_json_set_int(parameters, "max-bandwidth", how->bandwidth > 0 ? (gint64)how->bandwidth : NO_LIMIT);
  return tell(qmp, "migrate-set-parameters", parameters, error) && tell_uri(qmp, "migrate", path, error);
}

/* "active", "completed" …; "none" before the first. *@why: what QEMU says about a failure. (transfer full) NULL: no answer. */
static char *status_of(BerthQmp *qmp, char **why, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "query-migrate", NULL, ANSWER_MS, error);
  if (answer == NULL)
    return NULL;
  if (!json_object_is_type(answer, json_type_object)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"query-migrate\" with something else");
    return NULL;
  }
  g_free(*why);
  *why = g_strdup(berth_json_member_string_or(answer, "error-desc", "no reason was given"));
  return g_strdup(berth_json_member_string_or(answer, "status", "none"));
}

/* What has ended is in one of these; a state that is awaited has not even begun while it is in "none". */
static const char *const ended[] = {"none", "completed", "failed", "cancelled", NULL};

/* Waits until the status is one of @final. (transfer full) NULL: no answer, or none in time. */
static char *await_status(BerthQmp *qmp, const char *const *final, char **why, GError **error) {
  gint64 end = g_get_monotonic_time() + PATIENCE_MS * 1000LL;
  char *status = status_of(qmp, why, error);
  while (status != NULL && !g_strv_contains(final, status)) {
    g_free(status);
    if (g_get_monotonic_time() >= end) {
      g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU has not finished within the time limit");
      return NULL;
    }
    g_usleep(POLL_US);
    status = status_of(qmp, why, error);
  }
  return status;
}

gboolean berth_guest_move_done(BerthQmp *qmp, GError **error) {
  g_autofree char *why = NULL;
  g_autofree char *status = await_status(qmp, ended, &why, error);
  if (status == NULL || g_str_equal(status, "completed"))
    return status != NULL;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU: state was not sent (%s): %s", status, why);
  return FALSE;
}

/* The other side may take a moment to let go of the disks. */
static gboolean run_again(BerthQmp *qmp, GError **error) {
  gint64 end = g_get_monotonic_time() + LET_GO_MS * 1000LL;
  g_autoptr(GError) failure = NULL;
  while (!berth_guest_cont(qmp, &failure)) {
    if (berth_qmp_broken(qmp) != NULL || g_get_monotonic_time() >= end) {
      g_propagate_error(error, g_steal_pointer(&failure));
      return FALSE;
    }
    g_clear_error(&failure);
    g_usleep(POLL_US);
  }
  return TRUE;
}

void berth_guest_move_cancel(BerthQmp *qmp) {
  tell(qmp, "migrate_cancel", NULL, NULL);
}

gboolean berth_guest_move_undo(BerthQmp *qmp, gboolean ran, GError **error) {
  g_autofree char *why = NULL;
  berth_guest_move_cancel(qmp);
  g_autofree char *over = await_status(qmp, ended, &why, error);
  g_autofree char *status = over != NULL ? berth_guest_status(qmp, error) : NULL;
  if (status == NULL)
    return FALSE;
  return !ran || g_str_equal(status, "running") || run_again(qmp, error);
}

gboolean berth_guest_move_in(BerthQmp *qmp, const char *path, gboolean runs, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  json_object *late = json_object_new_object();
  json_object *capabilities = json_object_new_array();
  berth_json_set_string(late, "capability", "late-block-activate");
  berth_json_set_boolean(late, "state", runs);
  json_object_array_add(capabilities, late);
  berth_json_set(arguments, "capabilities", capabilities);
  return tell(qmp, "migrate-set-capabilities", arguments, error) && tell_uri(qmp, "migrate-incoming", path, error);
}

gboolean berth_guest_move_arrived(BerthQmp *qmp, BerthProcess *qemu, const char *run_dir, GError **error) {
  g_autofree char *why = NULL;
  g_autofree char *status = await_status(qmp, ended + 1, &why, NULL);
  if (g_strcmp0(status, "completed") == 0)
    return TRUE;
  berth_host_process_wait(qemu, 1000, NULL);
  g_autofree char *words = berth_guest_last_words(run_dir);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU cannot take this state: %s",
              *words != '\0' ? words
              : why != NULL  ? why
                             : "?");
  return FALSE;
}
