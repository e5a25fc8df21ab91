/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pieces of the one checker (check.c, check-disk.c, check-source.c); berth_assign_check() runs them. */
#pragma once

#include "assign/stages.h"

/* Sets @error to "FILE:LINE: DEVICE: …"; always FALSE, for `return`. */
gboolean berth_assign_refuse(const BerthAssignment *assignment, const BerthDevice *device, int code, GError **error,
                             const char *format, ...) G_GNUC_PRINTF(5, 6);
/* "FILE:LINE: DEVICE: @what as OTHER (line N)"; always FALSE. */
gboolean berth_assign_refuse_pair(const BerthAssignment *assignment, const BerthDevice *device, const BerthDevice *other,
                                  const char *what, GError **error);

/* Which bus is for which disk, and IDE only where the machine has it; names and addresses are checked by the drive family. */
gboolean berth_assign_check_disks(const BerthAssignment *assignment, GError **error);
/* NUMA cells, uuid in SMBIOS, boot order, SPICE channels. */
gboolean berth_assign_check_domain(const BerthAssignment *assignment, GError **error);
/* CPU, SMM memory, firmware, displays. */
gboolean berth_assign_check_guest(const BerthAssignment *assignment, GError **error);
/* Whether the type of @device's written address is one that it can have. */
gboolean berth_assign_check_address(const BerthAssignment *assignment, const BerthDevice *device, GError **error);
/* No host device twice (by what of the host it is). */
gboolean berth_assign_check_hostdevs(const BerthAssignment *assignment, GError **error);
/* @text of @unit ("MiB"; NULL or unknown: bytes). What is no number is 0. */
guint64 berth_assign_bytes(const char *text, const char *unit);
/* What a device must say about its back end, and sizes and numbers that must make sense. */
gboolean berth_assign_check_source(const BerthAssignment *assignment, const BerthDevice *device, GError **error);
