/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <berth/error.h>

G_BEGIN_DECLS

/** BERTH_MAX_BYTES: no document may be longer. */
#define BERTH_MAX_BYTES (16u << 20)

/**
 * berth_file_read:
 * @path: a file; "-" is standard input
 *
 * Returns: (transfer full): all of it. Errors: BERTH_ERROR_NOT_FOUND, BERTH_ERROR_BAD_INPUT (more than @max_bytes),
 * BERTH_ERROR_FAILED.
 */
BERTH_API GBytes *berth_file_read(const char *path, gsize max_bytes, GError **error);

/**
 * berth_file_write:
 *
 * Makes @bytes the content of @path, whole and durably, or leaves it as it was. Errors: BERTH_ERROR_FAILED,
 * BERTH_ERROR_NOT_FOUND (no such folder), BERTH_ERROR_USAGE (no regular file).
 */
BERTH_API gboolean berth_file_write(const char *path, GBytes *bytes, GError **error);

G_END_DECLS
