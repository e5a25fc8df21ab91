/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define BERTH_API __attribute__((visibility("default")))

G_BEGIN_DECLS

/**
 * BERTH_ERROR:
 *
 * The one error domain. Codes say what the caller can do about it; messages are one line, start lower-case, name
 * the thing first, and where a document is at fault begin with "FILE:LINE: ".
 */
#define BERTH_ERROR (berth_error_quark())
BERTH_API GQuark berth_error_quark(void);

typedef enum {
  BERTH_ERROR_FAILED,           /* the operation failed (I/O, QEMU died, time limit) */
  BERTH_ERROR_USAGE,            /* the caller asked for something that makes no sense */
  BERTH_ERROR_NOT_FOUND,        /* no such guest, revision, device, file */
  BERTH_ERROR_BAD_INPUT,        /* the document or record is malformed, contradictory or hostile */
  BERTH_ERROR_UNSUPPORTED,      /* well-formed, but this berth or this QEMU cannot do it */
  BERTH_ERROR_NO_ROOM,          /* no place is left and none can be made */
  BERTH_ERROR_CONFLICT,         /* two parties want one place or one name */
  BERTH_ERROR_BUSY,             /* the guest is running, or another command holds it */
  BERTH_ERROR_DRIFT,            /* QEMU has a device elsewhere than recorded */
  BERTH_ERROR_NEWER,            /* store or record was written by a newer berth; left as it was */
  BERTH_ERROR_REFUSED_BY_GUEST, /* the guest did not let go of a device */
} BerthError;

/**
 * berth_error_exit_status:
 * @error: an error of any domain
 *
 * Returns: the exit status of the command line for @error: 1 failed, 2 usage, 3 not found, 4 bad input,
 * 5 conflict, busy or drift. Errors of other domains are 1.
 */
BERTH_API int berth_error_exit_status(const GError *error);

G_END_DECLS
