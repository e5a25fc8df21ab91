/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <berth/error.h>

GQuark berth_error_quark(void) {
  return g_quark_from_static_string("berth-error-quark");
}

/* What the document or record says is its author's to mend, so "unsupported" and "newer" count as bad input. */
static const int exit_statuses[] = {
    [BERTH_ERROR_FAILED] = 1,      [BERTH_ERROR_USAGE] = 2,   [BERTH_ERROR_NOT_FOUND] = 3,        [BERTH_ERROR_BAD_INPUT] = 4,
    [BERTH_ERROR_UNSUPPORTED] = 4, [BERTH_ERROR_NO_ROOM] = 1, [BERTH_ERROR_CONFLICT] = 5,         [BERTH_ERROR_BUSY] = 5,
    [BERTH_ERROR_DRIFT] = 5,       [BERTH_ERROR_NEWER] = 4,   [BERTH_ERROR_REFUSED_BY_GUEST] = 1,
};

int berth_error_exit_status(const GError *error) {
  if (error == NULL)
    return 0;
  if (error->domain != BERTH_ERROR || error->code < 0 || (gsize)error->code >= G_N_ELEMENTS(exit_statuses))
    return 1;
  return exit_statuses[error->code];
}
