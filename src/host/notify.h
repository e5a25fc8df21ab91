/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling systemd how it is (sd_notify(3)). */
#pragma once

#include <berth/error.h>

/* Sends @text ("READY=1") to the datagram socket @address (a path, or "@NAME"; NULL: nobody wants to know). Errors: FAILED. */
gboolean berth_host_notify(const char *address, const char *text, GError **error);
