/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's files that QEMU's objects name. */
#pragma once

#include "model/qemu.h"

typedef struct {
  char *path;
  gboolean write; /* else it is only read */
  gboolean make;  /* QEMU would make it if it is not there */
} BerthGuestFile;

/* Images, devices, logs, kernels …, each path once, in the order in which QEMU meets them; sockets are none. Pure.
 * (transfer container full) */
GPtrArray *berth_guest_files(const BerthQemu *qemu);
