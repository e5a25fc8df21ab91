/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

/* The options of virsh's device verbs. */
gboolean cli_change_flags(const CliChange *change, guint *flags, GError **error) {
  *flags = (change->live ? BERTH_CHANGE_LIVE : 0) | (change->config ? BERTH_CHANGE_CONFIG : 0) |
           (change->persistent ? BERTH_CHANGE_PERSISTENT : 0);
  if (change->timeout < 0 || change->timeout > 3600) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--timeout %d: 0 to 3600 seconds are possible", change->timeout);
    return FALSE;
  }
  if (!change->current || *flags == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--current cannot be used together with --live, --config or --persistent");
  return FALSE;
}
