/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/prepare.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define POLL_MS 10
#define GRACE_MS 2000
#define MAX_COPY (64u << 20)

/* Where QEMU's helpers are that are in nobody's PATH. */
static const char *const helper_folders[] = {"/usr/libexec", "/usr/lib/qemu"};

static gboolean is_missing(const BerthQemuNeed *need) {
  return need->path == NULL || !g_file_test(need->path, G_FILE_TEST_EXISTS);
}

GPtrArray *berth_guest_missing(const BerthQemu *qemu) {
  GPtrArray *missing = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < qemu->needs->len; i++) {
    const BerthQemuNeed *need = g_ptr_array_index(qemu->needs, i);
    if (is_missing(need))
      g_ptr_array_add(missing, g_strdup(need->message));
  }
  return missing;
}

gboolean berth_guest_check_needs(const BerthQemu *qemu, GError **error) {
  g_autoptr(GPtrArray) missing = berth_guest_missing(qemu);
  if (missing->len == 0)
    return TRUE;
  g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, g_ptr_array_index(missing, 0));
  return FALSE;
}

/* ---- files ---- */

static gboolean make_file(const BerthQemuFile *file, GError **error) {
  if (file->text == NULL && g_file_test(file->path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autofree char *folder = g_path_get_dirname(file->path);
  g_autoptr(GBytes) bytes =
      file->text != NULL ? g_bytes_new(file->text, strlen(file->text)) : berth_base_file_read(file->from, MAX_COPY, error);
  return bytes != NULL && berth_base_file_make_dir(folder, error) && berth_base_file_write(file->path, bytes, 0600, error);
}

gboolean berth_guest_renew_files(const BerthQemu *qemu, GError **error) {
  gboolean any = FALSE;
  for (guint i = 0; i < qemu->files->len; i++) {
    const BerthQemuFile *file = g_ptr_array_index(qemu->files, i);
    if (file->from == NULL)
      continue;
    any = TRUE;
    if (!g_file_test(file->path, G_FILE_TEST_EXISTS))
      continue; /* start makes it */
    g_autoptr(GBytes) bytes = berth_base_file_read(file->from, MAX_COPY, error);
    if (bytes == NULL || !berth_base_file_write(file->path, bytes, 0600, error))
      return FALSE;
  }
  if (!any)
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE, "it has no UEFI variables that a template is known of");
  return any;
}

/* ---- helpers ---- */

char *berth_guest_find_helper(const char *name) {
  char *program = g_find_program_in_path(name);
  for (guint i = 0; i < G_N_ELEMENTS(helper_folders) && program == NULL && strchr(name, '/') == NULL; i++) {
    g_autofree char *path = g_build_filename(helper_folders[i], name, NULL);
    program = g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer(&path) : NULL;
  }
  return program;
}

static gboolean await_socket(const BerthQemuHelper *helper, BerthProcess *process, gint64 until, GError **error) {
  while (!g_file_test(helper->socket, G_FILE_TEST_EXISTS)) {
    if (berth_host_process_wait(process, POLL_MS, NULL)) {
      g_autofree char *outcome = berth_host_process_outcome(process);
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s ended at once (%s)", helper->message, helper->argv[0], outcome);
      return FALSE;
    }
    if (g_get_monotonic_time() > until) {
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s made no socket within the time limit", helper->message,
                  helper->argv[0]);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean start_helper(const BerthQemuHelper *helper, int log, gint64 until, GPtrArray *helpers, GError **error) {
  g_autofree char *program = berth_guest_find_helper(helper->argv[0]);
  if (program == NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "%s: needs the program %s, which is not installed", helper->message,
                helper->argv[0]);
    return FALSE;
  }
  if (helper->folder != NULL && !berth_base_file_make_dir(helper->folder, error))
    return FALSE;
  g_unlink(helper->socket);
  g_auto(GStrv) argv = g_strdupv(helper->argv);
  g_free(argv[0]);
  argv[0] = g_steal_pointer(&program);
  const BerthSpawn spawn = {.argv = (const char *const *)argv, .in = -1, .out = log, .err = log, .session = TRUE};
  BerthProcess *process = berth_host_process_spawn(&spawn, error);
  if (process == NULL)
    return FALSE;
  g_ptr_array_add(helpers, process);
  return await_socket(helper, process, until, error);
}

void berth_guest_end_helpers(GPtrArray *helpers) {
  for (guint i = 0; helpers != NULL && i < helpers->len; i++) {
    BerthProcess *process = g_ptr_array_index(helpers, i);
    berth_host_process_end(process, NULL);
  }
  g_clear_pointer(&helpers, g_ptr_array_unref);
}

void berth_guest_end_waiting(const char *socket) {
  gint64 pid = berth_host_socket_peer(socket);
  g_autoptr(BerthProcess) helper = pid != 0 ? berth_host_process_open(pid, berth_host_process_start_time(pid), NULL) : NULL;
  if (helper != NULL && berth_host_process_kill(helper, SIGTERM, NULL) && !berth_host_process_wait(helper, GRACE_MS, NULL))
    berth_host_process_end(helper, NULL);
  g_unlink(socket);
}

GPtrArray *berth_guest_prepare(const BerthQemu *qemu, int log, guint timeout_ms, GError **error) {
  gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  GPtrArray *helpers = g_ptr_array_new_with_free_func((GDestroyNotify)berth_host_process_free);
  gboolean done = TRUE;
  for (guint i = 0; done && i < qemu->files->len; i++)
    done = make_file(g_ptr_array_index(qemu->files, i), error);
  for (guint i = 0; done && i < qemu->helpers->len; i++)
    done = start_helper(g_ptr_array_index(qemu->helpers, i), log, until, helpers, error);
  if (done)
    return helpers;
  berth_guest_end_helpers(helpers);
  return NULL;
}
