/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has to be there before QEMU is started. */
#pragma once

#include "host/process.h"
#include "model/qemu.h"

#define BERTH_GUEST_HELPERS_MS 10000

/* FALSE if the host lacks something that neither QEMU nor berth makes. Errors: UNSUPPORTED, with file and line of what needs it. */
gboolean berth_guest_check_needs(const BerthQemu *qemu, GError **error);
/* The messages of what is missing now. (transfer container full) */
GPtrArray *berth_guest_missing(const BerthQemu *qemu);

/*
 * Makes the files and starts the helpers of @qemu; the run folder is there. Helpers write to @log
 * (-1: nowhere).
 * (transfer container full): BerthProcess, the helpers; berth_guest_end_helpers() ends and frees them. Errors: NOT_FOUND (no such
 * program), FAILED (one ended or made no socket within @timeout_ms; a file); then those that were started have been ended.
 */
GPtrArray *berth_guest_prepare(const BerthQemu *qemu, int log, guint timeout_ms, GError **error);
/* The absolute path of a program that is in PATH or where QEMU's helpers are; NULL: there is none. (transfer full) */
char *berth_guest_find_helper(const char *name);
/* Makes the files anew that are copies and kept; each is as it was or as its template. Errors: USAGE (there are none), FAILED … */
gboolean berth_guest_renew_files(const BerthQemu *qemu, GError **error);
void berth_guest_end_helpers(GPtrArray *helpers);
/* Ends a helper that still waits for QEMU at @socket: whoever started it was killed before QEMU came, or has gone since. */
void berth_guest_end_waiting(const char *socket);
