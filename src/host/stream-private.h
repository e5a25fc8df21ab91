/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/stream.h"

/* Waits until @fd or @other (-1: none) can be read or has closed; *@first: it is @fd. Errors: FAILED (time limit, interrupted). */
gboolean berth_host_await(int fd, int other, const BerthInterrupt *interrupt, int timeout_ms, gboolean *first, GError **error);
